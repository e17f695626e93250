#include "engine/followed_index.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <stop_token>
#include <thread>

#include "base/must.h"
#include "store/test_schema.h"

namespace mimeme {
namespace {

namespace fs = std::filesystem;

constexpr int kDim = 4;

int64_t unsaved(const VectorIndex& index) {
  return dynamic_cast<const FileIndex&>(index).unsaved();
}

class FollowedIndexTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = fs::temp_directory_path() / ("followed_index_test." + std::to_string(getpid()));
    fs::remove_all(directory_);
  }
  void TearDown() override { fs::remove_all(directory_); }
  std::string path() const { return directory_ / "vectors.bin"; }

  // So many rows; the change number of a row is its id.
  FollowedIndex::Source source(int64_t generation, int64_t rows) const {
    return {.generation = generation,
            .dim = kDim,
            .removals_since = [rows](int64_t) { return Catalog::Removals{.ids = {}, .seq = rows}; },
            .rows_since =
                [rows](int64_t seq) {
                  FloatRows page{.ids = {}, .rows = {}, .seq = seq};
                  for (; page.seq < rows && page.ids.size() < 100; ++page.seq) {
                    page.ids.push_back(page.seq + 1);
                    for (int d = 0; d < kDim; ++d)
                      page.rows.push_back(static_cast<float>(page.seq % (d + 2)) + 1);
                  }
                  return page;
                },
            .progress = [](int64_t) {}};
  }
  // Of the file: rows, or -1.
  int64_t rows_in_file(int64_t generation) const {
    const auto loaded = load_index(path());
    return loaded && loaded->stamp.generation == generation ? loaded->index->size() : -1;
  }

  fs::path directory_;
};

TEST_F(FollowedIndexTest, ChangesAreInTheFileWhenFollowReturns) {
  FollowedFile followed(path(), {});
  const auto index = followed.follow(source(1, 500));
  ASSERT_TRUE(index) << index.error().message;
  EXPECT_EQ((*index)->size(), 500);
  EXPECT_EQ(unsaved(**index), 0);
  EXPECT_EQ(rows_in_file(1), 500);
  ASSERT_TRUE(followed.follow(source(1, 520)));  // few: left in memory
  EXPECT_EQ(unsaved(**index), 20);
  EXPECT_EQ(rows_in_file(1), 500);
}

TEST_F(FollowedIndexTest, ChangesAreSearchedAtOnceAndInTheFileLater) {
  FollowedFile followed(path(), {.when = Merge::kBehind});
  for (const int64_t rows : {500, 1000, 2000}) {
    const auto index = followed.follow(source(1, rows));
    ASSERT_TRUE(index) << index.error().message;
    EXPECT_EQ((*index)->size(), rows);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (unsaved(**index) > 0 && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      ASSERT_TRUE(followed.follow(source(1, rows)));  // what came while it merged is merged next
    }
    EXPECT_EQ(unsaved(**index), 0);
    EXPECT_EQ(rows_in_file(1), rows);
  }
}

TEST_F(FollowedIndexTest, AMergeThatIsStoppedLeavesAllInMemory) {
  std::stop_source stop;
  stop.request_stop();
  FollowedFile followed(path(), {.stop = stop.get_token()});
  const auto index = followed.follow(source(1, 500));
  ASSERT_TRUE(index) << index.error().message;
  EXPECT_EQ((*index)->size(), 500);
  EXPECT_EQ(unsaved(**index), 500);
  EXPECT_EQ(rows_in_file(1), -1);
  EXPECT_TRUE(fs::is_empty(directory_));  // no temporary file either
}

TEST_F(FollowedIndexTest, AMergeOfWhatIsOutOfDateIsGivenUp) {
  FollowedFile followed(path(), {.when = Merge::kBehind});
  for (int64_t generation = 1; generation <= 20; ++generation) {
    const auto index = followed.follow(source(generation, 300));
    ASSERT_TRUE(index) << index.error().message;
    EXPECT_EQ((*index)->size(), 300);
  }
  ASSERT_TRUE(followed.discard());
  EXPECT_FALSE(fs::exists(path()));
  EXPECT_EQ(rows_in_file(20), -1);
}

class FollowedTableTest : public FollowedIndexTest {
 protected:
  void SetUp() override {
    ONLY_ON_A_SERVER();
    FollowedIndexTest::SetUp();
    catalog_ = must(Catalog::open(schema_.address(), Catalog::Access::kReadWrite));
    other_ = must(Catalog::open(schema_.address(), Catalog::Access::kReadWrite));
  }
  static FollowedTable table(Catalog& catalog,
                             FollowedTable::Access access = FollowedTable::Access::kWrite) {
    return {catalog, "pictures", Catalog::Task::kPictures, access, {}};
  }

  TestSchema schema_;
  std::unique_ptr<Catalog> catalog_, other_;  // as two processes have it
};

TEST_F(FollowedTableTest, WhatAnotherProcessMakesIsTakenOver) {
  auto one = table(*catalog_), two = table(*other_);
  auto reader = table(*other_, FollowedTable::Access::kRead);
  EXPECT_EQ(must(reader.follow(source(1, 0))), nullptr);
  ASSERT_NE(must(two.follow(source(1, 0))), nullptr);  // made while it was empty
  EXPECT_EQ(must(one.follow(source(1, 500)))->size(), 500);
  const auto index = must(two.follow(source(1, 500)));
  EXPECT_EQ(index->size(), 500);
  EXPECT_EQ(must(one.follow(source(1, 520)))->size(), 520);
  EXPECT_EQ(must(reader.follow(source(1, 520)))->size(), 520);
  EXPECT_EQ(must(index->search(std::vector<float>(kDim, 1), {.limit = 1000})).size(), 520U);

  // Another generation is beside it until everyone has it; one that was discarded is made anew.
  EXPECT_EQ(must(one.follow(source(2, 30)))->size(), 30);
  EXPECT_EQ(must(index->search(std::vector<float>(kDim, 1), {.limit = 1000})).size(), 520U);
  EXPECT_EQ(must(reader.follow(source(2, 30)))->size(), 30);
  ASSERT_TRUE(one.discard());
  EXPECT_EQ(index->search(std::vector<float>(kDim, 1), {}).error().code, ErrorCode::kConflict);
  EXPECT_EQ(must(reader.follow(source(2, 30))), nullptr);
  EXPECT_EQ(must(two.follow(source(2, 30)))->size(), 30);
}

TEST_F(FollowedTableTest, OneThatIsBeingFilledIsNotSearched) {
  auto one = table(*catalog_), two = table(*other_);
  auto broken = source(1, 500);
  int pages = 0;
  broken.rows_since = [&, whole = broken.rows_since](int64_t seq) -> Result<FloatRows> {
    if (++pages == 4) return Error{ErrorCode::kUnavailable, "the server went"};
    return whole(seq);
  };
  EXPECT_EQ(one.follow(broken).error().code, ErrorCode::kUnavailable);
  {
    const auto turn = must(other_->take_turn(Catalog::Task::kPictures));
    EXPECT_EQ(must(one.follow(source(1, 500))), nullptr);
  }
  // What was done of it is not done again.
  pages = 10;
  EXPECT_EQ(must(two.follow(broken))->size(), 500);
  EXPECT_EQ(pages, 13) << "two pages and the end";
  EXPECT_EQ(must(one.follow(source(1, 500)))->size(), 500);
}

}  // namespace
}  // namespace mimeme
