#include "model/kinds.h"

#include <gtest/gtest.h>

namespace mimeme {
namespace {

const std::vector<std::string> kLabels{"dummy", "tench", "goldfish", "pug", "Persian cat", "lion"};

using Classes = std::vector<size_t>;

TEST(ParseKinds, AddsUpClassesAndRanges) {
  const auto kinds =
      parse_kinds("\nanimal: tench..goldfish, lion\nanimal: pug\ndog: pug\n", kLabels);
  ASSERT_TRUE(kinds) << kinds.error().message;
  ASSERT_EQ(kinds->size(), 2U);
  EXPECT_EQ(kinds->at(0).name, "animal");
  EXPECT_EQ(kinds->at(0).classes, (Classes{1, 2, 5, 3}));
  EXPECT_EQ(kinds->at(1).name, "dog");
  EXPECT_EQ(kinds->at(1).classes, Classes{3});
}

TEST(ParseKinds, ALineWithoutAWordNamesClassesAsTheyAreInLowerCase) {
  const auto kinds = parse_kinds("Persian cat, lion\n", kLabels);
  ASSERT_TRUE(kinds) << kinds.error().message;
  ASSERT_EQ(kinds->size(), 2U);
  EXPECT_EQ(kinds->at(0).name, "persian cat");
  EXPECT_EQ(kinds->at(0).classes, Classes{4});
  EXPECT_EQ(kinds->at(1).name, "lion");
}

TEST(ParseKinds, NamesTheClassThatIsNotThere) {
  for (const char* table :
       {"zebra", "animal: lion, zebra", "animal: zebra..lion", "x: pug..zebra"}) {
    const auto kinds = parse_kinds(table, kLabels);
    ASSERT_FALSE(kinds) << table;
    EXPECT_EQ(kinds.error().code, ErrorCode::kUnsupported);
    EXPECT_NE(kinds.error().message.find("`zebra`"), std::string::npos) << kinds.error().message;
  }
}

}  // namespace
}  // namespace mimeme
