// Measuring search quality against known answers.
#ifndef MIMEME_ENGINE_EVALUATE_H_
#define MIMEME_ENGINE_EVALUATE_H_

#include <functional>
#include <string>
#include <vector>

#include "engine/library.h"

namespace mimeme {

// One row of the report; see core/metrics.h for the measures. Times are of a query as a user makes
// it: read, decode, embed, search (an image of the library is only searched). The model is loaded
// in nobody's time.
struct TaskReport {
  std::string task;
  int64_t queries = 0;
  double r1 = 0, r10 = 0, p5 = 0, map = 0;
  double p50_ms = 0, p99_ms = 0;
  // Of picture queries. Hits that were called the same picture, and how many of them were right;
  // the share of queries with a hit that was called the same picture or of the same template: all
  // of these are wrong where the manifest says that nothing is relevant.
  int64_t same_picture = 0, same_picture_right = 0;
  double labelled = 0;
};

struct EvaluationReport {
  std::vector<TaskReport> tasks;  // in the order of the manifest
  struct Skipped {
    std::string task;
    int64_t queries = 0;
    std::string why;
  };
  std::vector<Skipped> skipped;
};

struct EvaluateOptions {
  // JSON lines: {"task","query":{"image"|"text"},"relevant":[…],"exclude":[…]?}; paths are relative
  // to it.
  std::string manifest;
  // JSON lines: {"image","category"}; empty: none. The images are named so in the library, and what
  // looks like them gets the suggestion. REQUIRES, if given: the library is open for writing.
  std::string labels;
  std::function<void(int64_t done, int64_t total)> progress = [](int64_t, int64_t) {};
};

// An image query is never its own hit when it is an image of the library. kCorrupt and kNotFound
// name the line: an image that should be found has to be in the library (to be indexed first).
Result<EvaluationReport> evaluate(Library& library, const EvaluateOptions& options);

// How faithful the projection is: of each image's ten nearest by another measure, the share that is
// among its ten nearest by the reduced vectors, averaged over `sample` images spread over the
// library.
struct Faithfulness {
  int64_t images = 0;
  // Against raw embeddings seen from the library's mean, what PCA approximates; and as they are.
  double recall_vs_centred = 0;
  double recall_vs_raw = 0;
};
// kInvalidArgument without a PCA. Memory: all raw embeddings (8 KB each at 2048-d). How far it is,
// LibraryOptions::progress is told.
Result<Faithfulness> projection_faithfulness(Library& library, int sample);

}  // namespace mimeme

#endif  // MIMEME_ENGINE_EVALUATE_H_
