#include "engine/duplicates.h"

#include "engine/ingest.h"
#include "engine/search.h"
#include "engine/test_library.h"

namespace mimeme {
namespace {

using Ids = std::vector<ImageId>;

// Pictures of 4 × 4 pixels have no details, so those of one seed are the same picture, whatever
// follows in the file. Of other seeds (below 11) they are quite other ones to the fake model.
class DuplicatesTest : public LibraryTest {
 protected:
  void SetUp() override {
    LibraryTest::SetUp();
    if (!HasFatalFailure()) library_ = *open();
  }

  ImageId add(int seed, const std::string& name, const std::string& tail) {
    std::vector<uint8_t> rgb(kFakeSide * kFakeSide * 3);
    rgb[static_cast<size_t>(seed)] = 255;
    const std::string path = pictures() / name;
    write_tiff(path, kFakeSide, rgb);
    std::ofstream(path, std::ios::app) << tail;
    EXPECT_TRUE(ingest(*library_, {.roots = {pictures()}}, {}));
    return **library_->catalog().image_by_path(std::filesystem::canonical(path));
  }

  static Result<> compare(Duplicates& duplicates) { return duplicates.compare({.threads = 2}); }
  static std::vector<Ids> groups(const Duplicates& duplicates, ImageId after = 0, int limit = 100) {
    const auto page = duplicates.groups(after, limit);
    EXPECT_TRUE(page);
    std::vector<Ids> groups;
    for (const DuplicateGroup& group : page->groups) {
      groups.emplace_back();
      for (const DuplicateImage& one : group.images) groups.back().push_back(one.image.id);
    }
    return groups;
  }

  std::unique_ptr<Library> library_;
};

TEST_F(DuplicatesTest, TheSamePictureInSeveralFilesIsAGroupWithItsBestCopyFirst) {
  const ImageId small = add(7, "small.tiff", "x"), other = add(8, "other.tiff", ""),
                large = add(7, "large.tiff", "xxx"), as_large = add(7, "as_large.tiff", "yyy");
  Duplicates duplicates(*library_);
  EXPECT_EQ(*duplicates.count_waiting(), 4);
  EXPECT_EQ(groups(duplicates), std::vector<Ids>{});
  ASSERT_TRUE(compare(duplicates));
  EXPECT_EQ(*duplicates.count_waiting(), 0);
  EXPECT_EQ(groups(duplicates), (std::vector<Ids>{{large, as_large, small}}));
  EXPECT_NE(other, small);
  const auto page = duplicates.groups(0, 1);
  for (const DuplicateImage& one : page->groups[0].images)
    EXPECT_GE(one.similarity, kSamePictureFrom);
}

TEST_F(DuplicatesTest, OnlyWhatHasComeSinceIsCompared) {
  const ImageId first = add(7, "1.tiff", "x");
  add(8, "2.tiff", "");
  Duplicates duplicates(*library_);
  ASSERT_TRUE(compare(duplicates));
  EXPECT_EQ(groups(duplicates), std::vector<Ids>{});
  const ImageId third = add(7, "3.tiff", "");
  EXPECT_EQ(*duplicates.count_waiting(), 1);
  int64_t compared = 0;
  ASSERT_TRUE(duplicates.compare({.progress = [&](int64_t done, int64_t) { compared = done; }}));
  EXPECT_EQ(compared, 2) << "the new one, and the one that it looks like";
  EXPECT_EQ(groups(duplicates), (std::vector<Ids>{{first, third}}));
}

TEST_F(DuplicatesTest, WhatHasGoneIsNoDuplicate) {
  const ImageId first = add(7, "1.tiff", "xx"), second = add(7, "2.tiff", "x"),
                third = add(7, "3.tiff", "");
  Duplicates duplicates(*library_);
  ASSERT_TRUE(compare(duplicates));
  ASSERT_TRUE(library_->catalog().remove_images({&first, 1}));
  ASSERT_TRUE(library_->refresh());
  EXPECT_EQ(groups(duplicates), (std::vector<Ids>{{second, third}}));
  ASSERT_TRUE(library_->catalog().remove_images({&third, 1}));
  ASSERT_TRUE(library_->refresh());
  EXPECT_EQ(groups(duplicates), std::vector<Ids>{});
}

TEST_F(DuplicatesTest, WhatTheUserToldApartIsNeverInOneGroup) {
  const ImageId a = add(7, "a.tiff", "xxx"), b = add(7, "b.tiff", "xx"), c = add(7, "c.tiff", "x");
  Duplicates duplicates(*library_);
  ASSERT_TRUE(compare(duplicates));
  ASSERT_TRUE(library_->catalog().say_not_duplicates(b, {&a, 1}));
  ASSERT_EQ(groups(duplicates).size(), 1U) << "though both look like the third";
  EXPECT_EQ(groups(duplicates)[0].size(), 2U);
  ASSERT_TRUE(library_->catalog().say_not_duplicates(c, {{a, b}}));
  EXPECT_EQ(groups(duplicates), std::vector<Ids>{});
  ASSERT_TRUE(library_->catalog().unsay_not_duplicates(b, {{a, c}}));
  EXPECT_EQ(groups(duplicates), (std::vector<Ids>{{a, b}}));
}

TEST_F(DuplicatesTest, GroupsComeInPages) {
  for (int seed = 1; seed <= 3; ++seed) {
    add(seed, std::to_string(seed) + ".tiff", "x");
    add(seed, std::to_string(seed) + "b.tiff", "");
  }
  Duplicates duplicates(*library_);
  ASSERT_TRUE(compare(duplicates));
  const auto page = duplicates.groups(0, 2);
  EXPECT_EQ(page->total, 3);
  EXPECT_EQ(page->groups.size(), 2U);
  const auto last = duplicates.groups(page->next, 2);
  EXPECT_EQ(last->groups.size(), 1U);
  EXPECT_EQ(last->next, 0);
}

TEST_F(DuplicatesTest, AStopKeepsWhatWasCompared) {
  for (int seed = 1; seed <= 3; ++seed) add(seed, std::to_string(seed) + ".tiff", "");
  Duplicates duplicates(*library_);
  std::stop_source stop;
  int64_t compared = 0;
  const auto stopped = duplicates.compare({.progress =
                                               [&](int64_t done, int64_t) {
                                                 compared = done;
                                                 stop.request_stop();
                                               },
                                           .stop = stop.get_token()});
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled);
  EXPECT_GE(compared, 1);
  EXPECT_EQ(*duplicates.count_waiting(), 3 - compared);
}

}  // namespace
}  // namespace mimeme
