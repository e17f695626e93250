#include "base/json.h"

#include <gtest/gtest.h>

namespace mimeme {
namespace {

TEST(Json, ReadsWhatItWrites) {
  const Json json = Json::Object{{"name", "a \"b\"\n"},
                                 {"n", int64_t{1} << 60},
                                 {"x", 0.5},
                                 {"yes", true},
                                 {"no", nullptr},
                                 {"list", Json::Array{1, "two", Json::Object{}}}};
  const auto again = Json::parse(json.dump());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->dump(), json.dump());
  EXPECT_EQ(*again->get_string("name"), "a \"b\"\n");
  EXPECT_EQ(*again->get_integer("n"), int64_t{1} << 60);
  EXPECT_EQ(*again->get_number("x"), 0.5);
  EXPECT_TRUE((*again)["no"].is_null());
  EXPECT_TRUE((*again)["none"]["deeper"].is_null());
}

TEST(Json, KeepsTheOrderOfMembers) {
  EXPECT_EQ(Json::parse(R"({"b":1,"a":2})")->dump(), R"({"b":1,"a":2})");
}

TEST(Json, RefusesWithThePlace) {
  const struct {
    const char* text;
    const char* message;
  } cases[] = {
      {"{\n  \"a\": 1,\n  x\n}", "malformed JSON at line 3, column 3"},
      {"", "malformed JSON at line 1, column 1"},
      {"[1, 2", "malformed JSON at line 1, column 6"},
      {"{} {}", "malformed JSON at line 1, column 4"},
      {R"({"a":1,"a":2})", "duplicate key `a`"},
  };
  for (const auto& c : cases) {
    const auto json = Json::parse(c.text);
    ASSERT_FALSE(json) << c.text;
    EXPECT_EQ(json.error().message, c.message) << c.text;
    EXPECT_EQ(json.error().code, ErrorCode::kCorrupt);
  }
}

TEST(Json, DeepNestingIsRefusedNotRecursedInto) {
  EXPECT_TRUE(Json::parse(std::string(60, '[') + std::string(60, ']')));
  const auto deep = Json::parse(std::string(100'000, '['));
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().message, "nested too deeply");
}

TEST(Json, TypedMembersSayWhatIsWrong) {
  const Json json = *Json::parse(R"({"text":"a","n":1.5,"list":[1,"x"]})");
  EXPECT_EQ(json.get_string("none").error().message, "`none` is missing");
  EXPECT_EQ(json.get_string("n").error().message, "`n` must be a string");
  EXPECT_EQ(json.get_integer("n").error().message, "`n` must be a whole number");
  EXPECT_EQ(json.get_number("text").error().message, "`text` must be a number");
  EXPECT_EQ(json.get_numbers("list").error().message, "`list` must be a list of numbers");
}

}  // namespace
}  // namespace mimeme
