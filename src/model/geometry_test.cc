#include "model/geometry.h"

#include <gtest/gtest.h>

#include <cmath>

namespace mimeme {
namespace {

constexpr auto kPi = static_cast<float>(M_PI);

TEST(Geometry, CornersGoClockwiseFromTheTopLeft) {
  const Quad level = corners({.centre = {10, 20}, .width = 6, .height = 2});
  const Point expected[] = {{7, 19}, {13, 19}, {13, 21}, {7, 21}};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_FLOAT_EQ(level[i].x, expected[i].x) << i;
    EXPECT_FLOAT_EQ(level[i].y, expected[i].y) << i;
  }
  // Read downwards, the top left is at the upper right.
  const Point first = corners({.centre = {0, 0}, .width = 6, .height = 2, .angle = kPi / 2})[0];
  EXPECT_NEAR(first.x, 1, 1e-5);
  EXPECT_NEAR(first.y, -3, 1e-5);
}

TEST(Geometry, ComponentsJoinAcrossSidesAndCornersButNotAroundTheEdge) {
  const std::vector<uint8_t> mask = {1, 1, 0, 0, 1,  //
                                     0, 0, 1, 0, 0,  //
                                     1, 0, 0, 0, 0};
  const auto found = components(mask, 5, 3);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].size(), 3U);
  ASSERT_EQ(found[1].size(), 1U);
  EXPECT_EQ(found[1][0].x, 4.5F);
  EXPECT_EQ(found[1][0].y, 0.5F);
  EXPECT_EQ(found[2].size(), 1U);
}

TEST(Geometry, AnEmptyMaskHasNoComponents) {
  EXPECT_TRUE(components(std::vector<uint8_t>(6), 3, 2).empty());
}

TEST(Geometry, TheHullLeavesOutWhatIsInsideOrOnASide) {
  const auto hull = convex_hull({{0, 0}, {4, 0}, {2, 0}, {2, 2}, {4, 4}, {0, 4}, {1, 3}});
  ASSERT_EQ(hull.size(), 4U);
  for (const Point p : hull) {
    EXPECT_TRUE(p.x == 0 || p.x == 4);
    EXPECT_TRUE(p.y == 0 || p.y == 4);
  }
}

TEST(Geometry, TheHullOfAPointAndOfALineAreTheirEnds) {
  EXPECT_EQ(convex_hull({{3, 5}}).size(), 1U);
  EXPECT_EQ(convex_hull({{0, 0}, {1, 1}, {2, 2}, {3, 3}}).size(), 2U);
}

TEST(Geometry, TheSmallestBoxIsTheRectangleThatWasDrawn) {
  for (const float angle : {-0.7F, -0.3F, 0.0F, 0.2F, 0.7F}) {
    const Box drawn{.centre = {50, -20}, .width = 30, .height = 8, .angle = angle};
    const Quad quad = corners(drawn);
    const Box found = smallest_box(convex_hull({quad.begin(), quad.end()}));
    EXPECT_NEAR(found.centre.x, drawn.centre.x, 1e-3);
    EXPECT_NEAR(found.centre.y, drawn.centre.y, 1e-3);
    EXPECT_NEAR(found.width, drawn.width, 1e-3);
    EXPECT_NEAR(found.height, drawn.height, 1e-3);
    EXPECT_NEAR(found.angle, drawn.angle, 1e-4);
  }
}

TEST(Geometry, TheSmallestBoxOfAPointHasNoSize) {
  const Box box = smallest_box(std::vector<Point>{{3, 5}});
  EXPECT_FLOAT_EQ(box.centre.x, 3);
  EXPECT_FLOAT_EQ(box.centre.y, 5);
  EXPECT_FLOAT_EQ(box.width, 0);
  EXPECT_FLOAT_EQ(box.height, 0);
}

// Width × height pixels, whose red counts columns and whose green counts rows, in tens.
std::vector<uint8_t> grid(int width, int height) {
  std::vector<uint8_t> rgb;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      rgb.insert(rgb.end(), {static_cast<uint8_t>(10 * x), static_cast<uint8_t>(10 * y), 7});
  return rgb;
}

TEST(Geometry, CuttingOutAtTheSameSizeCopiesPixels) {
  const auto rgb = grid(8, 6);
  const auto whole = cut_out({rgb, 8, 6}, {.centre = {4, 3}, .width = 8, .height = 6}, 8, 6);
  EXPECT_EQ(whole, rgb);
  const auto part = cut_out({rgb, 8, 6}, {.centre = {3, 2}, .width = 2, .height = 2}, 2, 2);
  EXPECT_EQ(part, (std::vector<uint8_t>{20, 10, 7, 30, 10, 7, 20, 20, 7, 30, 20, 7}));
}

TEST(Geometry, CuttingOutTurnsWhatReadsDownwardsLevel) {
  const auto rgb = grid(8, 6);
  const Box down{.centre = {2, 3}, .width = 4, .height = 2, .angle = kPi / 2};
  const auto cut = cut_out({rgb, 8, 6}, down, 4, 2);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(cut[3 * i], 20) << i;                // the first row was the right column
    EXPECT_EQ(cut[3 * i + 1], 10 * (i + 1)) << i;  // from top to bottom
  }
}

TEST(Geometry, CuttingOutSmallerAveragesAndLargerInterpolates) {
  std::vector<uint8_t> stripes;
  for (int x = 0; x < 64; ++x) stripes.insert(stripes.end(), 3, x % 2 ? 200 : 0);
  const Box whole{.centre = {32, 0.5}, .width = 64, .height = 1};
  for (const uint8_t v : cut_out({stripes, 64, 1}, whole, 16, 1)) EXPECT_NEAR(v, 100, 1);
  const auto larger = cut_out({stripes, 64, 1}, whole, 128, 1);
  EXPECT_EQ(larger[3], 50);  // a quarter of the way from the first to the second
}

TEST(Geometry, OutsideThePictureItsEdgeGoesOn) {
  const auto rgb = grid(4, 4);
  const auto cut = cut_out({rgb, 4, 4}, {.centre = {-50, -50}, .width = 9, .height = 9}, 3, 3);
  for (size_t i = 0; i < cut.size(); i += 3) EXPECT_EQ(cut[i] + cut[i + 1], 0);
}

}  // namespace
}  // namespace mimeme
