#include "model/object_boxes.h"

#include <gtest/gtest.h>

namespace mimeme {
namespace {

// Two labels, of which the second must be surer.
constexpr float kLeast[] = {0.5F, 0.8F};

TEST(FindObjects, TakesWhatIsSureEnoughForItsLabelTheSurestFirst) {
  const float rows[] = {
      0.1F, 0.1F, 0.2F, 0.2F, 0.5F,  0.1F,   //
      0.3F, 0.3F, 0.4F, 0.4F, 0.49F, 0.79F,  // neither
      0.5F, 0.6F, 0.7F, 0.8F, 0.1F,  0.9F,
  };
  const auto objects = find_objects(rows, kLeast);
  ASSERT_EQ(objects.size(), 2U);
  EXPECT_EQ(objects[0].label, 1U);
  EXPECT_EQ(objects[0].confidence, 0.9F);
  EXPECT_EQ(objects[0].top, 0.5F);
  EXPECT_EQ(objects[0].left, 0.6F);
  EXPECT_EQ(objects[0].bottom, 0.7F);
  EXPECT_EQ(objects[0].right, 0.8F);
  EXPECT_EQ(objects[1].label, 0U);
  EXPECT_EQ(objects[1].confidence, 0.5F);
}

TEST(FindObjects, OfBoxesThatShareHalfOfWhatTheyCoverTheSurestStays) {
  struct Case {
    float left, right;
    size_t objects;
  };
  // Beside a box from 0.2 to 0.6: what is shared is up to 0.6, what is covered begins at 0.2.
  constexpr Case kCases[] = {
      {0.2F, 0.6F, 1},    // the same
      {0.3F, 0.6F, 1},    // inside, three quarters
      {0.3F, 0.7F, 1},    // 0.3 of 0.5
      {0.35F, 0.75F, 2},  // 0.25 of 0.55
      {0.6F, 0.9F, 2},    // side by side
      {0.45F, 0.5F, 2},   // inside, but an eighth
  };
  for (const Case& c : kCases) {
    const float rows[] = {
        0, c.left, 1, c.right, 0.6F, 0,  //
        0, 0.2F,   1, 0.6F,    0.7F, 0,
    };
    const auto objects = find_objects(rows, kLeast);
    ASSERT_EQ(objects.size(), c.objects) << c.left << ".." << c.right;
    EXPECT_EQ(objects[0].confidence, 0.7F);
  }
}

TEST(FindObjects, ThingsOfTwoKindsMayShareAPlace) {
  const float rows[] = {0, 0, 1, 1, 0.9F, 0.9F};
  EXPECT_EQ(find_objects(rows, kLeast).size(), 2U);
}

TEST(FindObjects, ABoxEndsWhereThePictureDoes) {
  const float rows[] = {-0.2F, 0.1F, 0.9F, 1.3F, 0.9F, 0};
  const auto objects = find_objects(rows, kLeast);
  ASSERT_EQ(objects.size(), 1U);
  EXPECT_EQ(objects[0].top, 0);
  EXPECT_EQ(objects[0].left, 0.1F);
  EXPECT_EQ(objects[0].bottom, 0.9F);
  EXPECT_EQ(objects[0].right, 1);
}

TEST(FindObjects, NoAnchorsNoObjects) { EXPECT_TRUE(find_objects({}, kLeast).empty()); }

}  // namespace
}  // namespace mimeme
