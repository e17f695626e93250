// A worker: takes work from the queue of a catalog on a server, beside any number of others on any
// number of machines. Files first, which `mimeme add --queue` puts there; then what pictures say,
// show and mean, as in engine/words.h.
#ifndef MIMEME_ENGINE_WORKER_H_
#define MIMEME_ENGINE_WORKER_H_

#include <chrono>
#include <string>

#include "engine/ingest.h"
#include "engine/words.h"

namespace mimeme {

struct WorkerOptions {
  std::string name;  // no other process has it: "host/pid"
  PipelineOptions pipeline;
  Describer describer;
  bool words = true;         // false: files only
  bool until_empty = false;  // ends when nothing waits any more, instead of waiting for more
  std::chrono::seconds lease = Leases::kSeconds;  // after which others take what a dead worker had
};

struct WorkerSummary {
  IngestSummary files;
  WordsSummary words;
};

// Until a stop is requested: what is done is committed, the rest goes back. A server that has gone
// is waited for, however long. REQUIRES: the library is searched nowhere.
Result<WorkerSummary> run_worker(Library& library, const WorkerOptions& options,
                                 const IngestEvents& events, const WordsEvents& words_events);

}  // namespace mimeme

#endif  // MIMEME_ENGINE_WORKER_H_
