// The vector index in a file, for as many vectors as the disk takes.
//
// Rows that were added or removed since save() are in memory and compared exactly; those of the
// file are found by walking a graph (index/graph.h), approximately, where there are enough of them.
// What is found is compared exactly, so similarities are those of an exact search. An index that
// was never saved is exact: the baseline that a graph is judged by. Searches run beside one another
// and wait only while an add or remove copies its rows in; a filter is asked under the index's
// lock.
#ifndef MIMEME_INDEX_VECTOR_INDEX_H_
#define MIMEME_INDEX_VECTOR_INDEX_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "core/vector_index.h"

namespace mimeme {

// Which state of the catalog an index shows: all changes up to `seq` of the vectors of projection
// `generation`.
struct IndexStamp {
  int64_t generation = 0;
  int64_t seq = 0;
  bool operator==(const IndexStamp&) const = default;
};

struct SaveOptions {
  int threads = 0;  // that build; 0: one for each core
  std::stop_token stop;
  // How many rows of `total` are linked, now and then, in the calling thread. Never if no graph is
  // built.
  std::function<void(int64_t linked, int64_t total)> progress;
};

class FileIndex : public VectorIndex {
 public:
  // Rows in memory, and rows of the file that are removed or replaced: what makes searches slower
  // until the next save().
  virtual int64_t unsaved() const = 0;

  // Merges all into a new file: writes a temporary one beside `path`, syncs it, renames it, so a
  // reader sees the old file or the new one. Searches, adds and removes go on meanwhile; what is
  // added or removed meanwhile may or may not be in the file, but is in the index. `stamp`: the
  // state that the index shows at least, when this is called. A second call waits for the first.
  // kIo, kCancelled: nothing has changed.
  virtual Result<> save(const std::string& path, const IndexStamp& stamp,
                        const SaveOptions& options = {}) = 0;
};

struct IndexOptions {
  // From this many rows on the file has a graph. Fewer are compared one by one, which takes less
  // than a millisecond and finds all (a walk takes as long as comparing 1,000).
  int64_t graph_from = 10'000;
  // How many rows a walk keeps: recall against time. So many find 99 % of the nearest ten of a
  // million rows (bench/README.md).
  int breadth = 96;
};

std::unique_ptr<FileIndex> make_index(int dim, const IndexOptions& options = {});

struct LoadedIndex {
  std::unique_ptr<FileIndex> index;
  IndexStamp stamp;
};
// A file that save() wrote, mapped, not read: while it is open it may be replaced or deleted, but
// not be cut short. kNotFound; kCorrupt for anything else than a whole file of this version.
Result<LoadedIndex> load_index(const std::string& path, const IndexOptions& options = {});

}  // namespace mimeme

#endif  // MIMEME_INDEX_VECTOR_INDEX_H_
