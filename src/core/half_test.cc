#include "core/half.h"

#include <gtest/gtest.h>

#include <cmath>

namespace mimeme {
namespace {

TEST(Half, BitsAreBinary16) {
  EXPECT_EQ(to_half(std::vector<float>{0, 1, -2, 0.5F, 65504, 1e-7F, 1e6F}),
            (std::vector<Half>{0x0000, 0x3C00, 0xC000, 0x3800, 0x7BFF, 0x0002, 0x7C00}));
}

TEST(Half, EveryFiniteHalfSurvivesTheRoundTrip) {
  std::vector<Half> all;
  for (uint32_t bits = 0; bits < 0x10000; ++bits)
    if ((bits & 0x7C00) != 0x7C00) all.push_back(static_cast<Half>(bits));
  EXPECT_EQ(to_half(to_float(all)), all);
}

TEST(Half, RelativeErrorIsAtMostTwoToTheMinusEleven) {
  for (float v = 1e-3F; v < 1e4F; v *= 1.01F)
    EXPECT_LE(std::abs(to_float(to_half(std::vector<float>{v}))[0] - v), v * std::exp2(-11.0F))
        << v;
}

}  // namespace
}  // namespace mimeme
