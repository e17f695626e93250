#include "core/parts.h"

#include <gtest/gtest.h>

#include "core/test_picture.h"

namespace mimeme {
namespace {

std::vector<Region> parts_of(const Grey& picture) {
  return find_parts(to_rgb(picture), picture.width, picture.height);
}

void expect_near(const Region& got, const Region& wanted) {
  EXPECT_NEAR(got.left, wanted.left, 0.015);
  EXPECT_NEAR(got.top, wanted.top, 0.015);
  EXPECT_NEAR(got.width, wanted.width, 0.02);
  EXPECT_NEAR(got.height, wanted.height, 0.02);
}

TEST(PartsTest, APictureHasNone) { EXPECT_TRUE(parts_of(test_picture(1, 256, 192)).empty()); }

TEST(PartsTest, PlainAndTinyPicturesHaveNone) {
  EXPECT_TRUE(parts_of(plain(255, 256, 192)).empty());
  EXPECT_TRUE(parts_of(plain(255, 1, 1)).empty());
  EXPECT_TRUE(parts_of(test_picture(1, 5, 3)).empty());
}

TEST(PartsTest, ALetterboxFramesOne) {
  Grey letterbox = plain(0, 160, 256);
  paste(test_picture(1, 160, 120), letterbox, 0, 70);
  const auto parts = parts_of(letterbox);
  ASSERT_EQ(parts.size(), 1U);
  expect_near(parts[0], {.left = 0, .top = 70.0 / 256, .width = 1, .height = 120.0 / 256});
}

TEST(PartsTest, ACaptionBarIsCutOff) {
  Grey captioned = plain(250, 256, 240);
  paste(test_picture(1, 256, 190), captioned, 0, 50);
  for (int x = 20; x < 200; x += 12) paste(plain(10, 6, 10), captioned, x, 20);  // its letters
  const auto parts = parts_of(captioned);
  ASSERT_GE(parts.size(), 1U);
  expect_near(parts[0], {.left = 0, .top = 50.0 / 240, .width = 1, .height = 190.0 / 240});
}

TEST(PartsTest, AScreenshotFramesThePictureAmongWords) {
  Grey screenshot = plain(30, 150, 256);
  paste(test_picture(1, 130, 100), screenshot, 10, 60);
  for (int y : {10, 24, 180, 200}) paste(plain(200, 80, 6), screenshot, 12, y);
  const auto parts = parts_of(screenshot);
  ASSERT_GE(parts.size(), 1U);
  expect_near(parts[0],
              {.left = 10.0 / 150, .top = 60.0 / 256, .width = 130.0 / 150, .height = 100.0 / 256});
}

TEST(PartsTest, PanelsAreSplitWhereTheyMeet) {
  Grey collage = plain(255, 256, 128);
  paste(test_picture(1, 128, 128), collage, 0, 0);
  paste(test_picture(2, 128, 128), collage, 128, 0);
  const auto parts = parts_of(collage);
  ASSERT_EQ(parts.size(), 2U);
  expect_near(parts[0], {.left = 0, .top = 0, .width = 0.5, .height = 1});
  expect_near(parts[1], {.left = 0.5, .top = 0, .width = 0.5, .height = 1});
}

TEST(PartsTest, FourPanelsInReadingOrder) {
  Grey collage = plain(255, 256, 256);
  uint32_t seed = 1;
  for (int top : {0, 128})
    for (int left : {0, 128}) paste(test_picture(seed++, 128, 128), collage, left, top);
  EXPECT_EQ(parts_of(collage).size(), 4U);
  EXPECT_LE(parts_of(collage).size(), static_cast<size_t>(kMaxParts));
}

}  // namespace
}  // namespace mimeme
