#include "model/text_detection.h"

#include <gtest/gtest.h>

#include <cmath>

namespace mimeme {
namespace {

constexpr int kWidth = 200, kHeight = 100;

// A map that is `value` inside the boxes and 0.01 outside.
std::vector<float> map_of(const std::vector<Box>& cores, float value = 0.9F) {
  std::vector<float> map;
  for (int y = 0; y < kHeight; ++y)
    for (int x = 0; x < kWidth; ++x) {
      float at = 0.01F;
      for (const Box& core : cores) {
        const float dx = static_cast<float>(x) + 0.5F - core.centre.x;
        const float dy = static_cast<float>(y) + 0.5F - core.centre.y;
        const float c = std::cos(core.angle), s = std::sin(core.angle);
        if (std::abs(dx * c + dy * s) <= core.width / 2 &&
            std::abs(dy * c - dx * s) <= core.height / 2)
          at = value;
      }
      map.push_back(at);
    }
  return map;
}

TEST(TextDetection, GrowsACoreByItsAreaOverItsPerimeter) {
  const auto lines =
      find_lines(map_of({{.centre = {100, 50}, .width = 60, .height = 10}}), kWidth, kHeight);
  ASSERT_EQ(lines.size(), 1U);
  const float grown = 2 * 1.5F * 60 * 10 / (2 * (60 + 10));
  EXPECT_NEAR(lines[0].centre.x, 100, 0.01);
  EXPECT_NEAR(lines[0].centre.y, 50, 0.01);
  EXPECT_NEAR(lines[0].width, 60 + grown, 0.01);
  EXPECT_NEAR(lines[0].height, 10 + grown, 0.01);
  EXPECT_NEAR(lines[0].angle, 0, 0.001);
}

TEST(TextDetection, FollowsALineThatIsTurned) {
  for (const float angle : {-0.4F, 0.25F}) {
    const auto lines =
        find_lines(map_of({{.centre = {100, 50}, .width = 80, .height = 12, .angle = angle}}),
                   kWidth, kHeight);
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_NEAR(lines[0].angle, angle, 0.03);
    EXPECT_NEAR(lines[0].centre.x, 100, 1);
    EXPECT_NEAR(lines[0].centre.y, 50, 1);
  }
}

TEST(TextDetection, PassesOverSpecksAndWhatIsUnsure) {
  EXPECT_TRUE(find_lines(map_of({}), kWidth, kHeight).empty());
  EXPECT_TRUE(find_lines(map_of({{.centre = {50, 50}, .width = 40, .height = 2}}), kWidth, kHeight)
                  .empty());
  EXPECT_TRUE(
      find_lines(map_of({{.centre = {50, 50}, .width = 40, .height = 9}}, 0.4F), kWidth, kHeight)
          .empty());
}

TEST(TextDetection, AMapThatIsAllTextIsOneLine) {
  const auto lines = find_lines(std::vector<float>(kWidth * kHeight, 1.0F), kWidth, kHeight);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NEAR(lines[0].centre.x, kWidth / 2.0, 0.01);
}

TEST(TextDetection, OrdersByRowsThenFromLeftToRight) {
  const auto box = [](float x, float y) {
    return Box{.centre = {x, y}, .width = 40, .height = 20};
  };
  const auto lines =
      in_reading_order({box(150, 98), box(20, 300), box(90, 104), box(30, 100), box(50, 60)});
  std::vector<float> order;
  for (const Box& line : lines) order.push_back(line.centre.x);
  EXPECT_EQ(order, (std::vector<float>{50, 30, 90, 150, 20}));
}

}  // namespace
}  // namespace mimeme
