#include "core/groups.h"

#include <algorithm>
#include <cstdint>
#include <tuple>

namespace mimeme {
namespace {

// The groups so far; at first each image is one.
class Joined {
 public:
  int group_of(ImageId id) {
    const auto [at, is_new] = group_of_.try_emplace(id, static_cast<int>(members_.size()));
    if (is_new) members_.push_back({id});
    return at->second;
  }
  const std::vector<ImageId>& members(int group) const {
    return members_[static_cast<size_t>(group)];
  }
  void join(int keep, int goes) {
    std::vector<ImageId>&kept = members_[static_cast<size_t>(keep)],
    &going = members_[static_cast<size_t>(goes)];
    for (const ImageId id : going) group_of_[id] = keep;
    kept.insert(kept.end(), going.begin(), going.end());
    going.clear();
  }

  Groups take() {
    std::erase_if(members_, [](const auto& members) { return members.size() < 2; });
    for (auto& members : members_) std::sort(members.begin(), members.end());
    std::sort(members_.begin(), members_.end());
    return std::move(members_);
  }

 private:
  std::unordered_map<ImageId, int> group_of_;
  Groups members_;  // by group
};

struct Pair {
  ImageId a = 0, b = 0;
};

std::vector<Pair> most_alike_first(const Links& links, const ImagePairs& apart) {
  std::vector<std::tuple<float, ImageId, ImageId>> sorted;
  for (const auto& [id, others] : links)
    for (const Link& link : others)
      if (id < link.id && !is_in(apart, id, link.id))
        sorted.emplace_back(-link.similarity, id, link.id);
  std::sort(sorted.begin(), sorted.end());
  std::vector<Pair> pairs;
  pairs.reserve(sorted.size());
  for (const auto& [similarity, a, b] : sorted) pairs.push_back({a, b});
  return pairs;
}

}  // namespace

bool is_in(const ImagePairs& pairs, ImageId a, ImageId b) {
  return !pairs.empty() && pairs.contains(std::minmax(a, b));
}

Groups join_linked(const Links& links, const ImagePairs& apart) {
  Joined joined;
  const auto may_join = [&](int one, int other) {
    if (apart.empty()) return true;
    for (const ImageId a : joined.members(one))
      for (const ImageId b : joined.members(other))
        if (is_in(apart, a, b)) return false;
    return true;
  };
  for (const Pair& link : most_alike_first(links, apart)) {
    const int a = joined.group_of(link.a), b = joined.group_of(link.b);
    if (a != b && may_join(a, b)) joined.join(a, b);
  }
  return joined.take();
}

Groups join_close(const Links& links) {
  const std::vector<Pair> all = most_alike_first(links, {});
  Joined joined;
  // How many links there are between two groups, by either.
  std::unordered_map<int, std::unordered_map<int, int64_t>> between;
  for (const Pair& link : all) {
    const int a = joined.group_of(link.a), b = joined.group_of(link.b);
    ++between[a][b];
    ++between[b][a];
  }
  const auto size = [&](int group) { return std::ssize(joined.members(group)); };
  for (const Pair& link : all) {
    int keep = joined.group_of(link.a), goes = joined.group_of(link.b);
    if (keep == goes || 2 * between[keep][goes] <= size(keep) * size(goes)) continue;
    if (between[keep].size() < between[goes].size()) std::swap(keep, goes);
    joined.join(keep, goes);
    between[keep].erase(goes);
    for (const auto& [other, n] : between[goes]) {
      if (other == keep) continue;
      between[keep][other] += n;
      between[other].erase(goes);
      between[other][keep] += n;
    }
    between.erase(goes);
  }
  return joined.take();
}

}  // namespace mimeme
