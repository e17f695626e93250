#include "engine/stage.h"

#include <gtest/gtest.h>

#include <set>
#include <stdexcept>

namespace mimeme {
namespace {

using Done = std::vector<int64_t>;

// Work 1..n.
WorkSource numbers(int64_t n) {
  return [n](int64_t after, int limit) -> Result<std::vector<Work>> {
    std::vector<Work> page;
    while (after < n && static_cast<int>(page.size()) < limit) page.push_back({.n = ++after});
    return page;
  };
}

int64_t square(const Work& work) { return work.n * work.n; }

Result<> run(const WorkSource& source, const std::function<int64_t(const Work&)>& work, Done& done,
             StageOptions options = {}) {
  return run_stage<int64_t>(
      source, work,
      [&](std::span<const int64_t> batch) -> Result<> {
        EXPECT_LE(batch.size(), static_cast<size_t>(options.commit_batch));
        done.insert(done.end(), batch.begin(), batch.end());
        return {};
      },
      options);
}

TEST(Stage, DoesAllWorkOnceHoweverManyThreads) {
  for (const int threads : {1, 2, 5}) {
    Done done;
    ASSERT_TRUE(run(numbers(1000), square, done, {.threads = threads, .commit_batch = 7}));
    const std::set<int64_t> all(done.begin(), done.end());
    EXPECT_EQ(done.size(), 1000U);
    EXPECT_EQ(all.size(), 1000U);
    EXPECT_TRUE(all.contains(1'000'000));
  }
}

TEST(Stage, NothingToDoIsDone) {
  Done done;
  EXPECT_TRUE(run(numbers(0), square, done));
  EXPECT_TRUE(done.empty());
}

TEST(Stage, AStopKeepsWhatIsDone) {
  std::stop_source stop;
  Done done;
  const auto work = [&](const Work& next) {
    if (next.n == 100) stop.request_stop();
    return next.n;
  };
  ASSERT_TRUE(run(numbers(100'000), work, done,
                  {.threads = 1, .commit_batch = 8, .stop = stop.get_token()}));
  EXPECT_EQ(done.size(), 100U);
}

TEST(Stage, WhatFailsOrThrowsEndsTheRun) {
  Done done;
  const auto source = [](int64_t, int) -> Result<std::vector<Work>> {
    return Error{ErrorCode::kIo, "no source"};
  };
  EXPECT_EQ(run(source, square, done).error().message, "no source");

  const auto work = [](const Work& next) -> int64_t {
    if (next.n == 3) throw std::runtime_error("no work");
    return next.n;
  };
  EXPECT_EQ(run(numbers(1000), work, done).error().message, "no work");

  const auto refuse = [](std::span<const int64_t>) -> Result<> {
    return Error{ErrorCode::kIo, "no sink"};
  };
  EXPECT_EQ(run_stage<int64_t>(numbers(1000), square, refuse, {}).error().message, "no sink");

  const auto fall = [](std::span<const int64_t>) -> Result<> { throw std::runtime_error("sink"); };
  EXPECT_THROW(static_cast<void>(run_stage<int64_t>(numbers(1000), square, fall, {})),
               std::runtime_error);
}

}  // namespace
}  // namespace mimeme
