#include "core/query.h"

#include <gtest/gtest.h>

namespace mimeme {
namespace {

using Strings = std::vector<std::string>;

TextQuery parsed(std::string_view text) {
  auto query = parse_query(text);
  EXPECT_TRUE(query) << text << ": " << query.error().message;
  return query ? *query : TextQuery();
}

// The terms as they would be typed.
Strings terms_of(std::string_view text) {
  Strings terms;
  for (const TextTerm& term : parsed(text).terms)
    terms.push_back(to_string(TextQuery{.terms = {term}}));
  return terms;
}

TEST(QueryTest, WordsPhrasesAndMinus) {
  const struct {
    std::string_view text;
    Strings terms;
  } cases[] = {
      {"", {}},
      {" \t\n ", {}},
      {"on the  table ", {"on", "the", "table"}},
      {"\"on the table\" now", {"\"on the table\"", "now"}},
      {"-cat -\"grumpy cat\"", {"-cat", "-\"grumpy cat\""}},
      {"“typographic quotes” too", {"\"typographic quotes\"", "too"}},
      {"\"not closed", {"\"not closed\""}},
      {"\"\" \" \" -\"\"", {}},
      {"\"a\"b", {"\"a\"", "b"}},
      {"rock\"n\"roll", {"rock\"n\"roll"}},
      {"- a", {"-", "a"}},
      {"--a", {"--a"}},
      {"note: this", {"note:", "this"}},
      {"my type: a", {"my", "type:", "a"}},
      {"width > 5", {"width", ">", "5"}},
      {"\"type:docx\"", {"\"type:docx\""}},
      {"x=y a<b 3>2", {"x=y", "a<b", "3>2"}},
      {"http://a.b/c?d=e", {"http://a.b/c?d=e"}},
      {"OR AND NOT NEAR(a b) col:x *", {"OR", "AND", "NOT", "NEAR(a", "b)", "col:x", "*"}},
  };
  for (const auto& c : cases) EXPECT_EQ(terms_of(c.text), c.terms) << c.text;
  EXPECT_TRUE(parsed("--a").terms[0].is_excluded);
}

TEST(QueryTest, FiltersOfCategoryAndType) {
  const TextQuery query = parsed(
      "category:drake CATEGORY:\"two words\" -category:cats type:JPG type:png type:jpeg -type:gif "
      "x");
  EXPECT_EQ(query.categories, (Strings{"drake", "two words"}));
  EXPECT_EQ(query.excluded_categories, (Strings{"cats"}));
  EXPECT_EQ(query.types, (Strings{"jpeg", "png"}));
  EXPECT_EQ(query.excluded_types, (Strings{"gif"}));
  EXPECT_EQ(query.terms, (std::vector<TextTerm>{{.text = "x"}}));
}

TEST(QueryTest, FiltersOfSize) {
  const auto range = [](int64_t min, int64_t max) { return NumberRange{.min = min, .max = max}; };
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(parsed("width>=800").width, range(800, kMost));
  EXPECT_EQ(parsed("width:>=800px").width, range(800, kMost));
  EXPECT_EQ(parsed("width>800 width<=1000 width>5").width, range(801, 1000));
  EXPECT_EQ(parsed("height=600").height, range(600, 600));
  EXPECT_EQ(parsed("height<0").height, range(0, -1));
  EXPECT_EQ(parsed("bytes<1MB").bytes, range(0, 999'999));
  EXPECT_EQ(parsed("bytes<=1.5mib").bytes, range(0, 1'572'864));
  EXPECT_EQ(parsed("bytes>=20k").bytes, range(20'000, kMost));
}

TEST(QueryTest, FiltersOfDate) {
  using namespace std::chrono;
  const TextQuery query = parsed("after:2024-05 before:2024-12-31 before:2025");
  EXPECT_EQ(query.added_from, sys_days(year(2024) / 5 / 1));
  EXPECT_EQ(query.added_before, sys_days(year(2024) / 12 / 31));
}

TEST(QueryTest, AMalformedFilterSaysWhatToWrite) {
  const struct {
    std::string_view text, message;
  } cases[] = {
      {"type:docx", "type:docx: no such type; there are jpeg, png, webp, gif, avif, heic, tiff"},
      {"category:\"\"", "category: write a name behind it: category:drake"},
      {"before:yesterday", "before:yesterday: no date; write before:2024-05-01, 2024-05 or 2024"},
      {"after:2024-02-30", "after:2024-02-30: no date; write after:2024-05-01, 2024-05 or 2024"},
      {"-before:2024", "-before:2024: write after:2024"},
      {"width>=wide", "width>=wide: no number of pixels; write width>=800"},
      {"width>=-1", "width>=-1: no number of pixels; write width>=800"},
      {"bytes<1XB", "bytes<1XB: no number of bytes; write bytes<1MB"},
      {"bytes<99999999999GB", "bytes<99999999999GB: no number of bytes; write bytes<1MB"},
      {"width=>800", "width=>800: compare with one of < <= = >= >; write width>=800"},
      {"width:800", "width:800: write width>=800 or width<800"},
      {"-width>800", "width>800: turn the sign around, without the minus"},
  };
  for (const auto& c : cases) {
    const auto query = parse_query(c.text);
    ASSERT_FALSE(query) << c.text;
    EXPECT_EQ(query.error().code, ErrorCode::kInvalidArgument) << c.text;
    EXPECT_EQ(query.error().message, c.message);
  }
}

TEST(QueryTest, APrintedQueryMeansTheSame) {
  for (const std::string_view text :
       {"", "a \"b c\" -d -\"e f\" --g -", "category:\"a b\" -category:c type:jpg -type:gif",
        "width>=5 width<=9 height<0 bytes=7", "after:2024-05-01 before:2025-01-31 \"open",
        "category:y:\"two words\"", "\xff\xfe \xc3 ok"}) {
    const TextQuery query = parsed(text);
    EXPECT_EQ(parsed(to_string(query)), query) << text;
  }
}

TEST(QueryTest, AHugeTextIsCut) {
  EXPECT_LE(parsed(std::string(1 << 20, 'x')).terms[0].text.size(), 4096U);
  EXPECT_LE(parsed(std::string(1 << 20, '-')).terms.size(), 1U);
}

}  // namespace
}  // namespace mimeme
