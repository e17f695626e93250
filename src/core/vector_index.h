// Nearest neighbours of a vector. Derived data: it can always be made again from the catalog. Two
// keep it: a file that is mapped (index/vector_index.h), and a table on a PostgreSQL server
// (Catalog::vector_table()).
//
// Vectors: dim() floats; length does not matter, what is compared is the angle. Similarity: the
// cosine, with what is below 0 shown as 0, so 0..1, 1 identical. A vector of zeros is similar to
// nothing (0). Threads: every method may be called from any thread. Errors: those of where it is
// kept; one in a file or in memory has none, but for verify().
#ifndef MIMEME_CORE_VECTOR_INDEX_H_
#define MIMEME_CORE_VECTOR_INDEX_H_

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "core/types.h"

namespace mimeme {

// Which ids may be hits.
struct IdFilter {
  std::function<bool(ImageId)> passes;  // empty: all. Must be quick and not call back.
  // Whatever passes is one of these, if who asks has them at hand: few of them are compared one by
  // one. In any order; null: not known.
  std::shared_ptr<const std::vector<ImageId>> among;

  IdFilter() = default;
  template <std::predicate<ImageId> Passes>
  requires(!std::same_as<Passes, IdFilter>)
      IdFilter(Passes passing,  // NOLINT(google-explicit-constructor): a filter is such a function
               std::shared_ptr<const std::vector<ImageId>> known = nullptr)
      : passes(std::move(passing)), among(std::move(known)) {}

  explicit operator bool() const { return passes != nullptr; }
  bool operator()(ImageId id) const { return passes(id); }
};

struct SearchOptions {
  int limit = 10;
  float min_similarity = 0;
  IdFilter filter;
};

class VectorIndex {
 public:
  virtual ~VectorIndex() = default;

  virtual int dim() const = 0;
  virtual int64_t size() const = 0;
  // What compares: the instruction set that the distance runs on ("skylake", "haswell"; "serial" is
  // 9–13 times slower than it need be), or "pgvector".
  virtual std::string_view isa() const = 0;
  // Whether rows are found by walking a graph, approximately; else every search is exact.
  virtual bool has_graph() const = 0;

  // rows: ids.size() × dim(). An id that is there already gets the new row. Ids are not 0, and
  // each is there once.
  virtual Result<> add(std::span<const ImageId> ids, std::span<const float> rows) = 0;
  // Unknown ids are passed over.
  virtual Result<> remove(std::span<const ImageId> ids) = 0;

  // Nearest first; equal similarities by id. query: dim() floats. There are min(limit, how many
  // pass) hits; a table comes to fewer if those that pass are rare and `among` is not said.
  virtual Result<std::vector<Hit>> search(std::span<const float> query,
                                          const SearchOptions& options) const = 0;
  // Of each of `ids` the row as it is stored (f16 precision), or an empty one.
  virtual Result<std::vector<std::vector<float>>> rows(std::span<const ImageId> ids) const = 0;
  Result<std::vector<float>> row(ImageId id) const { return TRY(rows({&id, 1})).front(); }
  // Those of `ids` that have a row, in their order.
  virtual Result<std::vector<ImageId>> known(std::span<const ImageId> ids) const = 0;
  // About `count` of the rows, spread evenly: n × dim(). What is typical of them all.
  virtual Result<std::vector<float>> sample(int64_t count) const = 0;
  // Reads it as a whole. kCorrupt if it is not what was written: a file is opened by its head and
  // size, so without this a damaged row would be believed (but nothing worse).
  virtual Result<> verify() const = 0;
};

}  // namespace mimeme

#endif  // MIMEME_CORE_VECTOR_INDEX_H_
