#include <gtest/gtest.h>

#include <thread>

#include "store/catalog.h"
#include "store/catalog_test_util.h"

namespace mimeme {
namespace {

using Found = Catalog::Plan::Found;

class PlanTest : public CatalogTest {
 protected:
  // A scan that sees `found`, as far as the plan.
  std::unique_ptr<Catalog::Plan> scan(Catalog& catalog, const std::vector<Found>& found,
                                      const Strings& roots = {"/m"}) {
    auto plan = must(catalog.start_plan());
    must(plan->add(found));
    counts_ = must(plan->finish(roots, model_));
    return plan;
  }
  static Strings todo(Catalog::Plan& plan) {
    Strings paths;
    int64_t after = 0;
    for (auto page = must(plan.next(after, 2)); !page.empty(); page = must(plan.next(after, 2))) {
      EXPECT_LE(page.size(), 2u);
      for (const auto& work : page) {
        EXPECT_EQ(work.n, ++after);
        paths.push_back(work.path);
      }
    }
    return paths;
  }

  PlanCounts counts_;
};

TEST_F(PlanTest, EverythingIsToDoAtFirstAndNothingOnceItIsDone) {
  auto catalog = open();
  const std::vector<Found> found = {
      {"/m/c", 1, 1000, ""}, {"/m/a", 1, 1000, ""}, {"/m/b", 1, 1000, ""}};
  EXPECT_EQ(todo(*scan(*catalog, found)), (Strings{"/m/a", "/m/b", "/m/c"}));
  EXPECT_EQ(counts_.todo, 3);

  commit(*catalog, {picture("/m/a", "a"), picture("/m/b", "b"), picture("/m/c", "c")});
  EXPECT_EQ(todo(*scan(*catalog, found)), Strings{});
  EXPECT_EQ(counts_.unchanged, 3);
  EXPECT_EQ(counts_.todo, 0);
  EXPECT_EQ(counts_.gone, 0);
}

TEST_F(PlanTest, WhatIsUploadedDuringAScanIsNotGone) {
  auto catalog = open();
  commit(*catalog, {picture("/m/old", "1")});
  const auto plan = must(catalog->start_plan());
  commit(*catalog, {picture("/m/sent meanwhile", "2")});
  counts_ = must(plan->finish(Strings{"/m"}, model_));
  EXPECT_EQ(counts_.gone, 1);
  EXPECT_EQ(must(plan->remove_gone()), 1);
  EXPECT_EQ(must(catalog->images(0, 9)).size(), 1U);
}

TEST_F(PlanTest, AFileIsToDoWhenItsSizeOrTimeDiffers) {
  auto catalog = open();
  commit(*catalog, {picture("/m/size", "a"), picture("/m/time", "b"), picture("/m/same", "c")});
  const auto plan = scan(
      *catalog, {{"/m/size", 2, 1000, ""}, {"/m/time", 1, 1001, ""}, {"/m/same", 1, 1000, ""}});
  const auto work = must(plan->next(0, 10));
  ASSERT_EQ(work.size(), 2u);
  EXPECT_EQ(work[0].path, "/m/size");
  EXPECT_EQ(work[0].size, 2);
  EXPECT_EQ(work[0].mtime_ns, 1000);
  EXPECT_EQ(work[1].path, "/m/time");
  EXPECT_EQ(work[1].mtime_ns, 1001);
  EXPECT_EQ(counts_.unchanged, 1);
}

TEST_F(PlanTest, AFailedFileIsNotTriedAgainUntilItChanges) {
  auto catalog = open();
  commit(*catalog, {failure("/m/a", "truncated PNG")});
  EXPECT_EQ(todo(*scan(*catalog, {{"/m/a", 7, 1000, ""}})), Strings{});
  EXPECT_EQ(counts_.failed_before, 1);
  EXPECT_EQ(todo(*scan(*catalog, {{"/m/a", 8, 1000, ""}})), (Strings{"/m/a"}));
  EXPECT_EQ(counts_.failed_before, 0);
}

TEST_F(PlanTest, AnImageThatTheModelHasNotEmbeddedIsToDo) {
  auto catalog = open();
  commit(*catalog, {picture("/m/a", "a")});
  model_ = must(catalog->register_model({.name = "next", .digest = "n", .dim = 4}));
  EXPECT_EQ(todo(*scan(*catalog, {{"/m/a", 1, 1000, ""}})), (Strings{"/m/a"}));
}

TEST_F(PlanTest, ProblemsOfTheScanAreRecordedAndTriedAgainOnceTheyAreOver) {
  auto catalog = open();
  commit(*catalog, {picture("/m/a", "a")});
  const Found denied = {"/m/a", 1, 1000, "permission denied"};
  EXPECT_EQ(todo(*scan(*catalog, {denied})), Strings{});
  EXPECT_EQ(counts_.failed_before, 0);
  ASSERT_EQ(counts_.problems.size(), 1u);
  EXPECT_EQ(counts_.problems[0].path, "/m/a");
  EXPECT_EQ(counts_.problems[0].error, "permission denied");
  EXPECT_EQ(must(catalog->failed_files(9)).at(0).error, "permission denied");
  EXPECT_EQ(must(catalog->counts()).images, 0) << "an image without a file goes";
  scan(*catalog, {denied});
  EXPECT_EQ(counts_.failed_before, 1);
  EXPECT_TRUE(counts_.problems.empty());
  EXPECT_EQ(todo(*scan(*catalog, {{"/m/a", 1, 1000, ""}})), (Strings{"/m/a"}))
      << "chmod leaves size and time";
}

TEST_F(PlanTest, GoneIsWhatLiesUnderTheRootsAndWasNotFound) {
  auto catalog = open();
  commit(*catalog, {picture("/m/here", "1"), picture("/m/gone", "2"),
                    failure("/m/failed gone", "bad"), picture("/mm/elsewhere", "3"),
                    picture("/%/x", "4"), picture("/single", "5"), picture("/singles", "6")});
  const auto plan = scan(*catalog, {{"/m/here", 1, 1000, ""}}, {"/m", "/_", "/single"});
  EXPECT_EQ(counts_.gone, 3);  // nothing is known under the folder called "_"
  EXPECT_EQ(must(plan->remove_gone()), 2);
  for (const auto* kept : {"/m/here", "/mm/elsewhere", "/%/x", "/singles"})
    EXPECT_NE(id_of(*catalog, kept), 0) << kept;
  EXPECT_EQ(must(catalog->counts()).images, 4);
  EXPECT_EQ(must(catalog->counts()).failed_files, 0);
}

TEST_F(PlanTest, AFileOfWhichOnlyTheNameIsSeenMattersIfItIsKnown) {
  auto catalog = open();
  commit(*catalog, {picture("/known", "a")});
  auto plan = must(catalog->start_plan());
  must(plan->add(std::vector<Catalog::Plan::Found>{
      {.path = "/known", .problem = "locked", .unseen = true, .doubtful = true},
      {.path = "/diary", .problem = "locked", .unseen = true, .doubtful = true}}));
  const auto counts = must(plan->finish(Strings{"/"}, model_));
  ASSERT_EQ(counts.problems.size(), 1U);
  EXPECT_EQ(counts.problems[0].path, "/known");
  EXPECT_EQ(counts.gone, 0);
  EXPECT_EQ(must(plan->remove_gone()), 0);
  EXPECT_NE(id_of(*catalog, "/known"), 0);
  EXPECT_EQ(must(catalog->counts()).failed_files, 0);
}

TEST_F(PlanTest, TheRootOfTheFileSystemHoldsEverything) {
  auto catalog = open();
  commit(*catalog, {picture("/a", "1"), picture("/b/c", "2")});
  scan(*catalog, {{"/a", 1, 1000, ""}}, {"/"});
  EXPECT_EQ(counts_.gone, 1);
}

TEST_F(PlanTest, NothingIsGoneBelowAFolderThatCouldNotBeRead) {
  auto catalog = open();
  commit(*catalog, {picture("/m/locked/a", "1"), picture("/m/lockedout", "2")});
  scan(*catalog, {Found{.path = "/m/locked", .problem = "permission denied", .unseen = true}});
  EXPECT_EQ(counts_.gone, 1);
}

TEST_F(PlanTest, AFileThatTwoRootsFindIsOneFile) {
  auto catalog = open();
  const Found a = {"/m/sub/a", 1, 1000, ""};
  EXPECT_EQ(todo(*scan(*catalog, {a, a}, {"/m", "/m/sub/"})), (Strings{"/m/sub/a"}));
}

TEST_F(PlanTest, AMovedFileKeepsItsImage) {
  auto catalog = open();
  commit(*catalog, {picture("/m/old", "x")});
  const ImageId id = id_of(*catalog, "/m/old");
  const auto plan = scan(*catalog, {{"/m/new", 1, 1000, ""}});
  EXPECT_EQ(todo(*plan), (Strings{"/m/new"}));
  commit(*catalog, {picture("/m/new", "x", {})});
  EXPECT_EQ(must(plan->remove_gone()), 0);
  EXPECT_EQ(must(catalog->image(id)).paths, (Strings{"/m/new"}));
}

TEST_F(PlanTest, PathsAreBytes) {
  auto catalog = open();
  commit(*catalog, {picture("/caf\xE9/a", "a"), picture("/caf\xE9/b", "b")});
  scan(*catalog, {{"/caf\xE9/a", 1, 1000, ""}, {"/caf\xE9/'\xFF", 1, 1000, ""}}, {"/caf\xE9"});
  EXPECT_EQ(counts_.unchanged, 1);
  EXPECT_EQ(counts_.todo, 1);
  EXPECT_EQ(counts_.gone, 1);
}

TEST_F(PlanTest, OnePlanAtATime) {
  auto catalog = open();
  auto plan = must(catalog->start_plan());
  EXPECT_EQ(catalog->start_plan().error().code, ErrorCode::kBusy);
  plan.reset();
  EXPECT_TRUE(catalog->start_plan().ok());
}

TEST_F(PlanTest, AnAbandonedPlanLeavesNothing) {
  auto catalog = open();
  must(must(catalog->start_plan())->add(std::vector<Found>{{"/m/a", 1, 1, ""}}));
  EXPECT_EQ(todo(*scan(*catalog, {{"/m/b", 1, 1, ""}})), (Strings{"/m/b"}));
}

TEST_F(PlanTest, TheLibraryIsUsedWhileAPlanIsOpen) {
  auto catalog = open();
  const auto plan = scan(*catalog, {{"/m/a", 1, 1000, ""}, {"/m/b", 1, 1000, ""}});
  std::thread other([&] {
    commit(*catalog, {picture("/m/a", "a")});
    must(catalog->checkpoint());
    EXPECT_EQ(must(catalog->counts()).images, 1);
  });
  other.join();
  EXPECT_EQ(todo(*plan).size(), 2u);
}

}  // namespace
}  // namespace mimeme
