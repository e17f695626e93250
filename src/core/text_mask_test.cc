#include "core/text_mask.h"

#include <gtest/gtest.h>

namespace mimeme {
namespace {

TextLine line(float left, float top, float right, float bottom) {
  return {.text = "words",
          .confidence = 1,
          .corners = {Point{left, top}, {right, top}, {right, bottom}, {left, bottom}}};
}

TEST(TextMaskTest, CoversTheCellsThatALineTouches) {
  // Cells of 10 × 20 pixels.
  const TextMask mask = text_mask(std::vector{line(25, 20, 60, 41)}, 160, 320);
  TextMask expected;
  expected.rows[1] = expected.rows[2] = 0b111100;
  EXPECT_EQ(mask, expected);
  EXPECT_TRUE(mask.covers(40.0 / 160, 30.0 / 320));
  EXPECT_FALSE(mask.covers(70.0 / 160, 30.0 / 320));
  EXPECT_FALSE(mask.covers(40.0 / 160, 10.0 / 320));
  EXPECT_EQ(mirrored(mask).rows[1], 0b0011110000000000);
  EXPECT_EQ(mirrored(mirrored(mask)), mask);
}

TEST(TextMaskTest, NothingIsOutsideOfAPicture) {
  EXPECT_EQ(text_mask({}, 100, 100), TextMask{});
  EXPECT_EQ(text_mask(std::vector{line(0, 0, 1, 1)}, 0, 0), TextMask{});
  const TextMask all = text_mask(std::vector{line(-50, -1e9F, 1e9F, 400)}, 100, 100);
  for (const uint16_t row : all.rows) EXPECT_EQ(row, 0xFFFF);
  EXPECT_TRUE(all.covers(-1, 2));
  EXPECT_TRUE(all.covers(1, 1));
}

}  // namespace
}  // namespace mimeme
