// The staged pipeline behind ingest and re-embedding: read and decode ∥ encode ∥ commit, with
// bounded queues between, so that decoding overlaps inference and memory does not grow with the
// work. Threads: docs/architecture.md.
#ifndef MIMEME_ENGINE_PIPELINE_H_
#define MIMEME_ENGINE_PIPELINE_H_

#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "media/decode.h"
#include "model/image_encoder.h"
#include "store/catalog.h"

namespace mimeme {

struct PipelineOptions {
  DecodeLimits limits;
  // 0: as many as there are cores. Each encode thread runs the model on one core; decoding needs a
  // small part of that.
  int decode_threads = 0;
  int encode_threads = 0;
  // Pictures in one inference at most. More gain nothing on a CPU: docs/decisions/0003.
  int encode_batch = 1;
  int ahead = 256;  // work taken from the source before a thread is free for it
  // Results in one transaction at most, or what came in so long: what a kill −9 can cost.
  int commit_batch = 64;
  double commit_seconds = 2;
  // Ends early: what is encoded is committed, the rest is left for the next run.
  std::stop_token stop;
};

// The work after position `after`, at most `limit`; empty at the end. Called from one thread of the
// pipeline.
using WorkSource = std::function<Result<std::vector<Work>>(int64_t after, int limit)>;
// Takes a batch of results to be made durable. Called on the caller's thread, as are all effects
// outside the pipeline.
using ResultSink = std::function<Result<>(std::span<const IngestResult> batch)>;

// Runs until the source is empty, `stop` is requested, or something but a file fails: the source,
// the sink, the catalog, a thread that throws (that error is returned; what the sink has taken
// stands). A file that fails is a result with its error, and never ends the run. What the sink
// throws is thrown on, after all threads have ended.
Result<> run_pipeline(Catalog& catalog, ModelId model, const ImageEncoder& encoder,
                      const WorkSource& source, const ResultSink& sink,
                      const PipelineOptions& options);

}  // namespace mimeme

#endif  // MIMEME_ENGINE_PIPELINE_H_
