#include <algorithm>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include "core/half.h"
#include "index/kernels.h"
#include "index/rows.h"
#include "index/vector_index.h"

namespace mimeme {
namespace {

class Flat : public VectorIndex {
 public:
  explicit Flat(int dim) : dim_(dim), rows_(dim) {}

  int dim() const override { return dim_; }
  int64_t size() const override {
    std::shared_lock lock(mu_);
    return static_cast<int64_t>(rows_.size());
  }
  std::string_view isa() const override { return kernels().isa; }

  void add(std::span<const ImageId> ids, std::span<const float> rows) override {
    const std::vector<Half> halves = to_half(rows);
    std::unique_lock lock(mu_);
    rows_.add(ids, halves);
  }

  void remove(std::span<const ImageId> ids) override {
    std::unique_lock lock(mu_);
    rows_.remove(ids);
  }

  std::vector<Hit> search(std::span<const float> query,
                          const SearchOptions& options) const override {
    Search search(query, options);
    {
      std::shared_lock lock(mu_);
      rows_.search(search);
    }
    return search.take();
  }

  std::vector<float> row(ImageId id) const override {
    std::shared_lock lock(mu_);
    const Half* row = rows_.find(id);
    return row ? to_float({row, width()}) : std::vector<float>();
  }

  std::vector<float> sample(int64_t count) const override {
    std::shared_lock lock(mu_);
    std::vector<float> rows;
    const size_t step = std::max<size_t>(1, rows_.size() / static_cast<size_t>(count));
    for (size_t i = 0; i < rows_.size(); i += step) {
      const std::vector<float> row = to_float({rows_.at(i), width()});
      rows.insert(rows.end(), row.begin(), row.end());
    }
    return rows;
  }

 private:
  size_t width() const { return static_cast<size_t>(dim_); }

  const int dim_;
  mutable std::shared_mutex mu_;
  Rows rows_;  // guarded by mu_
};

}  // namespace

std::unique_ptr<VectorIndex> make_flat(int dim) { return std::make_unique<Flat>(dim); }

}  // namespace mimeme
