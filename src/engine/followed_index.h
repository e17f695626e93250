// A vector index that follows the catalog: kept in a file, and what has changed since then in
// memory; made anew if it is of another generation. Losing the file loses nothing.
#ifndef MIMEME_ENGINE_FOLLOWED_INDEX_H_
#define MIMEME_ENGINE_FOLLOWED_INDEX_H_

#include <atomic>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "base/result.h"
#include "index/vector_index.h"
#include "store/catalog.h"

namespace mimeme {

// When many changes are merged into the file, which takes as long as the file is large.
enum class Merge {
  kAtOnce,  // follow() returns when it is done
  // By a thread of its own, on one core at a lower priority, for a process that stays: searches and
  // changes go on. It is given up when the FollowedIndex ends.
  kBehind,
};

struct MergeOptions {
  Merge when = Merge::kAtOnce;
  // Gives a merge up: what is new stays in memory, and the next one begins again.
  std::stop_token stop;
};

// Not thread-safe; the index that it gives is.
class FollowedIndex {
 public:
  // The vectors of one generation.
  struct Source {
    int64_t generation = 0;
    int dim = 0;
    std::function<Result<Catalog::Removals>(int64_t seq)> removals_since;
    std::function<Result<FloatRows>(int64_t seq)> rows_since;  // a page
    std::function<void(int64_t indexed)> progress;
  };

  FollowedIndex(std::string path, MergeOptions options)
      : path_(std::move(path)), options_(std::move(options)) {}

  // Takes the index from memory, else from its file, else begins an empty one; then brings it up to
  // the source, and the file too when much has changed (then or later).
  Result<std::shared_ptr<VectorIndex>> follow(const Source& source);
  // The next follow() reads everything from the source.
  void discard();

 private:
  void merge(VectorIndex& index, const IndexStamp& stamp, const SaveOptions& options) const;

  const std::string path_;
  const MergeOptions options_;
  std::shared_ptr<VectorIndex> index_;
  IndexStamp stamp_;
  std::atomic<bool> is_merging_ = false;
  std::jthread merging_;
};

}  // namespace mimeme

#endif  // MIMEME_ENGINE_FOLLOWED_INDEX_H_
