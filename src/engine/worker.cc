#include "engine/worker.h"

#include <condition_variable>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "base/log.h"

namespace mimeme {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kPoll{1};           // of a queue that is empty
constexpr std::chrono::seconds kProjectEvery{10};  // what was embedded is searchable after that
constexpr std::chrono::seconds kLookForWords{10};  // asking what lacks words reads the catalog
constexpr int kSetAsidePage = 100;

class Worker {
 public:
  Worker(Library& library, const WorkerOptions& options, const IngestEvents& events,
         const WordsEvents& words_events)
      : library_(library),
        catalog_(library.catalog()),
        options_(options),
        events_(events),
        words_events_(words_events),
        leases_(catalog_, options.name, options.lease) {}

  Result<WorkerSummary> run() {
    const auto start = Clock::now();
    const std::stop_token& stop = options_.pipeline.stop;
    TRY(catalog_.queue());  // an error if there is none
    while (!stop.stop_requested()) {
      const auto worked = round();
      if (!worked) {
        if (worked.error().code != ErrorCode::kUnavailable) return worked.error();
        log(LogLevel::kWarning, worked.error().message + "; waiting for it");
        leases_.give_back();
      } else if (*worked) {
        continue;
      } else if (options_.until_empty) {
        break;
      }
      std::mutex mu;
      std::unique_lock lock(mu);
      std::condition_variable_any().wait_for(lock, stop, kPoll, [] { return false; });
    }
    summary_.files.cancelled = stop.stop_requested();
    summary_.files.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    return std::move(summary_);
  }

 private:
  // True if there was anything to do.
  Result<bool> round() {
    const auto active = TRY(catalog_.active_model());
    if (!active) return false;
    TRY(record_set_aside(active->id));
    bool worked = false;
    const WorkSource none = [](int64_t, int) { return std::vector<Work>(); };
    if (TRY(leases_.has_work(Catalog::kEmbed, none))) {
      worked = true;
      PipelineOptions pipeline = options_.pipeline;
      pipeline.ahead = Leases::kAhead;
      Progress progress{.phase = Progress::Phase::kEmbedding};
      const auto embedded = embed_files(library_, active->id, leases_.source(Catalog::kEmbed, none),
                                        pipeline, events_, progress, summary_.files,
                                        [this](auto batch) { return settle(batch); });
      leases_.give_back();
      TRY(embedded);
      TRY(library_.refresh());
    }
    if (!options_.words || options_.pipeline.stop.stop_requested()) return worked;
    if (!worked && Clock::now() - looked_for_words_ < kLookForWords) return false;
    WordsSummary words = TRY(learn_words(library_,
                                         {.threads = options_.pipeline.encode_threads,
                                          .limits = options_.pipeline.limits,
                                          .stop = options_.pipeline.stop,
                                          .describer = options_.describer,
                                          .leases = &leases_},
                                         words_events_));
    looked_for_words_ = Clock::now();
    for (const std::string& why : words.left_out)
      if (left_out_.insert(why).second) log(LogLevel::kWarning, why);
    summary_.words.read += words.read;
    summary_.words.described += words.described;
    summary_.words.embedded += words.embedded;
    summary_.words.failed += words.failed;
    return worked || words.read + words.described + words.embedded > 0;
  }

  Result<> settle(std::span<const IngestResult> batch) {
    for (const IngestResult& result : batch) {
      if (result.transient)
        TRY(leases_.failed(Catalog::kEmbed, result.n, result.error));
      else
        leases_.done(Catalog::kEmbed, result.n);
    }
    if (Clock::now() - projected_ < kProjectEvery) return {};
    TRY(library_.refresh());
    projected_ = Clock::now();
    return {};
  }

  // Files that nobody could read, or that their readers died of, have failed.
  Result<> record_set_aside(ModelId model) {
    std::vector<IngestResult> batch;
    for (auto& [work, error] : TRY(catalog_.set_aside(Catalog::kEmbed, kSetAsidePage))) {
      if (error.empty())
        error = "each of the " + std::to_string(Catalog::kMostTries) +
                " workers that had it ended before it was done";
      batch.push_back({.path = work.path,
                       .size = work.size,
                       .mtime_ns = work.mtime_ns,
                       .error = std::move(error)});
      ++summary_.files.failed;
      events_.failed({.path = batch.back().path, .error = batch.back().error});
    }
    return catalog_.commit(batch, model);
  }

  Library& library_;
  Catalog& catalog_;
  const WorkerOptions& options_;
  const IngestEvents& events_;
  const WordsEvents& words_events_;
  WorkerSummary summary_;
  std::set<std::string> left_out_;  // was said
  Clock::time_point projected_ = Clock::now(), looked_for_words_;
  Leases leases_;
};

}  // namespace

Result<WorkerSummary> run_worker(Library& library, const WorkerOptions& options,
                                 const IngestEvents& events, const WordsEvents& words_events) {
  return Worker(library, options, events, words_events).run();
}

}  // namespace mimeme
