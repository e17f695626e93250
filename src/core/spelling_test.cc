#include "core/spelling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace mimeme {
namespace {

TEST(SpellingTest, WhatLooksAlikeHasOneForm) {
  const std::pair<std::string_view, std::string_view> pairs[] = {
      {"table", "tab1e"}, {"hello", "he11o"}, {"hello", "heiio"},  {"corn", "com"},
      {"wow", "vvovv"},   {"boss", "8055"},   {"modern", "modem"}, {"über", "ü8er"}};
  for (const auto& [a, b] : pairs) EXPECT_EQ(canonical(a), canonical(b)) << a;
  EXPECT_NE(canonical("cat"), canonical("car"));
  EXPECT_EQ(canonical("prnit", Pairs::kKeep), "prnlt");
  EXPECT_EQ(canonical(""), "");
}

TEST(SpellingTest, ABarInsideAWordIsALetter) {
  EXPECT_EQ(without_bars("TH!S |s! a wa|t!"), "THiS |s! a wait!");
  EXPECT_EQ(without_bars("!"), "!");
  EXPECT_EQ(without_bars(""), "");
}

// Optimal string alignment, by the book.
int distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<int>> d(a.size() + 1, std::vector<int>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i)
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = static_cast<int>(i + j);
        continue;
      }
      d[i][j] = std::min(
          {d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

TEST(SpellingTest, OneEditIsWhatTheTextbookSaysAndSharesAForm) {
  std::mt19937 random(1);
  const auto word = [&] {
    std::string out;
    for (size_t n = random() % 6; out.size() < n;) out += static_cast<char>('a' + random() % 3);
    return out;
  };
  for (int round = 0; round < 20000; ++round) {
    const std::string a = word(), b = word();
    ASSERT_EQ(within_one_edit(a, b), distance(a, b) <= 1) << a << " " << b;
    if (!within_one_edit(a, b)) continue;
    auto forms = one_letter_less(a), others = one_letter_less(b);
    forms.push_back(a);
    others.push_back(b);
    EXPECT_TRUE(std::find_first_of(forms.begin(), forms.end(), others.begin(), others.end()) !=
                forms.end())
        << a << " " << b;
  }
}

TEST(SpellingTest, LettersAreCodePoints) {
  EXPECT_TRUE(within_one_edit("für", "fur"));
  EXPECT_TRUE(within_one_edit("привет", "првиет"));
  EXPECT_FALSE(within_one_edit("ab", "ü"));
  EXPECT_EQ(one_letter_less("üb"), (std::vector<std::string>{"b", "ü"}));
  EXPECT_EQ(one_letter_less("aab"), (std::vector<std::string>{"ab", "aa"}));
}

}  // namespace
}  // namespace mimeme
