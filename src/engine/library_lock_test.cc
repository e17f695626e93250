#include "engine/library_lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

namespace mimeme {
namespace {

using Mode = LibraryLock::Mode;

// Runs `body` in a child process that stays until told to go; returns when body has run.
class Child {
 public:
  template <typename Body>
  explicit Child(Body body) {
    int ready[2];
    EXPECT_EQ(pipe(ready), 0);
    pid_ = fork();
    if (pid_ == 0) {
      auto kept = body();
      const char ok = kept.ok() ? 'y' : 'n';
      if (write(ready[1], &ok, 1) != 1) _exit(1);
      for (;;) pause();
    }
    EXPECT_EQ(read(ready[0], &answer_, 1), 1);
    close(ready[0]);
    close(ready[1]);
  }
  ~Child() { kill(); }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  pid_t pid() const { return pid_; }
  bool succeeded() const { return answer_ == 'y'; }

 private:
  pid_t pid_ = 0;
  char answer_ = 0;
};

class LibraryLockTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / ("lock_test." + std::to_string(getpid()));
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string directory_;
};

TEST_F(LibraryLockTest, AWriterKeepsAllOthersOutAndIsNamed) {
  const Child writer([&] { return LibraryLock::take(directory_, Mode::kExclusive); });
  ASSERT_TRUE(writer.succeeded());
  for (const Mode mode : {Mode::kExclusive, Mode::kShared}) {
    const auto lock = LibraryLock::take(directory_, mode);
    ASSERT_FALSE(lock);
    EXPECT_EQ(lock.error().code, ErrorCode::kBusy);
    EXPECT_NE(lock.error().message.find("in use by process " + std::to_string(writer.pid()) + " ("),
              std::string::npos)
        << lock.error().message;
  }
}

TEST_F(LibraryLockTest, ReadersShareAndKeepWritersOut) {
  const Child reader([&] { return LibraryLock::take(directory_, Mode::kShared); });
  ASSERT_TRUE(reader.succeeded());
  EXPECT_TRUE(LibraryLock::take(directory_, Mode::kShared));
  EXPECT_FALSE(LibraryLock::take(directory_, Mode::kExclusive));
}

TEST_F(LibraryLockTest, AKilledHolderLeavesNoLock) {
  Child writer([&] { return LibraryLock::take(directory_, Mode::kExclusive); });
  ASSERT_TRUE(writer.succeeded());
  writer.kill();
  EXPECT_TRUE(LibraryLock::take(directory_, Mode::kExclusive));
}

TEST_F(LibraryLockTest, IsGivenBack) {
  { ASSERT_TRUE(LibraryLock::take(directory_, Mode::kExclusive)); }
  const Child other([&] { return LibraryLock::take(directory_, Mode::kExclusive); });
  EXPECT_TRUE(other.succeeded());
}

TEST_F(LibraryLockTest, AMissingFolderIsAnError) {
  EXPECT_EQ(LibraryLock::take(directory_ + "/none", Mode::kExclusive).error().code, ErrorCode::kIo);
}

}  // namespace
}  // namespace mimeme
