#include "base/number.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace mimeme {
namespace {

TEST(NumberTest, IsTheWholeText) {
  EXPECT_EQ(parse_number<int64_t>("-7"), -7);
  EXPECT_EQ(parse_number<double>("0.5"), 0.5);
  for (const char* text : {"", " 7", "7 ", "+7", "7x", "x", "0x7", "7.5", "99999999999999999999"})
    EXPECT_EQ(parse_number<int64_t>(text), std::nullopt) << text;
}

}  // namespace
}  // namespace mimeme
