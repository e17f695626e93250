#include <gtest/gtest.h>

#include <algorithm>

#include "store/catalog.h"
#include "store/catalog_test_util.h"

namespace mimeme {
namespace {

using Numbers = std::vector<int64_t>;

class CatalogQueueTest : public CatalogTest {
 protected:
  void SetUp() override {
    CatalogTest::SetUp();
    catalog_ = open();
    model_ = must(catalog_->register_model({.name = "m", .digest = "d", .dim = 4}));
    must(catalog_->set_active_model(model_));
  }

  Numbers lease(const std::string& worker, int limit = 100, const std::string& stage = "read",
                int64_t seconds = 60) {
    Numbers numbers;
    for (const auto tries : {Catalog::Tries::kAny, Catalog::Tries::kAlone}) {
      if (!numbers.empty()) break;
      for (const Work& work : must(catalog_->lease(stage, worker, seconds, limit, tries)))
        numbers.push_back(work.n);
    }
    return numbers;
  }

  // Images, of which each is put into the stage "read".
  Numbers images(int count) {
    std::vector<IngestResult> batch;
    for (int i = 0; i < count; ++i)
      batch.push_back(picture("/p/" + std::to_string(i), "content " + std::to_string(i)));
    must(catalog_->commit(batch, model_));
    const auto lacking = must(catalog_->images_unread("r", 0, count));
    must(catalog_->enqueue("read", lacking));
    Numbers ids;
    for (const Work& work : lacking) ids.push_back(work.n);
    return ids;
  }

  Catalog::QueueCounts counts(const std::string& stage = "read") {
    for (const auto& counts : must(catalog_->queue()))
      if (counts.stage == stage) return counts;
    return {};
  }

