#include "core/metrics.h"

#include <gtest/gtest.h>

namespace mimeme {
namespace {

TEST(RankQuality, AgreesWithTheTextbook) {
  const struct {
    std::vector<ImageId> ranked, relevant;
    double r1, r10, p5, ap;
  } cases[] = {
      {{1, 2, 3}, {1}, 1, 1, 1, 1},
      {{2, 1, 3}, {1}, 0, 1, 0, 0.5},
      {{9, 8, 7}, {1}, 0, 0, 0, 0},
      {{1, 9, 2, 9, 3}, {1, 2, 3}, 1, 1, 2.0 / 3, (1.0 + 2.0 / 3 + 3.0 / 5) / 3},
      {{1, 2}, {1, 2, 3, 4}, 1, 1, 0.5, 0.5},  // two of four never ranked
      {{10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 1}, {1}, 0, 0, 0, 1.0 / 11},
      {{}, {1}, 0, 0, 0, 0},
  };
  for (const auto& c : cases) {
    const RankQuality quality = rank_quality(c.ranked, c.relevant);
    EXPECT_DOUBLE_EQ(quality.recall_at_1, c.r1);
    EXPECT_DOUBLE_EQ(quality.recall_at_10, c.r10);
    EXPECT_DOUBLE_EQ(quality.precision_at_5, c.p5);
    EXPECT_DOUBLE_EQ(quality.average_precision, c.ap);
  }
}

TEST(Quantile, IsTheNearestRank) {
  std::vector<double> values{5, 1, 4, 2, 3};
  EXPECT_EQ(quantile(values, 0.5), 3);
  EXPECT_EQ(quantile(values, 0.99), 5);
  EXPECT_EQ(quantile(values, 0), 1);
  std::vector<double> one{7};
  EXPECT_EQ(quantile(one, 0.99), 7);
}

}  // namespace
}  // namespace mimeme
