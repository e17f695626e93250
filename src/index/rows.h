// Vectors in memory, compared exactly (f16, SIMD), and the order of hits.
// Not thread-safe.
#ifndef MIMEME_INDEX_ROWS_H_
#define MIMEME_INDEX_ROWS_H_

#include <memory>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/types.h"
#include "index/vector_index.h"

namespace mimeme {

// A query and its best hits so far. Keeps a reference to the options.
class Search {
 public:
  Search(std::span<const float> query, const SearchOptions& options);

  // Nothing is similar to zeros, and a limit of none finds none.
  bool is_empty() const { return is_empty_; }
  std::span<const Half> query() const { return query_; }
  const SearchOptions& options() const { return options_; }

  // Compares with a row: query().size() halves. The filter is asked only about what would be a hit.
  void offer(ImageId id, const Half* row);
  // Nearest first; equal similarities by id. Ends the search.
  std::vector<Hit> take();

 private:
  const SearchOptions& options_;
  const std::vector<Half> query_;
  const bool is_empty_;
  std::vector<Hit> best_;  // a heap with the worst on top
};

// resize() leaves new elements as memory has them: they are written at once, and clearing the rows
// of a large index first would take longer than copying them.
template <typename T>
struct Uncleared : std::allocator<T> {
  template <typename U>
  struct rebind {
    using other = Uncleared<U>;
  };
  template <typename U>
  void construct(U* at) {
    ::new (static_cast<void*>(at)) U;
  }
  template <typename U, typename... Arguments>
  void construct(U* at, Arguments&&... arguments) {
    std::construct_at(at, std::forward<Arguments>(arguments)...);
  }
};

class Rows {
 public:
  explicit Rows(int dim) : width_(static_cast<size_t>(dim)) {}

  size_t size() const { return ids_.size(); }
  const std::vector<ImageId>& ids() const { return ids_; }
  const std::vector<Half, Uncleared<Half>>& halves() const { return halves_; }  // size() × dim
  const Half* at(size_t i) const { return halves_.data() + i * width_; }
  // dim halves, or null.
  const Half* find(ImageId id) const;

  // rows: ids.size() × dim. An id that is there already gets the new row.
  void add(std::span<const ImageId> ids, std::span<const Half> rows);
  // Unknown ids are passed over.
  void remove(std::span<const ImageId> ids);
  void search(Search& search) const;

 private:
  Half* place(size_t i) { return halves_.data() + i * width_; }

  size_t width_;
  std::vector<ImageId> ids_;
  std::vector<Half, Uncleared<Half>> halves_;
  std::unordered_map<ImageId, size_t> position_;
};

}  // namespace mimeme

#endif  // MIMEME_INDEX_ROWS_H_