  std::unique_ptr<Catalog> catalog_;
  ModelId model_ = 0;
};

TEST_F(CatalogQueueTest, InAFileThereIsNone) {
  ONLY_IN_A_FILE();
  EXPECT_EQ(catalog_->queue().error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(catalog_->lease("read", "w", 60, 1).error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(must(catalog_->start_plan())->enqueue().error().code, ErrorCode::kUnsupported);
}

TEST_F(CatalogQueueTest, WhatIsLeasedToOneIsNotLeasedToAnother) {
  ONLY_ON_A_SERVER();
  const Numbers ids = images(5);
  EXPECT_EQ(lease("one", 2), Numbers({ids[0], ids[1]}));
  EXPECT_EQ(lease("two"), Numbers({ids[2], ids[3], ids[4]}));
  EXPECT_EQ(lease("one"), Numbers());
  EXPECT_FALSE(must(catalog_->has_waiting("read")));
  EXPECT_EQ(counts().leased, 5);
  EXPECT_EQ(counts().workers, 2);

  must(catalog_->give_back("one"));
  EXPECT_TRUE(must(catalog_->has_waiting("read")));
  EXPECT_EQ(lease("three"), Numbers({ids[0], ids[1]}));
}

TEST_F(CatalogQueueTest, WhatIsDoneOrGoneIsTakenOut) {
  ONLY_ON_A_SERVER();
  const Numbers ids = images(3);
  must(catalog_->put_readings("r", {{{.id = ids[0], .lines = {}}}}));
  must(catalog_->remove_images({{ids[1]}}));
  EXPECT_EQ(lease("one"), Numbers({ids[2]}));
  must(catalog_->enqueue("read", must(catalog_->images_unread("r", 0, 10))));
  EXPECT_EQ(counts().leased, 1) << "what is in the queue is not put there twice";
  must(catalog_->finish("read", {{ids[2]}}));
  EXPECT_TRUE(must(catalog_->queue()).empty());
}

TEST_F(CatalogQueueTest, ALeaseThatEndsOrIsRenewed) {
  ONLY_ON_A_SERVER();
  const Numbers ids = images(2);
  EXPECT_EQ(lease("one", 2, "read", 0), ids);
  must(catalog_->renew("read", {{ids[1]}}, "two", 60));  // which it is not
  must(catalog_->renew("read", {{ids[0]}}, "one", 60));
  EXPECT_EQ(lease("two"), Numbers({ids[1]}));
  must(catalog_->renew("read", ids, "one", 0));
  EXPECT_EQ(lease("three"), Numbers({ids[0]})) << "the other is the second worker's by now";
}

TEST_F(CatalogQueueTest, WhatWorkersDieOfIsSetAside) {
  ONLY_ON_A_SERVER();
  const Numbers ids = images(2);
  for (int i = 1; i < Catalog::kMostTries; ++i)
    EXPECT_EQ(lease("dies", 1, "read", 0), Numbers({ids[0]}));
  EXPECT_EQ(must(catalog_->lease("read", "lives", 0, 10)).front().n, ids[1])
      << "its last try is not among others";
  must(catalog_->give_back("lives"));
  const auto alone = must(catalog_->lease("read", "dies", 0, 10, Catalog::Tries::kAlone));
  ASSERT_EQ(alone.size(), 1);
  EXPECT_EQ(alone[0].n, ids[0]);
  EXPECT_EQ(lease("lives"), Numbers({ids[1]}));
  EXPECT_EQ(counts().set_aside, 1);
  must(catalog_->put_off("read", ids[1], "lives", "is upside down", 0));
  for (int i = 1; i < Catalog::kMostTries; ++i) {
    EXPECT_EQ(lease("lives"), Numbers({ids[1]}));
    must(catalog_->put_off("read", ids[1], "lives", "is upside down", 0));
  }
  EXPECT_EQ(lease("lives"), Numbers());
  const auto left = must(catalog_->set_aside("read", 10));
  ASSERT_EQ(left.size(), 2);
  EXPECT_EQ(left[0].error, "");
  EXPECT_EQ(left[1].error, "is upside down");
  EXPECT_EQ(left[1].work.path, "/p/1");
  must(catalog_->retry());
  EXPECT_EQ(lease("lives"), ids);
}

TEST_F(CatalogQueueTest, WhatIsPutOffWaits) {
  ONLY_ON_A_SERVER();
  const Numbers ids = images(1);
  EXPECT_EQ(lease("one"), ids);
  must(catalog_->put_off("read", ids[0], "one", "its disk is away", 60));
  EXPECT_EQ(lease("two"), Numbers());
  EXPECT_EQ(counts().waiting, 1);
}

TEST_F(CatalogQueueTest, APlanPutsFilesIntoIt) {
  ONLY_ON_A_SERVER();
  const auto plan_of = [&](std::vector<Catalog::Plan::Found> found) {
    auto plan = must(catalog_->start_plan());
    must(plan->add(found));
    must(plan->finish({{"/p"}}, model_));
    must(plan->enqueue());
  };
  plan_of(
      {{.path = "/p/a", .size = 1, .mtime_ns = 1}, {.path = "/p/b\xff", .size = 1, .mtime_ns = 1}});
  EXPECT_EQ(lease("one", 1, "embed").size(), 1);
  plan_of(
      {{.path = "/p/a", .size = 2, .mtime_ns = 2}, {.path = "/p/b\xff", .size = 1, .mtime_ns = 1}});
  const auto work = must(catalog_->lease("embed", "two", 60, 10));
  ASSERT_EQ(work.size(), 2) << "a path is there once, and as new";
  EXPECT_EQ(work[0].size, 2);
  EXPECT_EQ(work[1].path, "/p/b\xff");
  plan_of({{.path = "/p/a", .size = 2, .mtime_ns = 2}});
  EXPECT_EQ(counts("embed").waiting, 1) << "what is gone is not waited for";
  must(catalog_->commit({{picture("/p/a", "x"), failure("/p/b\xff", "no picture")}}, model_));
  EXPECT_TRUE(must(catalog_->queue()).empty());
}

}  // namespace
}  // namespace mimeme
