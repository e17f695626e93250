#include "engine/check.h"

#include "engine/ingest.h"
#include "engine/test_library.h"

namespace mimeme {
namespace {

using CheckTest = LibraryTest;

TEST_F(CheckTest, EachPassTellsHowFarItIs) {
  for (int i = 0; i < 5; ++i) add_picture(i);
  const auto library = open();
  ASSERT_TRUE(library) << library.error().message;
  ASSERT_EQ(ingest(**library, {.roots = {pictures()}}, {})->embedded, 5);
  std::map<std::string, std::pair<int64_t, int64_t>> told;
  const auto report =
      check(**library, {.progress = [&](const char* what, int64_t done, int64_t total) {
        told[what] = {done, total};
      }});
  ASSERT_TRUE(report) << report.error().message;
  const std::pair<int64_t, int64_t> all{5, 5};
  EXPECT_EQ(told, (decltype(told){{"checking the vector index", all},
                                  {"checking the text index", all},
                                  {"checking originals", all}}));
}

}  // namespace
}  // namespace mimeme
