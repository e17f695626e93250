#include "base/file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

namespace mimeme {
namespace {
namespace fs = std::filesystem;

class FileTest : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }
  static std::string read(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  const fs::path folder_ = fs::temp_directory_path() / ("file_test." + std::to_string(getpid()));
};

const std::vector<uint8_t> kOld{'o', 'l', 'd'}, kNew{'n', 0, 'w', '\n'};

TEST_F(FileTest, AFileIsWrittenWithTheFoldersAboveItAndReplacedAsAWhole) {
  const fs::path path = folder_ / "a" / "b" / "name";
  for (const auto durability : {Durability::kCache, Durability::kTruth}) {
    ASSERT_TRUE(write_file(path, kOld, durability));
    ASSERT_TRUE(write_file(path, kNew, durability));
    EXPECT_EQ(read(path), std::string("n\0w\n", 4));
  }
  const auto names = fs::directory_iterator(path.parent_path());
  EXPECT_EQ(std::distance(begin(names), end(names)), 1) << "nothing is left beside it";
}

TEST_F(FileTest, WhatCannotBeWrittenIsNamedAndLeavesNothingBehind) {
  fs::create_directories(folder_ / "name" / "inside");  // a folder is not replaced by a file
  const auto written = write_file(folder_ / "name", kNew, Durability::kTruth);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kIo);
  EXPECT_NE(written.error().message.find(folder_ / "name"), std::string::npos);
  const auto names = fs::directory_iterator(folder_);
  EXPECT_EQ(std::distance(begin(names), end(names)), 1);
}

}  // namespace
}  // namespace mimeme
