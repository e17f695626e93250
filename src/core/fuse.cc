#include "core/fuse.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

namespace mimeme {

std::vector<FusedHit> fuse(std::span<const RankedLeg> legs, const FuseOptions& options) {
  std::vector<FusedHit> fused;
  std::unordered_map<ImageId, size_t> place;
  for (size_t l = 0; l < legs.size(); ++l) {
    int rank = 0;
    for (const Hit& hit : legs[l].hits) {
      const auto [at, is_new] = place.try_emplace(hit.id, fused.size());
      if (is_new) fused.push_back({.id = hit.id, .legs = std::vector<FusedHit::Leg>(legs.size())});
      FusedHit::Leg& leg = fused[at->second].legs[l];
      if (leg.rank == 0) leg = {.rank = ++rank, .similarity = hit.similarity};
    }
  }

  std::vector<double> parts(legs.size());
  for (FusedHit& hit : fused) {
    for (size_t l = 0; l < legs.size(); ++l)
      parts[l] = hit.legs[l].rank == 0 ? 0 : legs[l].weight / (options.k + hit.legs[l].rank);
    std::sort(parts.begin(), parts.end());  // so that the sum is the same to the last bit
    hit.score = std::accumulate(parts.begin(), parts.end(), 0.0);
  }
  std::sort(fused.begin(), fused.end(), [](const FusedHit& a, const FusedHit& b) {
    return a.score != b.score ? a.score > b.score : a.id < b.id;
  });
  if (fused.size() > options.limit) fused.resize(options.limit);
  return fused;
}

}  // namespace mimeme
