#include "engine/jobs.h"

#include <gtest/gtest.h>

#include <future>

namespace mimeme {
namespace {

using State = Job::State;

// Waits, with a deadline, until job `number` is in this state.
void wait_for(const Jobs& jobs, int64_t number, State state) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < deadline) {
    for (const Job& job : jobs.list())
      if (job.number == number && job.state == state) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  FAIL() << "job " << number << " did not get there";
}

const Jobs::Work kNothing = [](auto&, auto&) { return Result<>(); };
const Jobs::Work kUntilStopped = [](auto&, const std::stop_token& stop) -> Result<> {
  while (!stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return Error{ErrorCode::kCancelled, "stopped"};
};

TEST(JobsTest, OneRunsAfterTheOtherAndAllIsTold) {
  std::vector<std::pair<int64_t, State>> told;  // the listener is not called twice at a time
  std::string stage;
  {
    Jobs jobs([&](const Job& job) {
      told.emplace_back(job.number, job.state);
      if (!job.progress.stage.empty()) stage = job.progress.stage;
    });
    std::promise<void> go;
    jobs.start("scan", [&](const Jobs::Report& report, auto&) {
      go.get_future().wait();
      report({.stage = "embedding", .done = 3, .total = 4, .failed = 1});
      return Result<>();
    });
    wait_for(jobs, 1, State::kRunning);
    EXPECT_EQ(jobs.start("words", kNothing).number, 2);
    EXPECT_EQ(jobs.start("words", kNothing).number, 2) << "one that waits is enough";
    EXPECT_EQ(jobs.start("scan", kNothing).number, 3) << "the other one runs already";
    go.set_value();
    wait_for(jobs, 3, State::kDone);
    const auto list = jobs.list();
    ASSERT_EQ(list.size(), 3U);
    EXPECT_EQ(list[0].number, 3);
    EXPECT_EQ(list[2].progress.done, 3);
    EXPECT_EQ(list[2].progress.failed, 1);
    EXPECT_LE(list[2].started_at_us, list[2].ended_at_us);
  }
  EXPECT_EQ(stage, "embedding");
  using Told = std::vector<std::pair<int64_t, State>>;
  for (const auto& one :
       Told{{1, State::kRunning}, {2, State::kWaiting}, {1, State::kDone}, {3, State::kDone}})
    EXPECT_NE(std::find(told.begin(), told.end(), one), told.end());
}

TEST(JobsTest, WhatWaitsAndWhatRunsCanBeCancelled) {
  Jobs jobs([](const Job&) {});
  jobs.start("scan", kUntilStopped);
  wait_for(jobs, 1, State::kRunning);
  jobs.start("words", kNothing);
  EXPECT_EQ(jobs.cancel(2)->state, State::kCancelled);
  ASSERT_TRUE(jobs.cancel(1));
  wait_for(jobs, 1, State::kCancelled);
  EXPECT_EQ(jobs.cancel(1).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(jobs.cancel(9).error().code, ErrorCode::kNotFound);
}

TEST(JobsTest, WhatEndedBeforeTheStopReachedItIsDone) {
  Jobs jobs([](const Job&) {});
  std::promise<void> go;
  jobs.start("pca", [&](auto&, auto&) {
    go.get_future().wait();
    return Result<>();
  });
  wait_for(jobs, 1, State::kRunning);
  ASSERT_TRUE(jobs.cancel(1));
  go.set_value();
  wait_for(jobs, 1, State::kDone);
}

TEST(JobsTest, WhatIsToldLateIsToldAsItIsByThen) {
  std::promise<void> entered, go;
  std::vector<State> told;  // of the job, once the listener goes on
  bool is_late = false;
  Jobs jobs([&](const Job& job) {
    if (job.kind == "gate") {
      entered.set_value();
      go.get_future().wait();
      is_late = true;
    } else if (is_late) {
      told.push_back(job.state);
    }
  });
  const int64_t number = jobs.show("add");
  const auto wait_until = [&](auto is_so) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < deadline)
      for (const Job& job : jobs.list())
        if (job.number == number && is_so(job)) return;
    FAIL();
  };
  {
    std::jthread gate([&] { jobs.show("gate"); });
    entered.get_future().wait();
    std::jthread update([&] { jobs.update(number, {.stage = "embedding"}); });
    wait_until([](const Job& job) { return job.progress.stage == "embedding"; });
    std::jthread end([&] { jobs.end(number); });
    wait_until([](const Job& job) { return job.state == State::kDone; });
    go.set_value();
  }
  EXPECT_EQ(told, (std::vector<State>{State::kDone, State::kDone}));
}

TEST(JobsTest, AFailureAndAnExceptionAreToldAndTheNextGoesOn) {
  Jobs jobs([](const Job&) {});
  jobs.start("a", [](auto&, auto&) -> Result<> { return Error{ErrorCode::kIo, "disk full"}; });
  jobs.start("b", [](auto&, auto&) -> Result<> { throw std::runtime_error("odd"); });
  jobs.start("c", kNothing);
  wait_for(jobs, 3, State::kDone);
  const auto list = jobs.list();
  EXPECT_EQ(list[2].state, State::kFailed);
  EXPECT_EQ(list[2].error, "disk full");
  EXPECT_EQ(list[1].error, "odd");
}

TEST(JobsTest, WhatOthersDoIsShownBesideTheRest) {
  std::vector<State> told;
  Jobs jobs([&](const Job& job) { told.push_back(job.state); });
  const int64_t number = jobs.show("add /photos");
  jobs.update(number, {.stage = "embedding", .done = 1, .total = 9});
  EXPECT_EQ(jobs.cancel(number).error().code, ErrorCode::kConflict);
  jobs.start("scan", kNothing);
  wait_for(jobs, 2, State::kDone);
  EXPECT_EQ(jobs.list()[1].state, State::kRunning);
  jobs.end(number);
  EXPECT_EQ(jobs.list()[1].state, State::kDone);
  EXPECT_EQ(jobs.list()[1].progress.total, 9);
  EXPECT_EQ(told.front(), State::kRunning);
}

TEST(JobsTest, TheEndOfAllStopsWhatRuns) {
  Jobs jobs([](const Job&) {});
  jobs.start("scan", kUntilStopped);
  wait_for(jobs, 1, State::kRunning);
  jobs.start("words", kNothing);
}

}  // namespace
}  // namespace mimeme
