#include "engine/library.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/log.h"
#include "base/utf8.h"
#include "core/half.h"
#include "engine/documents.h"
#include "engine/look.h"

namespace mimeme {
namespace fs = std::filesystem;
namespace {

constexpr int kPage = 2048;  // rows read from the catalog at a time: 16 MB of 2048-d floats

Pca to_pca(const ProjectionRecord& record) {
  return {.input_dim = record.input_dim,
          .output_dim = record.output_dim,
          .mean = record.mean,
          .components = record.components,
          .explained_variance_ratio = record.explained_variance_ratio};
}

}  // namespace

Target decode_target(const Manifest& manifest) {
  return {.width = manifest.input.width,
          .height = manifest.input.height,
          .fit = manifest.input.fit == "crop" ? Fit::kCrop : Fit::kStretch,
          .resize = manifest.input.resize};
}

std::vector<float> Searchable::project(std::span<const float> raw) const {
  std::vector<float> rows(raw.begin(), raw.end());
  l2_normalise(rows, record.input_dim);
  return pca ? mimeme::project(*pca, rows) : rows;
}

std::vector<float> Searchable::project_text(std::span<const float> text) const {
  return pca ? project_directions(*pca, text) : std::vector<float>(text.begin(), text.end());
}

Result<std::unique_ptr<Library>> Library::open(LibraryOptions options, Access access) {
  // DuckDB reads "~", "s3:" and the like at the start of a path in its own way, and stops at "?".
  std::error_code error;
  options.directory = fs::absolute(options.directory, error).lexically_normal();
  if (error || options.directory.find('?') != std::string::npos ||
      to_utf8(options.directory) != options.directory)
    return Error{ErrorCode::kInvalidArgument,
                 options.directory + ": a library's path must be UTF-8, without a question mark"};
  std::unique_ptr<Library> library(new Library(std::move(options)));
  auto opened = library->reopen(access);
  // A library of an older version becomes one of this when it is opened for writing.
  if (!opened && opened.error().code == ErrorCode::kConflict && access == Access::kRead) {
    TRY(library->reopen(Access::kWrite));
    opened = library->reopen(Access::kRead);
  }
  TRY(opened);
  if (access == Access::kRead && library->is_stale()) {
    // An ingest was killed before it could finish what it derives: do that now, unless somebody
    // else is at work or the disk is full.
    auto mended = library->reopen(Access::kWrite);
    if (mended) mended = library->refresh();
    if (!mended && mended.error().code != ErrorCode::kBusy && mended.error().code != ErrorCode::kIo)
      return mended.error();
    if (!mended)
      log(LogLevel::kWarning, "some images are not searchable yet: " + mended.error().message);
    TRY(library->reopen(Access::kRead));
  }
  TRY(library->refresh());
  library->access_keys_ = TRY(AccessKeys::open(*library->catalog_));
  return library;
}

Result<> Library::reopen(Access access) {
  // What has the catalog goes before it.
  searchable_.set(nullptr);
  words_.set(nullptr);
  for (auto* const followed : {&vectors_, &parts_, &meaning_}) followed->reset();
  details_ = nullptr;
  catalog_.reset();
  lock_.reset();
  writable_ = access != Access::kRead;
  const fs::path directory = options_.directory;
  const bool on_server = Catalog::is_server(options_.catalog);
  const std::string where = on_server ? options_.catalog : (directory / "catalog.duckdb").string();
  std::error_code error;
  if (!on_server && access != Access::kCreate && !fs::exists(where, error))
    return error ? Error{ErrorCode::kIo, directory.string() + ": " + error.message()}
                 : Error{ErrorCode::kNotFound, "there is no library in " + directory.string() +
                                                   ": make one with `mimeme add FOLDER`"};
  if (on_server && fs::exists(directory / "catalog.duckdb", error))
    return Error{ErrorCode::kInvalidArgument,
                 directory.string() +
                     ": has a catalog of its own, catalog.duckdb; a library on a "
                     "server needs another --library folder"};
  if (options_.search_in == LibraryOptions::SearchIn::kNowhere) {
    catalog_ = TRY(Catalog::open(where, Catalog::Access::kReadWrite));
    return {};
  }
  if (is_in_database() && !on_server)
    return Error{
        ErrorCode::kInvalidArgument,
        directory.string() + ": search_in = \"database\" is for a catalog on a PostgreSQL server"};
  if (writable_ || on_server) {
    fs::create_directories(is_in_database() ? directory : directory / "index", error);
    if (error) return Error{ErrorCode::kIo, directory.string() + ": " + error.message()};
  }
  lock_ = TRY(LibraryLock::take(
      directory, writable_ ? LibraryLock::Mode::kExclusive : LibraryLock::Mode::kShared));
  if (writable_ && !is_in_database()) {
    // What is left of an index file whose writer was killed.
    for (const auto& entry : fs::directory_iterator(directory / "index", error))
      if (entry.path().filename().string().find(".tmp") != std::string::npos)
        fs::remove(entry.path(), error);
    fs::remove(directory / "index/flat.bin", error);  // what vectors.bin was before it had a graph
  }
  catalog_ =
      TRY(Catalog::open(where, writable_ ? Catalog::Access::kReadWrite : Catalog::Access::kReadOnly,
                        options_.replica));
  if (!is_in_database()) TRY(claim_indexes());
  open_details();
  open_followed();
  return {};
}

// The indexes count the changes of one catalog: of another's numbers they would believe that they
// were their own. So they say whose they are.
Result<> Library::claim_indexes() {
  const fs::path folder = fs::path(options_.directory) / "index", owner = folder / "catalog";
  const std::string id = TRY(catalog_->id());
  std::string claimed;
  if (std::ifstream file(owner); file) std::getline(file, claimed);
  if (claimed == id) return {};
  if (!writable_)
    return Error{ErrorCode::kConflict,
                 folder.string() + ": is of another catalog; open it once for writing"};
  std::error_code error;
  fs::remove_all(folder, error);
  if (!error) fs::create_directories(folder, error);
  if (!error && !id.empty() && !(std::ofstream(owner) << id << std::endl))
    error = std::make_error_code(std::errc::io_error);
  if (error) return Error{ErrorCode::kIo, folder.string() + ": " + error.message()};
  return {};
}

void Library::open_followed() {
  const auto open = [&](const char* file, const char* table,
                        Catalog::Task task) -> std::unique_ptr<FollowedIndex> {
    if (!is_in_database())
      return std::make_unique<FollowedFile>(options_.directory + "/index/" + file, options_.merge);
    return std::make_unique<FollowedTable>(
        *catalog_, table, task,
        writable_ ? FollowedTable::Access::kWrite : FollowedTable::Access::kRead, options_.merge);
  };
  vectors_ = open("vectors.bin", "pictures", Catalog::Task::kPictures);
  parts_ = open("parts.bin", "parts", Catalog::Task::kParts);
  meaning_ = open("meaning.bin", "meanings", Catalog::Task::kMeanings);
}

void Library::open_details() {
  if (is_in_database()) {
    details_ = std::make_unique<Details>(*catalog_);
    return;
  }
  const std::string path = options_.directory + "/index/features.db";
  auto opened = FeatureStore::open(path);
  if (!opened && writable_ &&
      (opened.error().code == ErrorCode::kNotFound || opened.error().code == ErrorCode::kCorrupt)) {
    if (opened.error().code == ErrorCode::kCorrupt)
      log(LogLevel::kWarning,
          opened.error().message + ": begun anew; `mimeme add` looks at the pictures again");
    opened = FeatureStore::create(path);
  }
  // Without it pictures are still found by their embeddings.
  if (!opened) log(LogLevel::kDebug, "no details of pictures: " + opened.error().message);
  features_ = opened ? std::shared_ptr<FeatureStore>(*std::move(opened)) : nullptr;
  details_ = features_ ? std::make_unique<Details>(features_) : nullptr;
}

bool Library::is_stale() {
  const auto counts = catalog_->counts();
  const auto projection = catalog_->projection();
  if (!counts || !projection) return false;
  if (counts->embedded != counts->vectors || (counts->embedded > 0 && !*projection)) return true;
  if (is_in_database() && are_tables_stale(*projection)) return true;
  const auto text = load_text_index();
  if (!text)
    return text.error().code == ErrorCode::kNotFound || text.error().code == ErrorCode::kCorrupt;
  const auto newest = catalog_->text_seq();
  const auto seq = (*text)->seq();
  return !seq || (newest && *seq != *newest);
}

bool Library::are_tables_stale(const std::optional<ProjectionRecord>& projection) {
  const auto version = catalog_->version();
  const auto is_stale = [&](const char* name, int64_t generation, int64_t newest) {
    const auto table = VectorTable::open(*catalog_, name, generation);
    if (!table) return true;
    const VectorTable::State& state = (*table)->when_opened();
    return !state.is_complete || state.seq != newest;
  };
  if (!version) return false;
  if (projection && (is_stale("pictures", projection->id, version->change) ||
                     is_stale("parts", projection->id, version->details)))
    return true;
  const auto meaning = text_model();
  return meaning && *meaning && is_stale("meanings", (*meaning)->id, version->text);
}

Result<Manifest> Library::model() const {
  const auto active = TRY(catalog_->active_model());
  Manifest manifest =
      TRY(registry().find(active ? active->name : options_.default_model, kImageEmbedding));
  if (active && active->digest != manifest.digest())
    return Error{ErrorCode::kConflict,
                 "the model \"" + manifest.name + "\" in " + manifest.file +
                     " is not the one that made this library's vectors; run `mimeme models use " +
                     manifest.name + "` to embed the images again with it"};
  return manifest;
}

Result<std::unique_ptr<ImageEncoder>> Library::open_encoder(const EncoderOptions& options) const {
  return options_.open_encoder(TRY(model()), options);
}

Result<> Library::refresh() {
  Lock lock(derive_mu_);
  TRY(refresh_vectors());
  return publish_words();
}

namespace {

// Another process may put another projection in its place while one is worked with.
Result<> again_if_superseded(const std::function<Result<>()>& work) {
  for (int tries = 3;; --tries) {
    auto done = work();
    if (done || done.error().code != ErrorCode::kConflict || tries == 0) return done;
  }
}

}  // namespace

Result<> Library::refresh_vectors() {
  return again_if_superseded([&] { return derive_vectors(); });
}

Result<> Library::derive_vectors() {
  if (writable_) {
    const auto model = TRY(catalog_->active_model());
    if (!model) return {};
    const CatalogCounts counts = TRY(catalog_->counts());
    if (counts.embedded == 0) {
      searchable_.set(nullptr);
      return {};
    }
    const auto projection = TRY(catalog_->projection());
    const bool none = !projection || projection->model != model->id;
    const bool due = (none || projection->kind == "none") && counts.embedded >= kPcaMinImages &&
                     model->dim <= kMaxPcaDim;
    // Another process may be making it: until then what there is does, if there is anything.
    const auto turn = none || due ? TRY(catalog_->take_turn(Catalog::Task::kProjecting)) : nullptr;
    if (none && !turn) return publish();
    if (turn) {
      const auto now = TRY(catalog_->projection());
      if (now && (!projection || now->id != projection->id))
        return Error{ErrorCode::kConflict, "another process was first"};  // once more
    }
    Result<ProjectionRecord> next = Error{ErrorCode::kNotFound, ""};
    if (due && turn) next = fit(model->id, {}, {});
    // Too few images, or all alike: raw vectors do.
    if (!next && none)
      next = ProjectionRecord{
          .model = model->id, .kind = "none", .input_dim = model->dim, .output_dim = model->dim};
    TRY(next ? replace_projection(*std::move(next))
             : project(*projection, Catalog::Which::kWithoutVector));
  }
  return publish();
}

Result<> Library::project(const ProjectionRecord& record, Catalog::Which which) {
  const Searchable by{.record = record,
                      .pca = record.kind == "pca" ? std::optional(to_pca(record)) : std::nullopt,
                      .index = nullptr};
  const CatalogCounts counts = TRY(catalog_->counts());
  int64_t done = which == Catalog::Which::kAll ? 0 : counts.vectors;
  for (ImageId after = 0;;) {
    const HalfRows page = TRY(catalog_->embeddings(record.model, which, after, kPage));
    if (page.ids.empty()) return {};
    after = page.ids.back();
    TRY(catalog_->add_vectors(record.id,
                              {.ids = page.ids, .rows = by.project(to_float(page.rows))}));
    done += static_cast<int64_t>(page.ids.size());
    options_.progress("projecting", done, counts.embedded);
  }
}

Result<ProjectionRecord> Library::fit_pca(const PcaTarget& target, const std::stop_token& stop) {
  const auto model = TRY(catalog_->active_model());
  if (!model)
    return Error{ErrorCode::kInvalidArgument,
                 "the library is empty: run `mimeme add FOLDER` first"};
  const auto generation = [&]() -> Result<ProjectionId> {
    const auto projection = TRY(catalog_->projection());
    return projection ? projection->id : 0;
  };
  const ProjectionId before = TRY(generation());
  ProjectionRecord fitted = TRY(fit(model->id, target, stop));
  Lock lock(derive_mu_);
  const auto turn = TRY(catalog_->take_turn(Catalog::Task::kProjecting));
  const auto model_now = TRY(catalog_->active_model());
  if (!turn || !model_now || model_now->id != model->id || TRY(generation()) != before)
    return Error{ErrorCode::kConflict, "the projection was changed meanwhile: try again"};
  TRY(replace_projection(std::move(fitted)));
  TRY(publish());
  return searchable()->record;
}

Result<> Library::rebuild(Index index) {
  Lock lock(derive_mu_);
  if (index == Index::kVectors) {
    TRY(vectors_->discard());
    TRY(parts_->discard());
    return publish();
  }
  if (index == Index::kMeaning) TRY(meaning_->discard());
  if (index == Index::kText) {
    const auto turn = TRY(take_text_turn());
    if (!turn) return Error{ErrorCode::kBusy, "another process is at work on the text index"};
    TRY(create_text_index());
  }
  return publish_words();
}

Result<ProjectionRecord> Library::fit(ModelId model, const PcaTarget& target,
                                      const std::stop_token& stop) const {
  std::unique_ptr<PcaFitter> fitter;
  const int64_t total = TRY(catalog_->counts()).embedded;
  for (ImageId after = 0;;) {
    const HalfRows page = TRY(catalog_->embeddings(model, Catalog::Which::kAll, after, kPage));
    if (page.ids.empty()) break;
    after = page.ids.back();
    std::vector<float> rows = to_float(page.rows);
    const int dim = static_cast<int>(rows.size() / page.ids.size());
    if (dim > kMaxPcaDim)
      return Error{ErrorCode::kInvalidArgument,
                   "PCA takes models of up to " + std::to_string(kMaxPcaDim) +
                       " dimensions, this one has " + std::to_string(dim)};
    if (!fitter) fitter = std::make_unique<PcaFitter>(dim);
    l2_normalise(rows, dim);
    fitter->add(rows);
    options_.progress("fitting", fitter->count(), total);
    if (stop.stop_requested()) return Error{ErrorCode::kCancelled, "stopped"};
  }
  if (!fitter) return Error{ErrorCode::kInvalidArgument, "the library has no embeddings yet"};
  Pca pca = TRY(fitter->fit(target));
  log(LogLevel::kDebug, "PCA fitted on " + std::to_string(fitter->count()) +
                            " images: " + std::to_string(pca.input_dim) + " to " +
                            std::to_string(pca.output_dim) + " dimensions");
  return ProjectionRecord{.model = model,
                          .kind = "pca",
                          .input_dim = pca.input_dim,
                          .output_dim = pca.output_dim,
                          .mean = std::move(pca.mean),
                          .components = std::move(pca.components),
                          .explained_variance_ratio = std::move(pca.explained_variance_ratio),
                          .fitted_on = fitter->count()};
}

Result<> Library::replace_projection(ProjectionRecord record) {
  record.id = TRY(catalog_->begin_projection(record));
  TRY(project(record, Catalog::Which::kAll));
  TRY(catalog_->commit_projection(record.id));
  return project(record, Catalog::Which::kWithoutVector);  // what was embedded meanwhile
}

Result<> Library::publish() {
  if (options_.search_in == LibraryOptions::SearchIn::kNowhere) return {};
  return again_if_superseded([&] { return publish_projection(); });
}

Result<> Library::publish_projection() {
  auto record = TRY(catalog_->projection());
  if (!record) {
    searchable_.set(nullptr);
    return {};
  }
  int64_t total = 0;  // counted only if there is anything to add: most opens find nothing
  auto index = TRY(vectors_->follow(
      {.generation = record->id,
       .dim = record->output_dim,
       .removals_since = [&](int64_t seq) { return catalog_->removals_since(seq, record->id); },
       .rows_since = [&](int64_t seq) { return catalog_->vectors_since(seq, kPage, record->id); },
       .progress =
           [&](int64_t indexed) {
             if (total == 0)
               if (const auto counts = catalog_->counts()) total = counts->vectors;
             options_.progress("indexing", indexed, total);
           }}));
  if (!index) {  // of this projection; the one before is there for a while
    is_behind_ = true;
    return {};
  }
  auto next = std::make_shared<Searchable>();
  if (record->kind == "pca") next->pca = to_pca(*record);
  next->record = *std::move(record);
  next->index = std::move(index);
  next->parts = TRY(follow_parts(*next));
  // Sampled again when the library has grown by a tenth: a few vectors more change nothing.
  const auto before = searchable_.get();
  if (before && before->record.id == next->record.id &&
      next->index->size() < before->background.images * 11 / 10) {
    next->background = before->background;
  } else {
    constexpr int64_t kSample = 256;
    next->background = background_of(TRY(next->index->sample(kSample)), next->record.output_dim,
                                     next->index->size());
  }
  searchable_.set(std::move(next));
  return {};
}

// What others have looked at, of a catalog on a server.
Result<> Library::follow_details(ModelId model) {
  if (!writable_ || !features_ || !Catalog::is_server(options_.catalog)) return {};
  constexpr int kDetails = 256;  // 3 MB
  int64_t seq = TRY(features_->followed());
  const Catalog::Removals removals = TRY(catalog_->detail_removals_since(seq));
  if (removals.seq == seq) return {};
  TRY(features_->remove(removals.ids));
  while (seq < removals.seq) {
    auto page = TRY(catalog_->details_since(seq, kDetails, model));
    TRY(add_text_masks(*catalog_, page.details));
    TRY(features_->put(page.details, model));
    seq = page.details.empty() ? removals.seq : std::min(page.seq, removals.seq);
    TRY(features_->set_followed(seq));
  }
  return {};
}

Result<std::shared_ptr<VectorIndex>> Library::follow_parts(const Searchable& by) {
  if (!details_) return std::shared_ptr<VectorIndex>();
  if (const auto followed = follow_details(by.record.model); !followed)
    log(LogLevel::kWarning, "details of pictures are not followed: " + followed.error().message);
  auto followed = parts_->follow(
      {.generation = by.record.id,
       .dim = by.record.output_dim,
       .removals_since = [&](int64_t seq) { return details_->part_removals_since(seq); },
       .rows_since = [&](int64_t seq) -> Result<FloatRows> {
         auto page = TRY(details_->parts_since(seq, kPage, by.record.model, by.record.input_dim));
         if (page.rows.size() != page.ids.size() * static_cast<size_t>(by.record.input_dim))
           return Error{ErrorCode::kCorrupt, "details are damaged: run `mimeme check`"};
         return FloatRows{
             .ids = std::move(page.ids), .rows = by.project(to_float(page.rows)), .seq = page.seq};
       },
       .progress = [](int64_t) {}});
  if (!followed)
    log(LogLevel::kWarning, "parts of pictures are not searched: " + followed.error().message);
  if (followed && *followed) return followed;
  is_behind_ = is_in_database();
  const auto before = searchable_.get();
  return before && before->record.id == by.record.id ? before->parts
                                                     : std::shared_ptr<VectorIndex>();
}

std::string Library::uploads() const {
  const fs::path folder = options_.uploads.empty() ? "uploads" : options_.uploads;
  return fs::weakly_canonical(fs::absolute(options_.directory)) / folder;
}

Result<> Library::catch_up() {
  const Catalog::Version version = TRY(catalog_->version());  // first: it brings a replica on
  TRY(access_keys_->reload());
  if (is_behind_.exchange(false) || version != followed_) {
    auto refreshed = refresh_pictures();
    if (refreshed) refreshed = refresh_words();
    is_behind_ = is_behind_ || !refreshed;
    TRY(std::move(refreshed));
    followed_ = version;
  }
  // Who embedded a picture projects it; but he may have been killed before.
  constexpr std::chrono::minutes kMendEvery{1};
  const auto now = std::chrono::steady_clock::now();
  if (now - mended_ < kMendEvery) return {};
  mended_ = now;
  return is_stale() ? refresh() : Result<>();
}

Result<> Library::refresh_pictures() {
  Lock lock(derive_mu_);
  return publish();
}

Result<std::shared_ptr<TextIndex>> Library::open_text_index() {
  if (const auto current = words_.get()) return current->text;
  auto opened = load_text_index();
  if (!opened && writable_ &&
      (opened.error().code == ErrorCode::kNotFound || opened.error().code == ErrorCode::kCorrupt)) {
    if (opened.error().code == ErrorCode::kCorrupt)
      log(LogLevel::kWarning, opened.error().message + ": made again from the catalog");
    return create_text_index();
  }
  return std::shared_ptr<TextIndex>(TRY(std::move(opened)));
}

Result<std::unique_ptr<TextIndex>> Library::load_text_index() {
  if (is_in_database()) return TextIndex::over(TRY(catalog_->text_store()));
  return TextIndex::open(text_path());
}

Result<std::shared_ptr<TextIndex>> Library::create_text_index() {
  words_.set(nullptr);
  if (is_in_database()) {
    TRY(catalog_->clear_text_store());
    return std::shared_ptr<TextIndex>(TRY(load_text_index()));
  }
  return std::shared_ptr<TextIndex>(TRY(TextIndex::create(text_path())));
}

Result<std::unique_ptr<Catalog::Turn>> Library::take_text_turn() {
  if (is_in_database()) return wait_for_turn(*catalog_, Catalog::Task::kTexts);
  return std::make_unique<Catalog::Turn>();  // the folder's lock is enough
}

Result<> Library::follow_texts(TextIndex& index) {
  return follow(index, *catalog_,
                [&](int64_t indexed) { options_.progress("indexing words", indexed, 0); });
}

Result<> Library::refresh_words() {
  Lock lock(derive_mu_);
  return publish_words();
}

Result<std::optional<ModelRecord>> Library::text_model() const {
  const auto manifest = registry().find(options_.text_model, kTextEmbedding);
  return manifest ? catalog_->find_model(manifest->digest()) : std::optional<ModelRecord>();
}

Result<> Library::publish_words() {
  if (options_.search_in == LibraryOptions::SearchIn::kNowhere) return {};
  auto text = open_text_index();
  const auto turn = text && writable_ ? TRY(take_text_turn()) : nullptr;
  is_behind_ = is_behind_ || (text && writable_ && !turn);
  if (turn) {
    auto followed = follow_texts(**text);
    const auto is_of_index = [&](ErrorCode code) {  // not of the catalog that it follows
      if (is_in_database()) return code == ErrorCode::kCorrupt;  // and others search it
      return code != ErrorCode::kIo && code != ErrorCode::kBusy &&
             code != ErrorCode::kUnavailable && code != ErrorCode::kForbidden;
    };
    if (!followed && is_of_index(followed.error().code)) {
      log(LogLevel::kWarning, followed.error().message + ": made again from the catalog");
      text = create_text_index();
      if (text) followed = follow_texts(**text);
    }
    TRY(followed);
  }
  if (!text && is_in_database() && text.error().code != ErrorCode::kNotFound) return text.error();
  if (!text) {
    // Search by picture does not need it.
    log(LogLevel::kDebug, "no search by words: " + text.error().message);
    words_.set(nullptr);
    return {};
  }
  auto next = std::make_shared<Words>();
  next->text = *std::move(text);
  if (const auto model = TRY(text_model())) {
    next->text_model = model->id;
    next->meaning = TRY(meaning_->follow(
        {.generation = model->id,
         .dim = model->dim,
         .removals_since = [&](int64_t seq) { return catalog_->text_removals_since(seq); },
         .rows_since =
             [&](int64_t seq) { return catalog_->text_vectors_since(model->id, seq, kPage); },
         .progress =
             [&](int64_t indexed) { options_.progress("indexing meanings", indexed, 0); }}));
    if (!next->meaning) is_behind_ = true;
  }
  words_.set(std::move(next));
  return {};
}

}  // namespace mimeme
