// add, similar, remove, status, check, export, import.
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

#include "app/commands.h"
#include "app/learn.h"
#include "app/report.h"
#include "app/target.h"
#include "base/utf8.h"
#include "engine/backup.h"
#include "engine/check.h"
#include "engine/search.h"
#include "engine/transfer.h"
#include "http/answers.h"

namespace mimeme {
namespace fs = std::filesystem;
namespace {

std::string size_text(const ImageInfo& info) {
  return fmt::format("{}×{}", info.width, info.height);
}

void print_transfer(const Context& context, const TransferSummary& summary, const char* done) {
  if (context.json) {
    print_json(context,
               Json::Object{{"images", summary.images}, {"embeddings", summary.embeddings}});
  } else if (!context.quiet) {
    fmt::print(context.out, "{} {}, {}\n", count_of(summary.images, "image"), done,
               count_of(summary.embeddings, "embedding"));
  }
}

}  // namespace

Result<ExitCode> add(const Context& context, const AddArguments& arguments) {
  ProgressBar bar(context);
  TRY(clean_roots(arguments.paths));  // before a library is made for nothing
  const auto describer = TRY(ConfiguredDescriber::open(context.library));
  // Before the library is opened, so that Ctrl-C is never too early to be told what it cost.
  const PipelineOptions pipeline = pipeline_options(context, arguments);
  const auto library = TRY(open_library(
      context, arguments.paths.empty() ? Library::Access::kWrite : Library::Access::kCreate, bar,
      {.stop = pipeline.stop}));
  const IngestSummary summary = TRY(ingest(*library,
                                           {.roots = arguments.paths,
                                            .exclude = arguments.exclude,
                                            .retry_failed = arguments.retry_failed,
                                            .queue = arguments.queue,
                                            .pipeline = pipeline},
                                           events_to(context, bar)));
  std::optional<WordsSummary> words;
  if (!arguments.no_words && !arguments.queue && !summary.cancelled)
    words = TRY(learn_words(*library,
                            {.threads = arguments.threads,
                             .limits = arguments.limits,
                             .stop = pipeline.stop,
                             .describer = describer.describer()},
                            words_events_to(context, bar)));
  bar.clear();
  return report(context, summary, words ? &*words : nullptr);
}

Result<ExitCode> similar(const Context& context, const SimilarArguments& arguments) {
  ProgressBar bar(context);
  const auto library = TRY(open_library(context, Library::Access::kRead, bar));
  SimilarOptions options{.limit = arguments.limit,
                         .min_similarity = static_cast<float>(arguments.min_similarity)};
  std::unique_ptr<ImageEncoder> encoder;
  Query query;
  if (const auto id = as_image_id(arguments.query)) {
    query = TRY(query_by_id(*library, *id));
    options.exclude.push_back(*id);  // its neighbours are asked for
  } else {
    query = TRY(query_by_file(*library, arguments.query, arguments.limits,
                              [&]() -> Result<const ImageEncoder*> {
                                encoder = TRY(library->open_encoder({.threads = 0}));
                                return encoder.get();
                              }));
  }
  const auto hits = TRY(with_images(*library, TRY(match(*library, query, options))));
  if (context.json) {
    print_json(context, Json::Object{{"query", to_utf8(arguments.query)}, {"hits", to_json(hits)}});
  } else if (hits.empty() && !library->searchable()) {
    fmt::print(context.out, "the library holds no pictures yet: run `mimeme add FOLDER`\n");
  } else if (hits.empty()) {
    fmt::print(context.out, "no good match: nothing in the library is at or above {:.2f}\n",
               arguments.min_similarity);
  } else {
    if (hits.front().similarity < kWorthALook)
      fmt::print(context.out, "no good match; the nearest are:\n");
    static constexpr const char* kRelations[] = {"related", "same template", "same picture"};
    std::vector<std::vector<std::string>> rows{{"similarity", "what", "id", "size", "path"}};
    for (const SimilarHit& hit : hits) {
      rows.push_back({fmt::format("{:.3f}", hit.similarity),
                      kRelations[static_cast<int>(relation_of(hit.similarity))],
                      std::to_string(hit.image.id), size_text(hit.image.info),
                      hit.image.paths.empty() ? "" : hit.image.paths.front()});
      for (size_t i = 1; i < hit.image.paths.size(); ++i)
        rows.push_back({"", "", "", "", hit.image.paths[i]});
    }
    print_table(context, rows);
  }
  return hits.empty() ? kExitNothingFound : kExitDone;
}

Result<ExitCode> remove(const Context& context, const RemoveArguments& arguments) {
  ProgressBar bar(context);
  const auto library = TRY(open_library(context, Library::Access::kWrite, bar));
  int64_t removed = 0;
  bool missed = false;
  for (const std::string& target : arguments.targets) {
    int64_t went = 0;  // images: a picture that lies elsewhere too stays
    bool known = false;
    if (const auto id = as_image_id(target)) {
      const auto image = library->catalog().image(*id);
      if (image) {
        TRY(library->catalog().remove_images({{*id}}));
        went = 1;
      } else if (image.error().code != ErrorCode::kNotFound) {
        return image.error();
      }
    } else {
      for (const fs::path& path : catalog_paths(target)) {
        if (path.empty()) continue;
        const int64_t files = TRY(library->catalog().count_files_below(path));
        known = known || files > 0;
        went += TRY(library->catalog().remove_path(path));
      }
    }
    if (!known && went == 0) {
      fmt::print(context.err, "{}: not in the library\n", printable(target));
      missed = true;
    }
    removed += went;
  }
  TRY(library->refresh());
  bar.clear();
  if (context.json) {
    print_json(context, Json::Object{{"removed", removed}});
  } else if (!context.quiet) {
    fmt::print(context.out, "{} forgotten; no file was touched\n", count_of(removed, "image"));
  }
  return missed ? (removed > 0 ? kExitPartly : kExitNothingFound) : kExitDone;
}

Result<ExitCode> status(const Context& context, const StatusArguments& arguments) {
  ProgressBar bar(context);
  const auto library = TRY(open_library(context, Library::Access::kRead, bar));
  Catalog& catalog = library->catalog();
  const CatalogCounts counts = TRY(catalog.counts());
  const auto active = TRY(catalog.active_model());
  const WordCounts words = TRY(catalog.word_counts());
  const auto projection = TRY(catalog.projection());
  const auto searchable = library->searchable();
  const std::vector<std::string> roots = TRY(catalog.roots());
  const std::vector<FailedFile> failed =
      TRY(catalog.failed_files(arguments.failed ? INT32_MAX : 0));
  const int64_t catalog_bytes = TRY(catalog.bytes_on_disk());

  const auto queue = Catalog::is_server(library->options().catalog)
                         ? TRY(catalog.queue())
                         : std::vector<Catalog::QueueCounts>();

  if (context.json) {
    Json::Array failures, stages;
    for (const auto& [stage, waiting, leased, set_aside, workers] : queue)
      stages.push_back(Json::Object{{"stage", stage},
                                    {"waiting", waiting},
                                    {"leased", leased},
                                    {"set_aside", set_aside},
                                    {"workers", workers}});
    for (const FailedFile& file : failed)
      failures.push_back(Json::Object{{"path", to_utf8(file.path)}, {"error", file.error}});
    Json::Object object = TRY(status_to_json(*library));
    if (arguments.failed) object.emplace_back("failed", std::move(failures));
    if (!stages.empty()) object.emplace_back("queue", std::move(stages));
    print_json(context, object);
    return kExitDone;
  }

  std::vector<std::vector<std::string>> rows{
      {"library", context.library + " (" + human_bytes(catalog_bytes) + ")"},
      {"images",
       fmt::format("{} ({} of originals)", human_count(counts.images), human_bytes(counts.bytes))},
      {"files", human_count(counts.files)},
      {"failed", human_count(counts.failed_files) + (counts.failed_files > 0 && !arguments.failed
                                                         ? " (mimeme status --failed names them)"
                                                         : "")},
      {"model", active ? fmt::format("{} ({}-d)", active->name, active->dim) : "none yet"},
  };
  if (projection && projection->kind == "pca") {
    rows.push_back({"projection",
                    fmt::format("PCA {} → {} dimensions, fitted on {}", projection->input_dim,
                                projection->output_dim, count_of(projection->fitted_on, "image"))});
    // Directions that the library's growth brought are not in the old fit.
    if (counts.embedded > 4 * projection->fitted_on)
      rows.push_back({"", "the library has grown fourfold since: consider `mimeme pca fit`"});
  } else if (projection) {
    rows.push_back(
        {"projection",
         fmt::format("none: raw {}-d vectors (PCA comes at {} images, or with `mimeme pca fit`)",
                     projection->input_dim, kPcaMinImages)});
  }
  if (searchable)
    rows.push_back(
        {"searchable", fmt::format("{} ({}, {})", count_of(searchable->index->size(), "image"),
                                   searchable->index->has_graph() ? "by a graph" : "exact",
                                   searchable->index->isa())});
  rows.push_back(
      {"words", fmt::format("{} read, {} described ({} by you), {} with a category, {} suggested",
                            human_count(words.read), human_count(words.described),
                            human_count(words.described_by_user), human_count(words.with_category),
                            human_count(words.with_suggestion))});
  for (const auto& [stage, waiting, leased, set_aside, workers] : queue)
    rows.push_back({"queue", fmt::format("{}: {} waiting, {} with {}, {} set aside", stage,
                                         human_count(waiting), human_count(leased),
                                         count_of(workers, "worker"), human_count(set_aside))});
  for (size_t i = 0; i < roots.size(); ++i) rows.push_back({i == 0 ? "folders" : "", roots[i]});
  print_table(context, rows);
  for (const FailedFile& file : failed)
    fmt::print(context.out, "failed: {}: {}\n", printable(file.path), printable(file.error));
  return kExitDone;
}

Result<ExitCode> check_command(const Context& context, const CheckArguments& arguments) {
  ProgressBar bar(context);
  const auto library = TRY(open_library(context, Library::Access::kWrite, bar));
  const CheckReport found =
      TRY(check(*library, {.read_originals = arguments.read_originals,
                           .progress = [&](const char* what, int64_t done, int64_t total) {
                             bar.update(what, done, total);
                           }}));
  bar.clear();
  if (context.json) {
    const auto list = [](const std::vector<std::string>& sentences) {
      Json::Array array;
      for (const std::string& sentence : sentences) array.emplace_back(to_utf8(sentence));
      return array;
    };
    print_json(context, Json::Object{{"clean", found.clean()},
                                     {"images", found.images},
                                     {"vectors", found.vectors},
                                     {"texts", found.texts},
                                     {"meanings", found.meanings},
                                     {"details", found.details},
                                     {"problems", list(found.problems)},
                                     {"repaired", list(found.repaired)},
                                     {"notes", list(found.notes)}});
  } else {
    for (const std::string& sentence : found.problems)
      fmt::print(context.out, "problem: {}\n", printable(sentence));
    for (const std::string& sentence : found.repaired)
      fmt::print(context.out, "repaired: {}\n", printable(sentence));
    for (const std::string& sentence : found.notes)
      fmt::print(context.out, "note: {}\n", printable(sentence));
    if (!context.quiet)
      fmt::print(context.out, "{}, {}, {} checked: {}\n", count_of(found.images, "image"),
                 count_of(found.vectors, "vector"), count_of(found.texts, "text"),
                 found.clean()            ? "clean"
                 : found.problems.empty() ? "repaired"
                                          : "not clean");
  }
  return found.problems.empty() ? kExitDone : kExitFailed;
}

Result<ExitCode> backup_command(const Context& context, const std::string& folder) {
  const std::stop_token stop = context.stop_on_interrupt();
  ProgressBar bar(context);
  const auto library = TRY(open_library(context, Library::Access::kWrite, bar, {.stop = stop}));
  const BackupSummary summary = TRY(backup(
      *library, folder,
      [&](const char* what, int64_t done, int64_t total) { bar.update(what, done, total); }, stop));
  bar.clear();
  for (const std::string& path : summary.missing)
    fmt::print(context.err, "{}: is not there, and so not in the backup\n", printable(path));
  if (context.json) {
    print_json(context, Json::Object{{"images", summary.images},
                                     {"uploads", summary.uploads},
                                     {"bytes", summary.bytes},
                                     {"missing", static_cast<int64_t>(summary.missing.size())}});
  } else if (!context.quiet) {
    fmt::print(context.out, "{} and {} backed up, {}\n", count_of(summary.images, "image"),
               count_of(summary.uploads, "upload"), human_bytes(summary.bytes));
  }
  return summary.missing.empty() ? kExitDone : kExitPartly;
}

Result<ExitCode> copy_command(const Context& context, const std::string& to) {
  if (!Catalog::is_server(to) && to.find(":/") != to.npos)
    return Error{ErrorCode::kInvalidArgument,
                 "this is no folder, and no address of a PostgreSQL server: "
                 "postgresql://USER@HOST/DATABASE"};
  const std::stop_token stop = context.stop_on_interrupt();
  ProgressBar bar(context);
  const auto from = TRY(open_library(context, Library::Access::kRead, bar));
  // To a server goes the catalog alone; a folder becomes a library.
  std::unique_ptr<Library> library;
  std::unique_ptr<Catalog> on_server;
  if (Catalog::is_server(to))
    on_server = TRY(Catalog::open(to, Catalog::Access::kReadWrite));
  else
    library = TRY(Library::open({.directory = to, .model_folders = context.model_folders},
                                Library::Access::kCreate));
  Catalog& catalog = library ? library->catalog() : *on_server;
  const auto progress = [&](const char* what) {
    return [&bar, what](const std::string& table, int64_t done, int64_t total) {
      bar.update((what + table).c_str(), done, total);
    };
  };
  const auto copied = TRY(from->catalog().copy_to(catalog, progress("copying "), stop));
  const auto arrived = TRY(catalog.digests(progress("comparing ")));
  if (library) TRY(library->refresh());
  bar.clear();
  int64_t rows = 0;
  Json::Array tables;
  for (size_t i = 0; i < copied.size(); ++i) {
    if (copied[i] != arrived[i])
      return Error{ErrorCode::kCorrupt, "the copy's table " + copied[i].table +
                                            " is not what was copied: do not use it"};
    rows += copied[i].rows;
    tables.push_back(Json::Object{{"table", copied[i].table},
                                  {"rows", copied[i].rows},
                                  {"sha256", to_hex(copied[i].sha256)}});
  }
  if (context.json)
    print_json(context, Json::Object{{"tables", std::move(tables)}});
  else if (!context.quiet)
    fmt::print(context.out, "{} of {} copied, and compared: the same on both sides\n",
               count_of(rows, "row"), count_of(static_cast<int64_t>(copied.size()), "table"));
  return kExitDone;
}

Result<ExitCode> export_command(const Context& context, const std::string& folder) {
  ProgressBar bar(context);
  const auto library = TRY(open_library(context, Library::Access::kRead, bar));
  const auto summary = TRY(export_library(*library, folder, [&](int64_t done, int64_t total) {
    bar.update("exporting", done, total);
  }));
  bar.clear();
  print_transfer(context, summary, "exported");
  return kExitDone;
}

Result<ExitCode> import_command(const Context& context, const std::string& folder) {
  ProgressBar bar(context);
  // Read before the library is opened, so that a wrong folder does not make an empty one.
  const Export from = TRY(read_export(
      folder, [&](int64_t done, int64_t total) { bar.update("reading", done, total); }));
  const auto library = TRY(open_library(context, Library::Access::kCreate, bar));
  const auto summary = TRY(import_library(
      *library, from, [&](int64_t done, int64_t total) { bar.update("importing", done, total); }));
  bar.clear();
  print_transfer(context, summary, "imported");
  return kExitDone;
}

}  // namespace mimeme
