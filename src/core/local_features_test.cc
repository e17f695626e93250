#include "core/local_features.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace mimeme {
namespace {

// Keypoints at random places with random descriptors: each is like itself alone.
LocalFeatures random_features(uint32_t seed, int count) {
  std::mt19937 random(seed);
  const auto between = [&](double least, double most) {
    return static_cast<float>(std::uniform_real_distribution(least, most)(random));
  };
  LocalFeatures features{.width = 320, .height = 240, .keypoints = {}};
  for (int i = 0; i < count; ++i)
    features.keypoints.push_back(
        {.x = between(0, 319),
         .y = between(0, 239),
         .scale = between(1, 8),
         .angle = between(-3, 3),
         .descriptor = {uint64_t{random()} << 32 | random(), uint64_t{random()} << 32 | random()}});
  return features;
}

LocalFeatures moved(const LocalFeatures& features, double scale, double turn, double x, double y) {
  LocalFeatures result = features;
  for (Keypoint& k : result.keypoints) {
    const double u = scale * (std::cos(turn) * k.x - std::sin(turn) * k.y) + x;
    const double v = scale * (std::sin(turn) * k.x + std::cos(turn) * k.y) + y;
    k.x = static_cast<float>(u);
    k.y = static_cast<float>(v);
    k.scale *= static_cast<float>(scale);
    k.angle += static_cast<float>(turn);
  }
  return result;
}

TEST(AlignTest, FindsScaleTurnAndShift) {
  const LocalFeatures from = random_features(1, 100);
  const auto found = align(from, moved(from, 0.5, 0.3, 20, 30));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->inliers, 100);
  EXPECT_NEAR(found->map.xx, 0.5 * std::cos(0.3), 1e-3);
  EXPECT_NEAR(found->map.xy, -0.5 * std::sin(0.3), 1e-3);
  EXPECT_NEAR(found->map.x0, 20, 0.1);
  EXPECT_NEAR(found->map.y0, 30, 0.1);
}

TEST(AlignTest, FindsAPartAmongOthers) {
  const LocalFeatures part = random_features(1, 30);
  LocalFeatures whole = random_features(2, 200);
  const LocalFeatures there = moved(part, 0.4, 0, 100, 60);
  whole.keypoints.insert(whole.keypoints.end(), there.keypoints.begin(), there.keypoints.end());
  const auto found = align(part, whole);
  ASSERT_TRUE(found);
  EXPECT_GE(found->inliers, 28);
  EXPECT_NEAR(found->map.x0, 100, 1);
}

TEST(AlignTest, NothingInCommonIsNoAlignment) {
  EXPECT_FALSE(align(random_features(1, 200), random_features(2, 200)));
  EXPECT_FALSE(align({}, random_features(2, 200)));
  EXPECT_FALSE(align(random_features(2, 200), {}));
}

// The same things, but each somewhere else: no picture lies so in another one.
TEST(AlignTest, LikeKeypointsInAnotherOrderAreNoAlignment) {
  const LocalFeatures from = random_features(1, 40);
  LocalFeatures to = random_features(3, 40);
  for (size_t i = 0; i < 40; ++i) to.keypoints[i].descriptor = from.keypoints[i].descriptor;
  EXPECT_FALSE(align(from, to));
}

TEST(LocalFeaturesTest, MirroredOrNegatedTwiceIsTheSame) {
  const LocalFeatures features = random_features(1, 20);
  const auto same = [&](const LocalFeatures& other) {
    for (size_t i = 0; i < 20; ++i) {
      EXPECT_EQ(other.keypoints[i].descriptor, features.keypoints[i].descriptor);
      EXPECT_NEAR(other.keypoints[i].x, features.keypoints[i].x, 1e-3);
      EXPECT_NEAR(std::cos(other.keypoints[i].angle), std::cos(features.keypoints[i].angle), 1e-5);
      EXPECT_NEAR(std::sin(other.keypoints[i].angle), std::sin(features.keypoints[i].angle), 1e-5);
    }
  };
  same(mirrored(mirrored(features)));
  same(negated(negated(features)));
}

TEST(LocalFeaturesTest, BytesKeepThem) {
  const LocalFeatures features = random_features(5, 20);
  const auto bytes = to_bytes(features);
  EXPECT_EQ(bytes.size(), 4U + 20 * 22);
  const auto back = local_features_of(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->width, 320);
  EXPECT_EQ(back->height, 240);
  for (size_t i = 0; i < 20; ++i) {
    const Keypoint &a = features.keypoints[i], &b = back->keypoints[i];
    EXPECT_EQ(a.descriptor, b.descriptor);
    EXPECT_NEAR(a.x, b.x, 1.0 / 64);
    EXPECT_NEAR(a.y, b.y, 1.0 / 64);
    EXPECT_NEAR(a.scale / b.scale, 1, 0.02);
    EXPECT_NEAR(std::remainder(a.angle - b.angle, 6.283185), 0, 0.013);
  }
}

TEST(LocalFeaturesTest, BytesOfAnotherSizeAreCorrupt) {
  auto bytes = to_bytes(random_features(5, 3));
  bytes.pop_back();
  EXPECT_EQ(local_features_of(bytes).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(local_features_of({}).error().code, ErrorCode::kCorrupt);
}

TEST(AffineTest, InverseUndoes) {
  const Affine map{.xx = 2, .xy = 0.5, .x0 = 3, .yx = -0.25, .yy = 1.5, .y0 = -7};
  const Affine back = map.inverse();
  const double x = map.xx * 5 + map.xy * 6 + map.x0, y = map.yx * 5 + map.yy * 6 + map.y0;
  EXPECT_NEAR(back.xx * x + back.xy * y + back.x0, 5, 1e-9);
  EXPECT_NEAR(back.yx * x + back.yy * y + back.y0, 6, 1e-9);
}

}  // namespace
}  // namespace mimeme
