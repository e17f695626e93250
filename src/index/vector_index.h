// Nearest neighbours of a vector, for as many as the disk takes. Derived data: a file of it can
// always be rebuilt from the catalog.
//
// Rows that were added or removed since save() are in memory and compared exactly; those of the
// file are found by walking a graph (index/graph.h), approximately, where there are enough of them.
// What is found is compared exactly, so similarities are those of an exact search. An index that
// was never saved is exact: the baseline that a graph is judged by.
//
// Vectors: dim() floats; length does not matter, what is compared is the angle. Similarity: the
// cosine, with what is below 0 shown as 0, so 0..1, 1 identical. A vector of zeros is similar to
// nothing (0). Threads: every method may be called from any thread; searches run beside one another
// and wait only while an add or remove copies its rows in.
#ifndef MIMEME_INDEX_VECTOR_INDEX_H_
#define MIMEME_INDEX_VECTOR_INDEX_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/types.h"

namespace mimeme {

// Which state of the catalog an index shows: all changes up to `seq` of the vectors of projection
// `generation`.
struct IndexStamp {
  int64_t generation = 0;
  int64_t seq = 0;
  bool operator==(const IndexStamp&) const = default;
};

struct SearchOptions {
  int limit = 10;
  float min_similarity = 0;
  // Which images may be hits; empty means all. Called under the index's lock, so it must be quick
  // and not call back.
  std::function<bool(ImageId)> filter;
};

struct SaveOptions {
  int threads = 0;  // that build; 0: one for each core
  std::stop_token stop;
  // How many rows of `total` are linked, now and then, in the calling thread. Never if no graph is
  // built.
  std::function<void(int64_t linked, int64_t total)> progress;
};

class VectorIndex {
 public:
  virtual ~VectorIndex() = default;

  virtual int dim() const = 0;
  virtual int64_t size() const = 0;
  // The instruction set that the distance runs on ("skylake", "haswell"); "serial" is 9–13 times
  // slower than it need be.
  virtual std::string_view isa() const = 0;
  // Whether the file's rows are found by walking a graph; else every search is exact.
  virtual bool has_graph() const = 0;
  // Rows in memory, and rows of the file that are removed or replaced: what makes searches slower
  // until the next save().
  virtual int64_t unsaved() const = 0;

  // rows: ids.size() × dim(). An id that is there already gets the new row. Ids are not 0.
  virtual void add(std::span<const ImageId> ids, std::span<const float> rows) = 0;
  // Unknown ids are passed over.
  virtual void remove(std::span<const ImageId> ids) = 0;

  // Nearest first; equal similarities by id. query: dim() floats. There are min(limit, how many
  // pass) hits.
  virtual std::vector<Hit> search(std::span<const float> query,
                                  const SearchOptions& options) const = 0;
  // The row as it is stored (f16 precision), or empty. For `check`.
  virtual std::vector<float> row(ImageId id) const = 0;
  // About `count` of the rows, spread evenly: n × dim(). What is typical of them all.
  virtual std::vector<float> sample(int64_t count) const = 0;

  // Merges all into a new file: writes a temporary one beside `path`, syncs it, renames it, so a
  // reader sees the old file or the new one. Searches, adds and removes go on meanwhile; what is
  // added or removed meanwhile may or may not be in the file, but is in the index. `stamp`: the
  // state that the index shows at least, when this is called. A second call waits for the first.
  // kIo, kCancelled: nothing has changed.
  virtual Result<> save(const std::string& path, const IndexStamp& stamp,
                        const SaveOptions& options = {}) = 0;

  // Reads the file as a whole. kCorrupt if it is not what was written: opening looks at its head
  // and size only, so without this a damaged row would be believed (but nothing worse).
  virtual Result<> verify() const = 0;
};

struct IndexOptions {
  // From this many rows on the file has a graph. Fewer are compared one by one, which takes less
  // than a millisecond and finds all (a walk takes as long as comparing 1,000).
  int64_t graph_from = 10'000;
  // How many rows a walk keeps: recall against time. So many find 99 % of the nearest ten of a
  // million rows (bench/README.md).
  int breadth = 96;
};

std::unique_ptr<VectorIndex> make_index(int dim, const IndexOptions& options = {});

struct LoadedIndex {
  std::unique_ptr<VectorIndex> index;
  IndexStamp stamp;
};
// A file that save() wrote, mapped, not read: while it is open it may be replaced or deleted, but
// not be cut short. kNotFound; kCorrupt for anything else than a whole file of this version.
Result<LoadedIndex> load_index(const std::string& path, const IndexOptions& options = {});

}  // namespace mimeme

#endif  // MIMEME_INDEX_VECTOR_INDEX_H_
