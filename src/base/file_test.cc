#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace {
std::vector<std::string> synced;  // what was, in this process
}
// In the C library's place.
extern "C" int fsync(int fd) {
  synced.push_back(std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd)));
  return static_cast<int>(syscall(SYS_fsync, fd));
}

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

TEST_F(FileTest, EveryFolderThatIsNewIsOnTheDiskWithTheFile) {
  synced.clear();
  ASSERT_TRUE(write_file(folder_ / "a" / "b" / "name", kNew, Durability::kTruth));
  for (const fs::path& folder : {folder_, folder_ / "a", folder_ / "a" / "b"})
    EXPECT_NE(std::find(synced.begin(), synced.end(), folder), synced.end()) << folder;
  synced.clear();
  ASSERT_TRUE(write_file(folder_ / "a" / "b" / "name", kNew, Durability::kTruth));
  EXPECT_EQ(synced.size(), 2U) << "the file and its folder";
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
