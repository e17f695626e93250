// Nearest neighbours of a vector. Derived data: a file of it can always be rebuilt from the
// catalog.
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

class VectorIndex {
 public:
  virtual ~VectorIndex() = default;

  virtual int dim() const = 0;
  virtual int64_t size() const = 0;
  // The instruction set that the distance runs on ("skylake", "haswell"); "serial" is 9–13 times
  // slower than it need be.
  virtual std::string_view isa() const = 0;

  // rows: ids.size() × dim(). An id that is there already gets the new row.
  virtual void add(std::span<const ImageId> ids, std::span<const float> rows) = 0;
  // Unknown ids are passed over.
  virtual void remove(std::span<const ImageId> ids) = 0;

  // Nearest first; equal similarities by id. query: dim() floats.
  virtual std::vector<Hit> search(std::span<const float> query,
                                  const SearchOptions& options) const = 0;
  // The row as it is stored (f16 precision), or empty. For `check`.
  virtual std::vector<float> row(ImageId id) const = 0;

  // About `count` of the rows, spread evenly: n × dim(). What is typical of them all.
  virtual std::vector<float> sample(int64_t count) const = 0;

  // Writes a temporary file beside `path`, syncs it, renames it: a reader sees the old file or the
  // new one. kIo.
  virtual Result<> save(const std::string& path, const IndexStamp& stamp) const = 0;
};

struct LoadedIndex {
  std::unique_ptr<VectorIndex> index;
  IndexStamp stamp;
};

// Exact search: compares with every row (f16, SIMD). The baseline that any other index is judged
// by.
std::unique_ptr<VectorIndex> make_flat(int dim);
// A file that save() wrote. kNotFound; kCorrupt for anything else than a whole file of this
// version.
Result<LoadedIndex> load_flat(const std::string& path);

}  // namespace mimeme

#endif  // MIMEME_INDEX_VECTOR_INDEX_H_
