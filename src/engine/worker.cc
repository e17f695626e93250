#include "engine/worker.h"

#include <algorithm>
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
constexpr std::chrono::seconds kLookForWords{10};  // asking what lacks words reads whole tables
constexpr std::chrono::seconds kPause{10};         // when the server, or a disk, is away
constexpr int kMostAway = 8;

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
    TRY(catalog_.has_waiting(Catalog::kEmbed));  // an error if there is no queue
    while (!stop.stop_requested()) {
      const auto worked = round();
      auto pause = kPoll;
      if (!worked) {
        if (worked.error().code != ErrorCode::kUnavailable) return worked.error();
        log(LogLevel::kWarning, worked.error().message + "; trying again in a while");
        leases_.give_back();
        pause = kPause;
      } else if (*worked) {
        continue;
      } else if (options_.until_empty && !TRY(catalog_.has_waiting(Catalog::kEmbed))) {
        break;
      }
      std::mutex mu;
      std::unique_lock lock(mu);
      std::condition_variable_any().wait_for(lock, stop, pause, [] { return false; });
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
    TRY(fail_deadly_files());
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
    const Catalog::Version version = TRY(catalog_.version());
    if (!worked && version == nothing_lacks_ && !TRY(is_anything_waiting())) return false;
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
    summary_.words.looked_at += words.looked_at;
    summary_.words.read += words.read;
    summary_.words.described += words.described;
    summary_.words.embedded += words.embedded;
    summary_.words.failed += words.failed;
    const bool any = words.looked_at + words.read + words.described + words.embedded > 0;
    nothing_lacks_ = any ? Catalog::Version{} : version;
    return worked || any;
  }

  Result<bool> is_anything_waiting() {
    const auto stages = TRY(catalog_.queue());
    return std::ranges::any_of(stages, [](const auto& stage) { return stage.waiting > 0; });
  }

  Result<> settle(std::span<const IngestResult> batch) {
    for (const IngestResult& result : batch) {
      if (!result.transient) {
        leases_.done(Catalog::kEmbed, result.n);
        away_ = 0;
        continue;
      }
      TRY(leases_.failed(Catalog::kEmbed, result.n, result.error));
      // Who fails is fast: alone it would fail at all that others could do.
      if (++away_ >= kMostAway) {
        away_ = 0;
        return Error{ErrorCode::kUnavailable, std::to_string(kMostAway) +
                                                  " files in a row cannot be read here: are the "
                                                  "disks mounted? The last: " +
                                                  result.path + ": " + result.error};
      }
    }
    if (Clock::now() - projected_ < kProjectEvery) return {};
    TRY(library_.refresh());
    projected_ = Clock::now();
    return {};
  }

  Result<> fail_deadly_files() {
    const std::string error = "each of the " + std::to_string(Catalog::kMostTries) +
                              " workers that had it ended before it was done";
    for (const std::string& path : TRY(catalog_.fail_deadly_files(error))) {
      ++summary_.files.failed;
      events_.failed({.path = path, .error = error});
    }
    return {};
  }

  Library& library_;
  Catalog& catalog_;
  const WorkerOptions& options_;
  const IngestEvents& events_;
  const WordsEvents& words_events_;
  WorkerSummary summary_;
  std::set<std::string> left_out_;  // was said
  int away_ = 0;                    // files in a row that could not be read
  Catalog::Version nothing_lacks_;  // in this state of the catalog, but for what is in the queue
  Clock::time_point projected_ = Clock::now(), looked_for_words_;
  Leases leases_;
};

}  // namespace

Result<WorkerSummary> run_worker(Library& library, const WorkerOptions& options,
                                 const IngestEvents& events, const WordsEvents& words_events) {
  return Worker(library, options, events, words_events).run();
}

}  // namespace mimeme
