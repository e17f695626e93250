// A vector index that follows the catalog: kept in memory and in a file, caught up with what has
// changed since, made anew if it is of another generation. Losing the file loses nothing.
#ifndef MIMEME_ENGINE_FOLLOWED_INDEX_H_
#define MIMEME_ENGINE_FOLLOWED_INDEX_H_

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "index/vector_index.h"
#include "store/catalog.h"

namespace mimeme {

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

  explicit FollowedIndex(std::string path) : path_(std::move(path)) {}

  // Takes the index from memory, else from its file, else begins an empty one; then brings it up to
  // the source, and the file too when much has changed.
  Result<std::shared_ptr<StoredIndex>> follow(const Source& source);
  // The next follow() reads everything from the source.
  void discard();

 private:
  const std::string path_;
  std::shared_ptr<StoredIndex> index_;
  IndexStamp stamp_;
};

}  // namespace mimeme

#endif  // MIMEME_ENGINE_FOLLOWED_INDEX_H_
