#include "app/open_library.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>
#include <vector>

namespace mimeme {
namespace {

namespace fs = std::filesystem;

class SharedLibraryTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("open_library_test." + std::to_string(getpid()));
    auto library = Library::open({.directory = folder_}, Library::Access::kCreate);
    ASSERT_TRUE(library.ok()) << library.error().message;
    library_ = *std::move(library);
  }
  void TearDown() override {
    library_.reset();
    fs::remove_all(folder_);
  }

  Context context(SharedLibrary& shared) const {
    Context context;
    context.held = &shared;
    context.quiet = true;
    return context;
  }

  fs::path folder_;
  std::unique_ptr<Library> library_;
};

TEST_F(SharedLibraryTest, CommandsThatWriteTakeTurns) {
  SharedLibrary shared(*library_);
  std::atomic<int> writing = 0, most = 0;
  std::vector<std::thread> commands;
  for (int i = 0; i < 4; ++i)
    commands.emplace_back([&] {
      const Context c = context(shared);
      for (int n = 0; n < 100; ++n) {
        ProgressBar bar(c);
        const auto opened = open_library(c, Library::Access::kWrite, bar);
        ASSERT_TRUE(opened.ok());
        if (++writing > 1) most = 2;
        --writing;
      }
    });
  for (std::thread& command : commands) command.join();
  EXPECT_EQ(most, 0);
}

TEST_F(SharedLibraryTest, OneThatReadsDoesNotWaitForOneThatWrites) {
  SharedLibrary shared(*library_);
  const Context c = context(shared);
  ProgressBar bar(c);
  const auto writer = open_library(c, Library::Access::kWrite, bar);
  const auto reader = open_library(c, Library::Access::kRead, bar);
  ASSERT_TRUE(writer.ok() && reader.ok());
  EXPECT_EQ(&**reader, library_.get());
}

TEST_F(SharedLibraryTest, OneThatIsHungUpOnWaitsNoLonger) {
  SharedLibrary shared(*library_);
  Context c = context(shared);
  ProgressBar bar(c);
  const auto writer = open_library(c, Library::Access::kWrite, bar);
  std::stop_source hung_up;
  c.hung_up = hung_up.get_token();
  std::thread hangs_up([&] { hung_up.request_stop(); });
  const auto second = open_library(c, Library::Access::kCreate, bar);
  hangs_up.join();
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kCancelled);
}

}  // namespace
}  // namespace mimeme
