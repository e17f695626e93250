#include "engine/evaluate.h"

#include <chrono>

#include "engine/ingest.h"
#include "engine/test_library.h"

namespace mimeme {
namespace {

class EvaluateTest : public LibraryTest {
 protected:
  // A library of `count` pictures, 0.tiff and on.
  std::unique_ptr<Library> library_of(int count) {
    for (int i = 0; i < count; ++i) add_picture(i);
    auto library = open();
    EXPECT_TRUE(library) << library.error().message;
    EXPECT_EQ(ingest(**library, {.roots = {pictures()}}, {})->embedded, count);
    return *std::move(library);
  }
  // The path of a manifest beside the pictures.
  std::string manifest(const std::string& lines) const {
    std::ofstream(pictures() / "manifest.jsonl") << lines;
    return pictures() / "manifest.jsonl";
  }
};

TEST_F(EvaluateTest, TheModelIsLoadedInNobodysTime) {
  const auto library = library_of(2);
  std::filesystem::create_directories(root_ / "queries");
  add_picture(7, "../queries/7.tiff");
  load_time_ = std::chrono::seconds(1);
  const auto report = evaluate(
      *library,
      {.manifest = manifest(
           R"({"task":"t","query":{"image":"../queries/7.tiff"},"relevant":["0.tiff"]})")});
  ASSERT_TRUE(report) << report.error().message;
  ASSERT_EQ(report->tasks.size(), 1U);
  EXPECT_GT(report->tasks[0].p50_ms, 0);
  EXPECT_LT(report->tasks[0].p99_ms, 1000);
}

TEST_F(EvaluateTest, EveryQueryIsMeasuredOrSkippedWithAReason) {
  const auto library = library_of(3);
  std::vector<int64_t> ticks;
  const auto report = evaluate(
      *library,
      {.manifest = manifest(R"({"task":"a","query":{"image":"0.tiff"},"relevant":["0.tiff"]}
{"task":"a","query":{"image":"0.tiff"},"relevant":["0.tiff","1.tiff"]}
{"task":"a","query":{"image":"1.tiff"},"relevant":[]}
{"task":"a","query":{"image":"2.tiff"},"relevant":["2.tiff"]}
{"task":"b","query":{"image":"0.tiff"},"relevant":["0.tiff"]}
)"),
       .progress = [&](int64_t done, int64_t total) {
         EXPECT_EQ(total, 5);
         ticks.push_back(done);
       }});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(ticks, (std::vector<int64_t>{1, 2, 3, 4, 5}));
  ASSERT_EQ(report->tasks.size(), 1U) << "a task without a query that can be asked has no row";
  EXPECT_EQ(report->tasks[0].queries, 2) << "one of them to find nothing";
  std::vector<std::string> skipped;
  for (const auto& s : report->skipped)
    skipped.push_back(s.task + " " + std::to_string(s.queries) + ": " + s.why);
  EXPECT_EQ(skipped, (std::vector<std::string>{"a 2: its only right answer is the query itself",
                                               "b 1: its only right answer is the query itself"}));
}

TEST_F(EvaluateTest, ComparingProjectionsTellsHowFarItIs) {
  const auto library = library_of(30);
  ASSERT_TRUE(library->fit_pca({.dim = 11}));
  const auto found = projection_faithfulness(*library, 10);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->images, 10);
  EXPECT_EQ(derived_["reading vectors"], std::pair(int64_t{30}, int64_t{30}));
  EXPECT_EQ(derived_["comparing"], std::pair(int64_t{10}, int64_t{10}));
}

}  // namespace
}  // namespace mimeme
