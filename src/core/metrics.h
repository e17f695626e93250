// Retrieval quality of one ranked list (Manning, Raghavan, Schütze, Introduction to Information
// Retrieval, ch. 8). Pure.
#ifndef MIMEME_CORE_METRICS_H_
#define MIMEME_CORE_METRICS_H_

#include <span>
#include <vector>

#include "core/types.h"

namespace mimeme {

struct RankQuality {
  // 1 if the first hit is relevant (success@1, what the field calls R@1 for one right answer); 1 if
  // one of the first ten is.
  double recall_at_1 = 0;
  double recall_at_10 = 0;
  // Of the first five (or as many as are relevant, if fewer), the share that is.
  double precision_at_5 = 0;
  // Mean of precision@k over the ranks k of all relevant images; unranked ones count 0.
  double average_precision = 0;
};

// ranked: nearest first, without repeats. relevant: sorted, not empty.
RankQuality rank_quality(std::span<const ImageId> ranked, std::span<const ImageId> relevant);

// The value below which a share q (0..1) of the values lies, by the nearest rank. values: not
// empty; reordered.
double quantile(std::vector<double>& values, double q);

}  // namespace mimeme

#endif  // MIMEME_CORE_METRICS_H_
