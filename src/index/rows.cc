#include "index/rows.h"

#include <algorithm>

#include "core/half.h"
#include "index/kernels.h"

namespace mimeme {
namespace {

bool nearer(const Hit& a, const Hit& b) {
  return a.similarity != b.similarity ? a.similarity > b.similarity : a.id < b.id;
}

}  // namespace

Search::Search(std::span<const float> query, const SearchOptions& options)
    : options_(options),
      query_(to_half(query)),
      is_empty_(options.limit <= 0 ||
                std::all_of(query.begin(), query.end(), [](float v) { return v == 0; })) {}

void Search::offer(ImageId id, const Half* row) {
  float distance = 0;
  kernels().cosine_distance_half(query_.data(), row, query_.size(), &distance);
  const Hit hit{id, std::clamp(1 - distance, 0.0F, 1.0F)};
  if (!(hit.similarity >= options_.min_similarity)) return;  // NaN neither: a damaged row
  const bool is_full = best_.size() == static_cast<size_t>(options_.limit);
  if (is_full && !nearer(hit, best_.front())) return;
  if (options_.filter && !options_.filter(id)) return;
  if (is_full) {
    std::pop_heap(best_.begin(), best_.end(), nearer);
    best_.pop_back();
  }
  best_.push_back(hit);
  std::push_heap(best_.begin(), best_.end(), nearer);
}

std::vector<Hit> Search::take() {
  std::sort_heap(best_.begin(), best_.end(), nearer);
  return std::move(best_);
}

const Half* Rows::find(ImageId id) const {
  const auto found = position_.find(id);
  return found == position_.end() ? nullptr : at(found->second);
}

void Rows::add(std::span<const ImageId> ids, std::span<const Half> rows) {
  for (size_t i = 0; i < ids.size(); ++i) {
    const auto [position, is_new] = position_.try_emplace(ids[i], ids_.size());
    if (is_new) {
      ids_.push_back(ids[i]);
      halves_.resize(halves_.size() + width_);
    }
    std::copy_n(rows.data() + i * width_, width_, place(position->second));
  }
}

void Rows::remove(std::span<const ImageId> ids) {
  for (const ImageId id : ids) {
    const auto found = position_.find(id);
    if (found == position_.end()) continue;
    const size_t hole = found->second;
    position_.erase(found);
    if (hole + 1 != ids_.size()) {  // the last row fills the hole
      ids_[hole] = ids_.back();
      std::copy_n(at(ids_.size() - 1), width_, place(hole));
      position_[ids_[hole]] = hole;
    }
    ids_.pop_back();
    halves_.resize(ids_.size() * width_);
  }
}

void Rows::search(Search& search) const {
  if (search.is_empty()) return;
  for (size_t i = 0; i < ids_.size(); ++i) search.offer(ids_[i], at(i));
}

}  // namespace mimeme
