#include "core/background.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace mimeme {
namespace {

constexpr size_t kMinRows = 24;  // 276 pairs
// Where the tail begins, and the second point of it. Even in a library of families of six the
// related pairs are fewer than the rest of them.
constexpr double kTail = 0.10, kFurther = 0.03;
constexpr double kMinScale = 0.02;

}  // namespace

double Background::confidence(double similarity) const {
  const double exceeding =
      similarity <= from ? kTail : kTail * std::exp(-(similarity - from) / scale);
  return 1 / (1 + exceeding * static_cast<double>(std::max<int64_t>(images, 1)));
}

Background background_of(std::span<const float> rows, int dim, int64_t images) {
  Background background{.images = images};
  const auto width = static_cast<size_t>(dim);
  const size_t count = rows.size() / width;
  if (count < kMinRows) return background;
  std::vector<float> pairs;
  for (size_t i = 0; i < count; ++i)
    for (size_t j = i + 1; j < count; ++j)
      pairs.push_back(std::inner_product(rows.begin() + static_cast<ptrdiff_t>(i * width),
                                         rows.begin() + static_cast<ptrdiff_t>((i + 1) * width),
                                         rows.begin() + static_cast<ptrdiff_t>(j * width), 0.0F));
  const auto quantile = [&](double exceeded_by) {
    const auto at = pairs.begin() + static_cast<ptrdiff_t>((1 - exceeded_by) *
                                                           static_cast<double>(pairs.size() - 1));
    std::nth_element(pairs.begin(), at, pairs.end());
    return static_cast<double>(*at);
  };
  background.from = quantile(kTail);
  background.scale =
      std::max(kMinScale, (quantile(kFurther) - background.from) / std::log(kTail / kFurther));
  return background;
}

}  // namespace mimeme
