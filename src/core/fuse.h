// One ranking from several: weighted reciprocal rank fusion (Cormack, Clarke, Büttcher, "Reciprocal
// rank fusion outperforms Condorcet and individual rank learning methods", SIGIR 2009). Only ranks
// count, so the legs' scores need no common scale. Pure.
#ifndef MIMEME_CORE_FUSE_H_
#define MIMEME_CORE_FUSE_H_

#include <limits>
#include <span>
#include <vector>

#include "core/types.h"

namespace mimeme {

struct RankedLeg {
  std::span<const Hit> hits;  // best first; of an id that stands there twice the first counts
  double weight = 1;          // ≥ 0
};

struct FuseOptions {
  double k = 60;  // > 0; the larger, the less the first ranks stand out (60: the paper's)
  size_t limit = std::numeric_limits<size_t>::max();
};

struct FusedHit {
  struct Leg {
    int rank = 0;          // 1 is the best; 0: not found by this leg
    float similarity = 0;  // as the leg has it
    bool operator==(const Leg&) const = default;
  };
  ImageId id = 0;
  double score = 0;       // Σ weight / (k + rank) over the legs that found it
  std::vector<Leg> legs;  // one for each leg, in their order
};

// Best first; equal scores by id. The order of the legs does not change the order of the hits.
std::vector<FusedHit> fuse(std::span<const RankedLeg> legs, const FuseOptions& options = {});

}  // namespace mimeme

#endif  // MIMEME_CORE_FUSE_H_
