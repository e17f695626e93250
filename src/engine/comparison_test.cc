#include "engine/comparison.h"

#include "engine/edit.h"
#include "engine/ingest.h"
#include "engine/search.h"
#include "engine/test_library.h"
#include "engine/words.h"

namespace mimeme {
namespace {

using Ids = std::vector<ImageId>;

// Pictures of 4 × 4 pixels have no details, so those of one seed are the same picture, whatever
// follows in the file. Of other seeds (below 11) they are quite other ones to the fake model; with
// a little of another in it, a picture is of the same template.
class ComparisonTest : public LibraryTest {
 protected:
  void SetUp() override {
    LibraryTest::SetUp();
    if (!HasFatalFailure()) library_ = *open();
  }

  // other: what is written on the picture; 0: nothing.
  ImageId add(int seed, const std::string& name, const std::string& tail, int other = 0) {
    std::vector<uint8_t> rgb(kFakeSide * kFakeSide * 3);
    rgb[static_cast<size_t>(seed)] = 255;
    if (other != 0) rgb[static_cast<size_t>(other)] = 60;
    const std::string path = pictures() / name;
    write_tiff(path, kFakeSide, rgb);
    std::ofstream(path, std::ios::app) << tail;
    EXPECT_TRUE(ingest(*library_, {.roots = {pictures()}}, {}));
    return **library_->catalog().image_by_path(std::filesystem::canonical(path));
  }

  static Result<> compare(Comparison& comparison) { return comparison.compare({.threads = 2}); }
  static std::vector<Ids> duplicates(const Comparison& comparison, ImageId after = 0,
                                     int limit = 100) {
    const auto page = comparison.duplicates(after, limit);
    EXPECT_TRUE(page);
    std::vector<Ids> groups;
    for (const DuplicateGroup& group : page->groups) {
      groups.emplace_back();
      for (const DuplicateImage& one : group.images) groups.back().push_back(one.image.id);
    }
    return groups;
  }

  static std::vector<Ids> unnamed(const Comparison& comparison) {
    const auto page = comparison.unnamed_families(0, 100);
    EXPECT_TRUE(page);
    EXPECT_EQ(page->total, std::ssize(page->groups));
    std::vector<Ids> groups;
    for (const UnnamedFamily& family : page->groups) {
      groups.emplace_back();
      for (const FamilyImage& one : family.images) groups.back().push_back(one.image.id);
    }
    return groups;
  }

