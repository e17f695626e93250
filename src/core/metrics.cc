#include "core/metrics.h"

#include <algorithm>
#include <cmath>

namespace mimeme {

RankQuality rank_quality(std::span<const ImageId> ranked, std::span<const ImageId> relevant) {
  RankQuality quality;
  const size_t five = std::min<size_t>(5, relevant.size());
  size_t found = 0;
  for (size_t rank = 1; rank <= ranked.size() && found < relevant.size(); ++rank) {
    if (!std::binary_search(relevant.begin(), relevant.end(), ranked[rank - 1])) continue;
    ++found;
    if (rank == 1) quality.recall_at_1 = 1;
    if (rank <= 10) quality.recall_at_10 = 1;
    if (rank <= five) quality.precision_at_5 += 1.0 / static_cast<double>(five);
    quality.average_precision += static_cast<double>(found) / static_cast<double>(rank);
  }
  quality.average_precision /= static_cast<double>(relevant.size());
  return quality;
}

double quantile(std::vector<double>& values, double q) {
  const auto rank = static_cast<ptrdiff_t>(std::ceil(q * static_cast<double>(values.size())));
  const auto at = values.begin() + std::max<ptrdiff_t>(rank - 1, 0);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

}  // namespace mimeme
