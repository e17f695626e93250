#include "core/fuse.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace mimeme {
namespace {

using Hits = std::vector<Hit>;

std::vector<ImageId> ids_of(const std::vector<FusedHit>& hits) {
  std::vector<ImageId> ids;
  for (const FusedHit& hit : hits) ids.push_back(hit.id);
  return ids;
}

// A leg of up to `n` of the ids 1..n, in random order.
Hits random_leg(std::mt19937& random, int n) {
  Hits hits;
  for (int id = 1; id <= n; ++id)
    if (random() % 3 != 0) hits.push_back({.id = id, .similarity = 0.5F});
  std::shuffle(hits.begin(), hits.end(), random);
  return hits;
}

TEST(FuseTest, ScoresAreTheSumOfWeightedReciprocalRanks) {
  const Hits words{{7, 0.9F}, {8, 0.8F}}, pictures{{9, 0.7F}, {7, 0.6F}};
  const RankedLeg legs[] = {{.hits = words, .weight = 2}, {.hits = pictures}};
  const auto fused = fuse(legs);
  ASSERT_EQ(ids_of(fused), (std::vector<ImageId>{7, 8, 9}));
  EXPECT_DOUBLE_EQ(fused[0].score, 2.0 / 61 + 1.0 / 62);
  EXPECT_DOUBLE_EQ(fused[1].score, 2.0 / 62);
  EXPECT_EQ(fused[0].legs, (std::vector<FusedHit::Leg>{{1, 0.9F}, {2, 0.6F}}));
  EXPECT_EQ(fused[1].legs, (std::vector<FusedHit::Leg>{{2, 0.8F}, {0, 0}}));
}

TEST(FuseTest, NothingFusesToNothing) {
  EXPECT_TRUE(fuse({}).empty());
  EXPECT_TRUE(fuse(std::vector<RankedLeg>(3)).empty());
}

TEST(FuseTest, OneLegKeepsItsOrder) {
  const Hits hits{{5, 0.1F}, {3, 0.9F}, {4, 0.5F}, {3, 0.2F}};
  const auto fused = fuse(std::vector<RankedLeg>{{.hits = hits}});
  EXPECT_EQ(ids_of(fused), (std::vector<ImageId>{5, 3, 4}));
  EXPECT_EQ(fused[1].legs[0], (FusedHit::Leg{2, 0.9F}));
  EXPECT_EQ(fused[2].legs[0].rank, 3);
}

TEST(FuseTest, EqualScoresGoById) {
  const Hits a{{9, 1}, {2, 1}}, b{{2, 1}, {9, 1}};
  EXPECT_EQ(ids_of(fuse(std::vector<RankedLeg>{{.hits = a}, {.hits = b}})),
            (std::vector<ImageId>{2, 9}));
}

TEST(FuseTest, TheLimitCutsTheEnd) {
  std::mt19937 random(1);
  const Hits a = random_leg(random, 20), b = random_leg(random, 20);
  const std::vector<RankedLeg> legs{{.hits = a}, {.hits = b}};
  auto all = ids_of(fuse(legs));
  all.resize(5);
  EXPECT_EQ(ids_of(fuse(legs, {.limit = 5})), all);
}

TEST(FuseTest, TheOrderOfTheLegsDoesNotMatter) {
  std::mt19937 random(2);
  for (int round = 0; round < 100; ++round) {
    std::vector<Hits> hits;
    std::vector<RankedLeg> legs;
    for (int l = 0; l < 4; ++l) hits.push_back(random_leg(random, 12));
    for (const Hits& leg : hits) legs.push_back({.hits = leg, .weight = 0.1 + random() % 10});
    const auto before = fuse(legs);
    std::shuffle(legs.begin(), legs.end(), random);
    const auto after = fuse(legs);
    ASSERT_EQ(ids_of(before), ids_of(after));
    for (size_t i = 0; i < before.size(); ++i) EXPECT_EQ(before[i].score, after[i].score);
  }
}

TEST(FuseTest, ABetterRankNeverScoresLess) {
  std::mt19937 random(3);
  for (int round = 0; round < 100; ++round) {
    const Hits fixed = random_leg(random, 12);
    Hits moved = random_leg(random, 12);
    const size_t from = 1 + random() % (moved.size() - 1), to = random() % from;
    const ImageId id = moved[from].id;
    const auto position = [&] {
      const auto ids = ids_of(fuse(std::vector<RankedLeg>{{.hits = fixed}, {.hits = moved}}));
      return std::find(ids.begin(), ids.end(), id) - ids.begin();
    };
    const auto before = position();
    std::rotate(moved.begin() + static_cast<ptrdiff_t>(to),
                moved.begin() + static_cast<ptrdiff_t>(from),
                moved.begin() + static_cast<ptrdiff_t>(from) + 1);
    EXPECT_LE(position(), before);
  }
}

}  // namespace
}  // namespace mimeme
