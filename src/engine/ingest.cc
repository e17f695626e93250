#include "engine/ingest.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "base/log.h"
#include "engine/categories.h"
#include "media/scan.h"

namespace mimeme {
namespace fs = std::filesystem;
namespace {

constexpr size_t kScanPage = 1024;  // files handed to the catalog at a time

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

bool lies_below(const std::string& path, const std::string& root) {
  return path == root || root == "/" || path.starts_with(root + "/");
}

// Walks one root into the plan. Adds to the summary what is passed over.
Result<> scan_root(Library& library, const std::string& root, const IngestOptions& options,
                   Catalog::Plan& plan, int64_t& seen, IngestSummary& summary,
                   const IngestEvents& events) {
  std::vector<Catalog::Plan::Found> page;
  const auto flush = [&]() -> Result<> {
    TRY(plan.add(page));
    seen += static_cast<int64_t>(page.size());
    page.clear();
    events.progress({.phase = Progress::Phase::kScanning, .done = seen});
    return {};
  };
  const ScanSummary scanned =
      TRY(scan(root, {.exclude = options.exclude, .stop = options.pipeline.stop},
               [&](ScannedFile&& file) -> Result<> {
                 page.push_back({.path = std::move(file.path),
                                 .size = file.size,
                                 .mtime_ns = file.mtime_ns,
                                 .problem = std::move(file.problem),
                                 .unseen = file.unseen,
                                 .doubtful = file.doubtful});
                 return page.size() == kScanPage ? flush() : Result<>();
               }));
  TRY(flush());
  summary.not_pictures += scanned.not_pictures;
  summary.excluded += scanned.excluded;
  if (scanned.pictures + scanned.problems == 0 && fs::is_directory(root)) {
    const int64_t known = TRY(library.catalog().count_files_below(root));
    if (known > 0)
      return Error{ErrorCode::kNotFound, root + " holds no picture now, and " +
                                             std::to_string(known) +
                                             " indexed ones are known below it: is the disk "
                                             "mounted? (to forget them: mimeme remove " +
                                             root + ")"};
  }
  return {};
}

// Until no file in the queue waits for workers any more, or a stop is requested: how many do then.
Result<int64_t> wait_for_workers(Catalog& catalog, const std::stop_token& stop,
                                 const IngestEvents& events, Progress& progress) {
  constexpr std::chrono::milliseconds kPoll{500};
  constexpr int kPatience = 20;  // polls
  for (int idle = 0;;) {
    Catalog::QueueCounts counts;
    for (auto& stage : TRY(catalog.queue()))
      if (stage.stage == Catalog::kEmbed) counts = std::move(stage);
    const int64_t left = counts.waiting + counts.leased;
    progress.total = std::max(progress.total, left);  // others may add to it too
    progress.done = progress.total - left;
    events.progress(progress);
    if (left == 0 || stop.stop_requested()) return left;
    // What is put off is not for anybody now.
    idle = counts.leased == 0 && TRY(catalog.has_waiting(Catalog::kEmbed)) ? idle + 1 : 0;
    if (idle == kPatience)
      log(LogLevel::kWarning,
          std::to_string(left) + " files wait, and no worker is at work: start `mimeme worker`");
    std::this_thread::sleep_for(kPoll);
  }
}

}  // namespace

Result<std::vector<std::string>> clean_roots(const std::vector<std::string>& roots) {
  std::vector<std::string> clean;
  for (const std::string& root : roots) {
    std::error_code error;
    const fs::path path = fs::canonical(root, error);
    if (error)
      return Error{ErrorCode::kNotFound, root + ": " + error.message() +
                                             " (to forget what was indexed there: mimeme remove " +
                                             root + ")"};
    clean.push_back(path);
  }
  std::sort(clean.begin(), clean.end());
  std::vector<std::string> outer;
  for (const std::string& root : clean)
    if (std::none_of(outer.begin(), outer.end(),
                     [&](const auto& o) { return lies_below(root, o); }))
      outer.push_back(root);
  return outer;
}

Result<> embed_files(Library& library, ModelId model, const WorkSource& source,
                     const PipelineOptions& options, const IngestEvents& events, Progress& progress,
                     IngestSummary& summary, const ResultSink& committed) {
  Catalog& catalog = library.catalog();
  const auto encoder = TRY(library.open_encoder({.threads = 1}));
  const auto commit = [&](std::span<const IngestResult> batch) -> Result<> {
    TRY(catalog.commit(batch, model));
    log(LogLevel::kDebug, std::to_string(batch.size()) + " results committed");
    for (const IngestResult& result : batch) {
      ++progress.done;
      if (!result.error.empty()) {
        ++summary.failed;
        ++progress.failed;
        events.failed({.path = result.path, .error = result.error});
      } else if (result.embedding.empty()) {
        ++summary.known;
      } else {
        ++summary.embedded;
      }
    }
    events.progress(progress);
    return committed(batch);
  };
  return run_pipeline(catalog, model, *encoder, source, commit, options);
}

Result<IngestSummary> ingest(Library& library, const IngestOptions& options,
                             const IngestEvents& events) {
  const auto start = std::chrono::steady_clock::now();
  Catalog& catalog = library.catalog();
  const std::vector<std::string> roots =
      TRY(clean_roots(options.roots.empty() ? TRY(catalog.roots()) : options.roots));
  if (roots.empty())
    return Error{ErrorCode::kInvalidArgument, "no folder was ever added: name one"};
  if (options.queue)
    TRY(catalog.has_waiting(Catalog::kEmbed));  // an error if there is none, before all is scanned

  IngestSummary summary;
  const int64_t words_before = TRY(catalog.text_seq());
  const auto plan = TRY(catalog.start_plan());
  int64_t seen = 0;
  for (const std::string& root : roots) {
    const auto scanned = scan_root(library, root, options, *plan, seen, summary, events);
    if (!scanned && scanned.error().code == ErrorCode::kCancelled) {
      summary.cancelled = true;
      summary.seconds = seconds_since(start);
      return summary;
    }
    TRY(scanned);
  }

  const Manifest manifest = TRY(library.model());
  const ModelId model = TRY(catalog.register_model(
      {.name = manifest.name, .digest = manifest.digest(), .dim = manifest.dim}));
  if (!TRY(catalog.active_model())) TRY(catalog.set_active_model(model));
  for (const std::string& root : roots)
    if (fs::is_directory(root)) TRY(catalog.add_root(root));

  if (options.retry_failed) {
    for (const std::string& root : roots) TRY(catalog.forget_failed(root));
    if (options.queue) TRY(catalog.retry());
  }
  const PlanCounts counts = TRY(plan->finish(roots, model));
  log(LogLevel::kDebug, std::to_string(seen) + " files found: " + std::to_string(counts.todo) +
                            " to read, " + std::to_string(counts.unchanged) + " unchanged, " +
                            std::to_string(counts.gone) + " gone; model " + manifest.name);
  summary.unchanged = counts.unchanged;
  summary.failed_before = counts.failed_before;
  for (const FailedFile& file : counts.problems) {
    ++summary.failed;
    events.failed(file);
  }

  Progress progress{.phase = Progress::Phase::kEmbedding,
                    .done = 0,
                    .total = counts.todo,
                    .failed = summary.failed};
  if (counts.todo > 0) {
    events.progress(progress);
    if (options.queue) {
      const int64_t failed_before = TRY(catalog.counts()).failed_files;
      TRY(plan->enqueue());
      const int64_t left = TRY(wait_for_workers(catalog, options.pipeline.stop, events, progress));
      summary.queued = std::max(counts.todo - left, int64_t{0});
      summary.failed += std::max(TRY(catalog.counts()).failed_files - failed_before, int64_t{0});
      // They stay in the queue: the next time they are tried again.
      constexpr int kMostNamed = 1000;
      for (const auto& [work, error] : TRY(catalog.set_aside(Catalog::kEmbed, kMostNamed))) {
        ++summary.failed;
        events.failed({.path = work.path, .error = error});
      }
    } else {
      TRY(embed_files(
          library, model, [&](int64_t after, int limit) { return plan->next(after, limit); },
          options.pipeline, events, progress, summary));
    }
  }
  summary.cancelled = options.pipeline.stop.stop_requested();
  // Only now: a file that moved has to be seen in its new place before it is forgotten in its old
  // one.
  if (!summary.cancelled && counts.gone > 0) summary.removed = TRY(plan->remove_gone());
  TRY(library.refresh());
  if (TRY(suggest_categories_since(library, words_before)) > 0) TRY(library.refresh_words());
  summary.seconds = seconds_since(start);
  return summary;
}

Result<IngestSummary> use_model(Library& library, const std::string& name,
                                const PipelineOptions& options, const IngestEvents& events) {
  const auto start = std::chrono::steady_clock::now();
  Catalog& catalog = library.catalog();
  const Manifest manifest = TRY(library.registry().find(name, kImageEmbedding));
  const auto encoder = TRY(library.options().open_encoder(manifest, {.threads = 1}));
  const ModelId model = TRY(catalog.register_model(
      {.name = manifest.name, .digest = manifest.digest(), .dim = manifest.dim}));

  IngestSummary summary;
  const auto active = TRY(catalog.active_model());
  Progress progress{.phase = Progress::Phase::kEmbedding,
                    .total = TRY(catalog.count_images_without_embedding(model))};
  events.progress(progress);
  const auto commit = [&](std::span<const IngestResult> batch) -> Result<> {
    std::vector<IngestResult> good;
    for (const IngestResult& result : batch) {
      ++progress.done;
      if (result.error.empty()) {
        good.push_back(result);
        ++summary.embedded;
      } else {
        // Not recorded: the image is as it was, its old vector still stands.
        ++summary.failed;
        ++progress.failed;
        events.failed({.path = result.path, .error = result.error});
      }
    }
    TRY(catalog.commit(good, model));
    events.progress(progress);
    return {};
  };
  TRY(run_pipeline(
      catalog, model, *encoder,
      [&](int64_t after, int limit) {
        return catalog.images_without_embedding(model, after, limit);
      },
      commit, options));
  summary.cancelled = options.stop.stop_requested();
  if (!summary.cancelled) {
    // Changing over drops the old embeddings: not when most pictures could not be read for new
    // ones.
    const int64_t missing = TRY(catalog.count_images_without_embedding(model));
    if (2 * missing > TRY(catalog.counts()).images)
      return Error{
          ErrorCode::kNotFound,
          std::to_string(missing) +
              " pictures cannot be read: is the disk mounted? The library keeps its model"};
    if (!active || active->id != model) TRY(catalog.set_active_model(model));
    TRY(library.refresh());
  }
  summary.seconds = seconds_since(start);
  return summary;
}

}  // namespace mimeme
