#include "engine/worker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "engine/test_library.h"

namespace mimeme {
namespace {

class WorkerTest : public LibraryTest {
 protected:
  void SetUp() override {
    ONLY_ON_A_SERVER();
    LibraryTest::SetUp();
    add_word_models();
    reads_ = [](auto) { return std::vector<TextLine>{{.text = "words", .confidence = 1}}; };
    library_ = *open();
  }

  // Until `stop`, or nothing waits; on a library of its own, as another process has one.
  WorkerSummary work(const std::string& name, const std::stop_token& stop = {},
                     bool until_empty = true) {
    LibraryOptions with = options();
    with.search_in = LibraryOptions::SearchIn::kNowhere;
    with.progress = [](auto...) {};  // may be several at a time
    const auto library = Library::open(with, Library::Access::kCreate);
    EXPECT_TRUE(library) << library.error().message;
    auto done = run_worker(
        **library,
        {.name = name, .pipeline = {.stop = stop}, .until_empty = until_empty, .lease = kLease}, {},
        {});
    EXPECT_TRUE(done) << done.error().message;
    return *std::move(done);
  }

  IngestSummary queue() {
    auto summary = ingest(*library_, {.roots = {pictures()}, .queue = true}, {});
    EXPECT_TRUE(summary) << summary.error().message;
    return *std::move(summary);
  }

