#include "base/utf8.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace mimeme {
namespace {

TEST(Utf8, ValidTextIsKeptAsItIs) {
  for (const std::string text : {"", "plain.jpg", "naïve — 図.png", "\xF0\x9F\x98\x82.gif"})
    EXPECT_EQ(to_utf8(text), text);
}

TEST(Utf8, AnyBytesSurviveTheRoundTripAndAreValidBetween) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  const std::string cases[] = {
      all,
      "latin1-\xE9.jpg",
      "cut-\xE2\x82",       // a sequence that ends early
      "overlong-\xC0\xAF",  // '/' in two bytes
      "surrogate-\xED\xA0\x80",
      "beyond-\xF4\x90\x80\x80",
      std::string("nul-\0-nul", 9),
  };
  for (const std::string& bytes : cases) {
    const std::string text = to_utf8(bytes);
    EXPECT_EQ(from_utf8(text), bytes);
    EXPECT_EQ(to_utf8(text), text) << "was not valid UTF-8";
    EXPECT_EQ(*Json::parse(Json(text).dump())->string(), text);
  }
}

TEST(Utf8, MendedTextIsValidAndKeepsWhatWas) {
  EXPECT_EQ(mend_utf8("caf\xC3\xA9 \xE2\x82"), "caf\xC3\xA9 \uFFFD\uFFFD");
  EXPECT_EQ(mend_utf8(std::string_view("a\0b", 3)), "a\uFFFDb");
}

TEST(Utf8, WhatIsPrintedHasNoControlCharacters) {
  EXPECT_EQ(printable("a\nb\x1b[2J\tc\x7f.png"), "a?b?[2J?c?.png");
  EXPECT_EQ(printable("a\xC2\x9B"
                      "b\xC2\xA0"),
            "a?b\xC2\xA0");
  EXPECT_EQ(printable("caf\xC3\xA9 \xE9"), "caf\xC3\xA9 " + to_utf8("\xE9"));
}

}  // namespace
}  // namespace mimeme
