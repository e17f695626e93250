// Bringing a library up to date with folders on disk, and with another model.
#ifndef MIMEME_ENGINE_INGEST_H_
#define MIMEME_ENGINE_INGEST_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/library.h"
#include "engine/pipeline.h"

namespace mimeme {

struct Progress {
  enum class Phase { kScanning, kEmbedding };
  Phase phase = Phase::kScanning;
  int64_t done = 0;
  int64_t total = 0;  // 0: not known yet
  int64_t failed = 0;
};

// For people: "embedding".
constexpr const char* name_of(Progress::Phase phase) {
  constexpr const char* kNames[] = {"scanning", "embedding"};
  return kNames[static_cast<int>(phase)];
}

// Both are called on the thread that called ingest(). How far the derived data is that comes last,
// LibraryOptions::progress is told.
struct IngestEvents {
  std::function<void(const Progress&)> progress = [](const Progress&) {};
  std::function<void(const FailedFile&)> failed = [](const FailedFile&) {};
};

struct IngestOptions {
  std::vector<std::string> roots;  // folders and files; none: all folders added before
  std::vector<std::string> exclude;
  bool retry_failed = false;  // also files that failed before and have not changed
  // Leaves reading and embedding to workers (engine/worker.h), and waits until they have done it.
  bool queue = false;
  PipelineOptions pipeline;
};

struct IngestSummary {
  int64_t embedded = 0;  // pictures that were new or had changed
  int64_t queued = 0;    // files that workers have done, or failed at
  int64_t known = 0;     // files read whose bytes were known: moved, copied, or only touched
  int64_t unchanged = 0;
  int64_t failed = 0;         // in this run
  int64_t failed_before = 0;  // and unchanged since: not tried again
  int64_t removed = 0;        // images whose files are gone
  int64_t not_pictures = 0;
  int64_t excluded = 0;
  bool cancelled = false;
  double seconds = 0;
};

// The roots as ingest() takes them: absolute, links resolved, none inside another. kNotFound.
Result<std::vector<std::string>> clean_roots(const std::vector<std::string>& roots);

// Reads and embeds files, and commits what they come to; counts in
// `summary` and `progress`. `committed` is called after each batch, on this thread. REQUIRES:
// `model` is the active one.
Result<> embed_files(
    Library& library, ModelId model, const WorkSource& source, const PipelineOptions& options,
    const IngestEvents& events, Progress& progress, IngestSummary& summary,
    const ResultSink& committed = [](auto) { return Result<>(); });

// Indexes what is new or changed below the roots and forgets what is gone. Resumable: what a run
// has committed, the next one does not do again. kNotFound for a root that is not there, and for
// one that held pictures and is empty now (an unmounted disk, most likely: nothing is forgotten).
Result<IngestSummary> ingest(Library& library, const IngestOptions& options,
                             const IngestEvents& events);

// Embeds every image again with another model while the old vectors are still searched, then
// changes over. Resumable: if it is stopped or killed, the next call goes on. Images whose file
// cannot be read any more are named through events.failed, and are found again once `ingest` has
// seen them.
Result<IngestSummary> use_model(Library& library, const std::string& name,
                                const PipelineOptions& options, const IngestEvents& events);

}  // namespace mimeme

#endif  // MIMEME_ENGINE_INGEST_H_
