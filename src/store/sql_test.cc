#include "store/sql.h"

#include <gtest/gtest.h>

#include "store/appender.h"

namespace mimeme::sql {
namespace {

TEST(Sql, ValuesComeBackAsTheyWereBound) {
  auto database = Database::open(":memory:", Database::Access::kReadWrite).value();
  auto c = database->lease().value();
  const std::string text("caf\xC3\xA9 \xFF\x00 '; DROP TABLE t; --", 25);
  const std::vector<uint8_t> blob = {0, 255, 128, 0};
  const std::vector<int64_t> numbers = {3, -1};
  const std::vector<std::string> texts = {"\xFE", "b"};
  auto rows =
      c->query("SELECT ?::BIGINT, ?::VARCHAR, ?::BLOB, unnest(?::BIGINT[]), unnest(?::VARCHAR[])",
               {int64_t{-5}, text, blob, numbers, texts});
  ASSERT_TRUE(rows.ok()) << rows.error().message;
  ASSERT_TRUE(rows->next());
  EXPECT_EQ(rows->integer(0), -5);
  EXPECT_EQ(rows->text(1), text);
  EXPECT_TRUE(std::ranges::equal(rows->blob(2), blob));
  EXPECT_EQ(rows->integer(3), 3);
  EXPECT_EQ(rows->text(4), "\xFE");
  ASSERT_TRUE(rows->next());
  EXPECT_EQ(rows->integer(3), -1);
  EXPECT_EQ(rows->text(4), "b");
  EXPECT_FALSE(rows->next());
}

}  // namespace
}  // namespace mimeme::sql
