#include "media/keypoints.h"

#include <gtest/gtest.h>

#include <thread>

#include "core/test_picture.h"

namespace mimeme {
namespace {

LocalFeatures features_of(const Grey& picture) {
  return find_keypoints(picture.pixels, picture.width, picture.height, 250);
}

TEST(KeypointsTest, APictureAlignsWithItselfHalfAsLarge) {
  const Grey large = test_picture(1, 320, 240);
  const auto found = align(features_of(large), features_of(halved(large)));
  ASSERT_TRUE(found);
  EXPECT_GE(found->inliers, 20);
  EXPECT_NEAR(found->map.xx, 0.5, 0.02);
  EXPECT_NEAR(found->map.yy, 0.5, 0.02);
  EXPECT_NEAR(found->map.xy, 0, 0.02);
}

// mirrored() and negated() are what would have been found: they align with what is.
TEST(KeypointsTest, MirroredFeaturesAreThoseOfTheMirroredPicture) {
  const Grey picture = test_picture(2, 320, 240);
  const LocalFeatures turned = features_of(mirrored(picture));
  const auto as_it_was = align(features_of(picture), turned);
  EXPECT_LT(as_it_was ? as_it_was->inliers : 0, 12);
  const auto found = align(mirrored(features_of(picture)), turned);
  ASSERT_TRUE(found);
  EXPECT_GE(found->inliers, 60);
  EXPECT_NEAR(found->map.xx, 1, 0.01);
  EXPECT_NEAR(found->map.x0, 0, 1.5);
}

TEST(KeypointsTest, NegatedFeaturesAreThoseOfTheNegative) {
  const Grey picture = test_picture(3, 320, 240);
  const auto found = align(negated(features_of(picture)), features_of(negated(picture)));
  ASSERT_TRUE(found);
  EXPECT_GE(found->inliers, 60);
  EXPECT_NEAR(found->map.xx, 1, 0.01);
}

TEST(KeypointsTest, NoMoreThanTheLimitAndNoneWhereNothingIs) {
  const Grey picture = test_picture(1, 320, 240);
  EXPECT_EQ(find_keypoints(picture.pixels, 320, 240, 20).keypoints.size(), 20U);
  EXPECT_TRUE(features_of(plain(128, 320, 240)).keypoints.empty());
  EXPECT_TRUE(features_of(plain(128, 1, 1)).keypoints.empty());
  EXPECT_TRUE(features_of(test_picture(1, 320, 3)).keypoints.empty());
}

TEST(KeypointsTest, SeveralThreadsFindTheSame) {
  const Grey picture = test_picture(1, 160, 120);
  const auto alone = to_bytes(features_of(picture));
  std::vector<std::vector<uint8_t>> found(4);
  {
    std::vector<std::jthread> threads;
    for (auto& one : found) threads.emplace_back([&] { one = to_bytes(features_of(picture)); });
  }
  for (const auto& one : found) EXPECT_EQ(one, alone);
}

}  // namespace
}  // namespace mimeme