  static constexpr std::chrono::seconds kLease{4};
  std::unique_ptr<Library> library_;
};

TEST_F(WorkerTest, TwoShareWhatAddLeavesToThem) {
  for (int i = 0; i < 100; ++i) add_picture(i);
  std::ofstream(pictures() / "broken.png") << "no picture";
  std::stop_source stop;
  WorkerSummary one, two;
  {
    std::jthread first([&] { one = work("one", stop.get_token(), false); });
    std::jthread second([&] { two = work("two", stop.get_token(), false); });
    EXPECT_EQ(queue().queued, 101);
    EXPECT_EQ(library_->catalog().counts()->images, 100);
    EXPECT_EQ(library_->searchable()->index->size(), 100) << "what workers embed is searched";
    const auto read = [&] { return library_->catalog().word_counts()->read; };
    for (int i = 0; i < 600 && read() < 100; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    stop.request_stop();
  }
  EXPECT_EQ(one.files.embedded + two.files.embedded, 100);
  EXPECT_EQ(one.files.failed + two.files.failed, 1);
  EXPECT_EQ(one.words.read + two.words.read, 100);
  EXPECT_EQ(library_->catalog().failed_files(10)->size(), 1);
  work("last");
  EXPECT_TRUE(library_->catalog().queue()->empty());
  EXPECT_EQ(library_->catalog().word_counts()->read, 100);
}

TEST_F(WorkerTest, AFileThatIsAwayIsPutOff) {
  add_picture(1);
  ASSERT_TRUE(ingest(*library_, {.roots = {pictures()}}, {}));
  Catalog& catalog = library_->catalog();
  ASSERT_TRUE(catalog.enqueue(Catalog::kEmbed, {{{.n = 7, .path = pictures() / "gone.png"}}}));
  EXPECT_EQ(work("one").files.failed, 1);
  const auto counts = *catalog.queue();
  ASSERT_EQ(counts.size(), 1);
  EXPECT_EQ(counts[0].waiting, 1);
  EXPECT_TRUE(catalog.failed_files(10)->empty()) << "its disk may come back";

  // A known picture whose disk is away for long stays what it was; so does one that killed workers.
  const std::string known = catalog.image(1)->paths.front();
  ASSERT_TRUE(catalog.enqueue(
      Catalog::kEmbed, {{{.n = 8, .path = "/killed.png"}, {.n = 9, .path = known, .size = 9}}}));
  for (int i = 0; i < Catalog::kMostTries; ++i)
    for (const auto tries : {Catalog::Tries::kAlone, Catalog::Tries::kAlone, Catalog::Tries::kAny})
      ASSERT_TRUE(catalog.lease(Catalog::kEmbed, "killed", 0, 10, tries));
  EXPECT_EQ(work("two").files.failed, 1);
  ASSERT_EQ(catalog.failed_files(10)->size(), 1);
  EXPECT_EQ(catalog.failed_files(10)->front().path, "/killed.png");
  EXPECT_EQ(catalog.image(1)->paths.front(), known);
}

TEST_F(WorkerTest, OneThatSeesNoPicturesGivesThemBack) {
  add_picture(1);
  ASSERT_TRUE(ingest(*library_, {.roots = {pictures()}}, {}));
  std::vector<Work> away;
  for (int i = 1; i <= 100; ++i) away.push_back({.n = i, .path = "/away/" + std::to_string(i)});
  ASSERT_TRUE(library_->catalog().enqueue(Catalog::kEmbed, away));
  std::stop_source stop;
  {
    std::jthread blind([&] { work("blind", stop.get_token(), false); });
    std::this_thread::sleep_for(std::chrono::seconds(4));
    stop.request_stop();
  }
  EXPECT_GE(library_->catalog().lease(Catalog::kEmbed, "sees", 60, 100)->size(), 30);
}

TEST_F(WorkerTest, WhatWorkersLookedAtIsFollowed) {
  ONLY_IN_A_FOLDER();
  for (int i = 0; i < 30; ++i) add_picture(i);
  ASSERT_TRUE(ingest(*library_, {.roots = {pictures()}}, {}));
  const WorkerSummary done = work("one");
  EXPECT_EQ(done.words.looked_at, 30);
  ASSERT_TRUE(library_->catch_up());
  const FeatureStore& store = *library_->features();
  EXPECT_EQ(store.images(0, 99)->size(), 30);
  EXPECT_EQ(store.images_read(0, 99)->size(), 30) << "where their words stand, too";
  ASSERT_TRUE(library_->catalog().remove_images({{3}}));
  ASSERT_TRUE(library_->catch_up());
  EXPECT_EQ(store.images(0, 99)->size(), 29);
  EXPECT_EQ(work("two").words.looked_at, 0);
}

TEST_F(WorkerTest, AHeartbeatKeepsWhatIsLeased) {
  Catalog& catalog = library_->catalog();
  const std::vector<Work> work{{.n = 1, .path = "/a"}, {.n = 2, .path = "/b"}};
  const WorkSource lacking = [&](int64_t after, int) {
    return after > 0 ? std::vector<Work>() : work;
  };
  {
    Leases leases(catalog, "one", std::chrono::seconds(1));
    ASSERT_EQ(leases.source(Catalog::kEmbed, lacking)(0, 10)->size(), 2);
    leases.done(Catalog::kEmbed, 2);  // which did not take it out: so it is not kept either
    std::this_thread::sleep_for(std::chrono::milliseconds(1600));
    const auto other = *catalog.lease(Catalog::kEmbed, "two", 60, 10);
    ASSERT_EQ(other.size(), 1);
    EXPECT_EQ(other[0].n, 2);
  }
  EXPECT_EQ(catalog.lease(Catalog::kEmbed, "three", 60, 10)->front().n, 1) << "it is given back";
}

TEST_F(WorkerTest, FilesComeFirst) {
  add_picture(1);
  ASSERT_TRUE(ingest(*library_, {.roots = {pictures()}}, {}));
  Catalog& catalog = library_->catalog();
  const std::vector<Work> file{{.n = 1, .path = "/a"}};
  const WorkSource lacking = [&](int64_t after, int) {
    return after > 0 ? std::vector<Work>() : file;
  };
  Leases leases(catalog, "one");
  EXPECT_TRUE(*leases.has_work(Catalog::kRead, lacking));
  ASSERT_TRUE(catalog.enqueue(Catalog::kEmbed, file));
  EXPECT_FALSE(*leases.has_work(Catalog::kRead, lacking));
  EXPECT_TRUE(leases.source(Catalog::kRead, lacking)(0, 10)->empty());
  ASSERT_TRUE(catalog.finish(Catalog::kEmbed, {{1}}));
  EXPECT_EQ(leases.source(Catalog::kRead, lacking)(0, 10)->size(), 1);
}

}  // namespace
}  // namespace mimeme
