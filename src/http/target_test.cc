#include "http/target.h"

#include <gtest/gtest.h>

namespace mimeme {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

TEST(TargetTest, IsSplitFirstAndDecodedAfterwards) {
  const auto target = parse_target("/a%2Fb//c+d?q=%22x%20y%22+-z&empty=&flag&q=second");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, (std::vector<std::string>{"a/b", "c+d"}));
  EXPECT_EQ(target->query,
            (Pairs{{"q", "\"x y\" -z"}, {"empty", ""}, {"flag", ""}, {"q", "second"}}));
  EXPECT_EQ(target->get("q"), "\"x y\" -z");
  EXPECT_EQ(target->get("none"), "");
}

TEST(TargetTest, RefusesWhatIsNoAddress) {
  for (const char* text : {"", "a", "*", "/%", "/%4", "/%zz", "/?q=%1", "/?q=% 1"})
    EXPECT_FALSE(parse_target(text)) << text;
}

TEST(TargetTest, NumbersAreHeldToTheirBounds) {
  const auto target = parse_target("/?a=7&b=8&c=x&d=0.5&e=nan&f=1.1&g=7x");
  ASSERT_TRUE(target);
  EXPECT_EQ(*target->get_integer("a", 1, 0, 7), 7);
  EXPECT_EQ(*target->get_integer("none", 1, 0, 7), 1);
  for (const char* name : {"b", "c", "d", "g"})
    EXPECT_FALSE(target->get_integer(name, 1, 0, 7)) << name;
  EXPECT_EQ(*target->get_share("d"), 0.5);
  EXPECT_EQ(*target->get_share("none"), 0);
  for (const char* name : {"a", "c", "e", "f"}) EXPECT_FALSE(target->get_share(name)) << name;
}

}  // namespace
}  // namespace mimeme