  std::unique_ptr<Library> library_;
};

TEST_F(ComparisonTest, TheSamePictureInSeveralFilesIsAGroupWithItsBestCopyFirst) {
  const ImageId small = add(7, "small.tiff", "x"), other = add(8, "other.tiff", ""),
                large = add(7, "large.tiff", "xxx"), as_large = add(7, "as_large.tiff", "yyy");
  Comparison comparison(*library_);
  EXPECT_EQ(*comparison.count_waiting(), 4);
  EXPECT_EQ(duplicates(comparison), std::vector<Ids>{});
  ASSERT_TRUE(compare(comparison));
  EXPECT_EQ(*comparison.count_waiting(), 0);
  EXPECT_EQ(duplicates(comparison), (std::vector<Ids>{{large, as_large, small}}));
  EXPECT_NE(other, small);
  const auto page = comparison.duplicates(0, 1);
  for (const DuplicateImage& one : page->groups[0].images)
    EXPECT_GE(one.similarity, kSamePictureFrom);
}

TEST_F(ComparisonTest, OnlyWhatHasComeSinceIsCompared) {
  const ImageId first = add(7, "1.tiff", "x");
  add(8, "2.tiff", "");
  Comparison comparison(*library_);
  ASSERT_TRUE(compare(comparison));
  EXPECT_EQ(duplicates(comparison), std::vector<Ids>{});
  const ImageId third = add(7, "3.tiff", "");
  EXPECT_EQ(*comparison.count_waiting(), 1);
  int64_t compared = 0;
  ASSERT_TRUE(comparison.compare({.progress = [&](int64_t done, int64_t) { compared = done; }}));
  EXPECT_EQ(compared, 2) << "the new one, and the one that it looks like";
  EXPECT_EQ(duplicates(comparison), (std::vector<Ids>{{first, third}}));
}

TEST_F(ComparisonTest, WhatMoreIsKnownOfSinceIsComparedAgain) {
  ONLY_IN_A_FOLDER();
  const ImageId first = add(7, "1.tiff", "x");
  add(8, "2.tiff", "");
  Comparison comparison(*library_);
  ASSERT_TRUE(compare(comparison));
  EXPECT_EQ(comparison.count_rough(), 2);
  ASSERT_EQ(learn_words(*library_, {.threads = 1}, {})->looked_at, 2);
  EXPECT_EQ(*comparison.count_waiting(), 2);
  ASSERT_TRUE(compare(comparison));
  EXPECT_EQ(comparison.count_rough(), 0);
  EXPECT_EQ(*comparison.count_waiting(), 0);
  ASSERT_TRUE(library_->features()->put_words(std::vector<FeatureStore::Words>{{first, {}}}));
  EXPECT_EQ(*comparison.count_waiting(), 1);
  ASSERT_TRUE(compare(comparison));
  EXPECT_EQ(*comparison.count_waiting(), 0);
}

TEST_F(ComparisonTest, WhatHasGoneIsNoDuplicate) {
  const ImageId first = add(7, "1.tiff", "xx"), second = add(7, "2.tiff", "x"),
                third = add(7, "3.tiff", "");
  Comparison comparison(*library_);
  ASSERT_TRUE(compare(comparison));
  ASSERT_TRUE(library_->catalog().remove_images({&first, 1}));
  ASSERT_TRUE(library_->refresh());
  EXPECT_EQ(duplicates(comparison), (std::vector<Ids>{{second, third}}));
  ASSERT_TRUE(library_->catalog().remove_images({&third, 1}));
  ASSERT_TRUE(library_->refresh());
  EXPECT_EQ(duplicates(comparison), std::vector<Ids>{});
}

TEST_F(ComparisonTest, WhatTheUserToldApartIsNeverInOneGroup) {
  const ImageId a = add(7, "a.tiff", "xxx"), b = add(7, "b.tiff", "xx"), c = add(7, "c.tiff", "x");
  Comparison comparison(*library_);
  ASSERT_TRUE(compare(comparison));
  ASSERT_TRUE(library_->catalog().say_not_duplicates(b, {&a, 1}));
  ASSERT_EQ(duplicates(comparison).size(), 1U) << "though both look like the third";
  EXPECT_EQ(duplicates(comparison)[0].size(), 2U);
  ASSERT_TRUE(library_->catalog().say_not_duplicates(c, {{a, b}}));
  EXPECT_EQ(duplicates(comparison), std::vector<Ids>{});
  ASSERT_TRUE(library_->catalog().unsay_not_duplicates(b, {{a, c}}));
  EXPECT_EQ(duplicates(comparison), (std::vector<Ids>{{a, b}}));
}

TEST_F(ComparisonTest, GroupsComeInPages) {
  for (int seed = 1; seed <= 3; ++seed) {
    add(seed, std::to_string(seed) + ".tiff", "x");
    add(seed, std::to_string(seed) + "b.tiff", "");
  }
  Comparison comparison(*library_);
  ASSERT_TRUE(compare(comparison));
  const auto page = comparison.duplicates(0, 2);
  EXPECT_EQ(page->total, 3);
  EXPECT_EQ(page->groups.size(), 2U);
  const auto last = comparison.duplicates(page->next, 2);
  EXPECT_EQ(last->groups.size(), 1U);
  EXPECT_EQ(last->next, 0);
}

TEST_F(ComparisonTest, AStopKeepsWhatWasCompared) {
  for (int seed = 1; seed <= 3; ++seed) add(seed, std::to_string(seed) + ".tiff", "");
  Comparison comparison(*library_);
  std::stop_source stop;
  int64_t compared = 0;
  const auto stopped = comparison.compare({.progress =
                                               [&](int64_t done, int64_t) {
                                                 compared = done;
                                                 stop.request_stop();
                                               },
                                           .stop = stop.get_token()});
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled);
  EXPECT_GE(compared, 1);
  EXPECT_EQ(*comparison.count_waiting(), 3 - compared);
}

TEST_F(ComparisonTest, PicturesOfOneTemplateAreAFamilyUntilItIsNamed) {
  const ImageId plain = add(7, "plain.tiff", ""), one = add(7, "one.tiff", "", 1),
                two = add(7, "two.tiff", "", 2), stranger = add(5, "stranger.tiff", "");
  Comparison comparison(*library_);
  EXPECT_EQ(unnamed(comparison), std::vector<Ids>{});
  ASSERT_TRUE(compare(comparison));
  EXPECT_EQ(duplicates(comparison), std::vector<Ids>{});
  const Ids family{plain, one, two};
  EXPECT_EQ(unnamed(comparison), std::vector<Ids>{family});
  EXPECT_EQ(*comparison.family_of(two), family);
  EXPECT_EQ(*comparison.family_of(stranger), Ids{});

  ASSERT_TRUE(name_category(*library_, one, "Drake"));
  const auto page = comparison.unnamed_families(0, 100);
  ASSERT_EQ(page->groups.size(), 1U);
  EXPECT_EQ(page->groups[0].name, "Drake") << "as one of them is called";
  EXPECT_EQ(page->groups[0].images[0].category, "");
  EXPECT_EQ(page->groups[0].images[1].category, "Drake");

  EXPECT_EQ(*name_family(*library_, family, " Drake the second "), (Ids{plain, two}));
  EXPECT_EQ(library_->catalog().texts(family)->at(0).category, "Drake the second");
  EXPECT_EQ(library_->catalog().texts(family)->at(1).category, "Drake") << "it had one";
  EXPECT_EQ(unnamed(comparison), std::vector<Ids>{});
  EXPECT_EQ(*comparison.family_of(two), family);
  EXPECT_FALSE(name_family(*library_, family, " "));
}

TEST_F(ComparisonTest, CopiesOfOnePictureAreNoFamily) {
  const ImageId first = add(7, "1.tiff", "x"), copy = add(7, "2.tiff", "");
  Comparison comparison(*library_);
  ASSERT_TRUE(compare(comparison));
  EXPECT_EQ(duplicates(comparison), (std::vector<Ids>{{first, copy}}));
  EXPECT_EQ(unnamed(comparison), std::vector<Ids>{});
  EXPECT_EQ(*comparison.family_of(copy), Ids{});
  ASSERT_TRUE(library_->catalog().say_not_duplicates(first, {&copy, 1}));
  EXPECT_EQ(unnamed(comparison), (std::vector<Ids>{{first, copy}})) << "the user says they differ";
  ASSERT_TRUE(library_->catalog().unsay_not_duplicates(first, {&copy, 1}));
  const ImageId other = add(7, "3.tiff", "", 1);
  ASSERT_TRUE(compare(comparison));
  EXPECT_EQ(duplicates(comparison), (std::vector<Ids>{{first, copy}}));
  EXPECT_EQ(unnamed(comparison), (std::vector<Ids>{{first, copy, other}}));
}

TEST_F(ComparisonTest, FamiliesComeInPagesWithoutWhatHasGone) {
  std::vector<Ids> families;
  for (const int seed : {2, 3, 7})
    families.push_back({add(seed, std::to_string(seed) + ".tiff", ""),
                        add(seed, std::to_string(seed) + "b.tiff", "", 5)});
  Comparison comparison(*library_);
  ASSERT_TRUE(compare(comparison));
  EXPECT_EQ(unnamed(comparison), families);
  const auto page = comparison.unnamed_families(0, 2);
  EXPECT_EQ(page->total, 3);
  EXPECT_EQ(page->groups.size(), 2U);
  const auto last = comparison.unnamed_families(page->next, 2);
  ASSERT_EQ(last->groups.size(), 1U);
  EXPECT_EQ(last->groups[0].images[0].image.id, families[2][0]);
  EXPECT_EQ(last->next, 0);
  ASSERT_TRUE(library_->catalog().remove_images({families[1].data(), 1}));
  ASSERT_TRUE(library_->refresh());
  EXPECT_EQ(unnamed(comparison), (std::vector<Ids>{families[0], families[2]}));
}

}  // namespace
}  // namespace mimeme
