#include "index/feature_store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace mimeme {
namespace {

class FeatureStoreTest : public testing::Test {
 protected:
  FeatureStoreTest() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    store_ = *FeatureStore::create(path_);
  }
  ~FeatureStoreTest() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  static StoredFeatures features(ImageId image, size_t parts) {
    StoredFeatures one{.image = image, .sha256 = {static_cast<uint8_t>(image)}, .parts = {}};
    one.features = {1, 2, 3, static_cast<uint8_t>(image)};
    one.picture = std::vector<uint8_t>(500, static_cast<uint8_t>(image));
    for (size_t n = 0; n < parts; ++n)
      one.parts.push_back({{.left = 0.1 * static_cast<double>(n), .top = 0, .width = 0.5},
                           {static_cast<Half>(image), static_cast<Half>(n)}});
    return one;
  }

  const std::string folder_ = testing::TempDir() + "feature_store" + std::to_string(::getpid());
  const std::string path_ = folder_ + "/features.db";
  std::unique_ptr<FeatureStore> store_;
};

TEST_F(FeatureStoreTest, GivesBackWhatWasPut) {
  ASSERT_TRUE(store_->put(std::vector{features(1, 0), features(2, 2)}, 7));
  const auto got = store_->get(std::vector<ImageId>{2, 9, 1});
  ASSERT_TRUE(got);
  ASSERT_EQ(got->size(), 2U);
  EXPECT_EQ((*got)[0].image, 2);
  EXPECT_EQ((*got)[0].features, features(2, 0).features);
  EXPECT_EQ((*got)[0].picture, features(2, 0).picture);
  EXPECT_EQ((*got)[1].image, 1);
  const auto parts = *store_->parts(2, 7);
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_DOUBLE_EQ(parts[1].region.left, 0.1);
  EXPECT_EQ(parts[1].embedding, (std::vector<Half>{2, 1}));
  EXPECT_TRUE(store_->parts(2, 8)->empty());
}

TEST_F(FeatureStoreTest, KnowsWhereWordsStandInWhatWasRead) {
  StoredFeatures read = features(1, 0);
  read.words = TextMask{.rows = {0, 0x8001}};
  ASSERT_TRUE(store_->put(std::vector{read, features(2, 0), features(3, 0)}, 7));
  ASSERT_TRUE(store_->put_words(
      std::vector<FeatureStore::Words>{{3, {}}, {9, {.rows = {1}}}}));  // 9: not there
  const auto got = *store_->get(std::vector<ImageId>{1, 2, 3, 9});
  ASSERT_EQ(got.size(), 3U);
  EXPECT_EQ(got[0].words, read.words);
  EXPECT_EQ(got[1].words, std::nullopt);
  EXPECT_EQ(got[2].words, TextMask{});
  EXPECT_EQ(*store_->images_read(0, 9), (std::vector<ImageId>{1, 3}));
  EXPECT_EQ(*store_->images_read(1, 9), (std::vector<ImageId>{3}));
}

TEST_F(FeatureStoreTest, KnowsWhichFileAndModelItIsOf) {
  ASSERT_TRUE(store_->put(std::vector{features(1, 0), features(3, 0)}, 7));
  ASSERT_TRUE(store_->put(std::vector{features(2, 0)}, 8));
  const auto known = *store_->known(1, 3);
  ASSERT_EQ(known.size(), 2U);
  EXPECT_EQ(known[0].image, 2);
  EXPECT_EQ(known[0].sha256, features(2, 0).sha256);
  EXPECT_EQ(known[0].model, 8);
  EXPECT_EQ(known[1].image, 3);
  EXPECT_EQ(known[1].model, 7);
  EXPECT_TRUE(store_->known(3, 9)->empty());
}

TEST_F(FeatureStoreTest, AnIndexCanFollowThePartsOfAModel) {
  ASSERT_TRUE(store_->put(std::vector{features(1, 2), features(2, 0), features(3, 1)}, 7));
  ASSERT_TRUE(store_->put(std::vector{features(4, 3)}, 8));
  std::vector<int64_t> ids;
  int64_t seq = 0;
  for (;;) {  // a page may not cut an image's parts in two
    const auto page = *store_->parts_since(seq, 1, 7);
    if (page.ids.empty()) break;
    ids.insert(ids.end(), page.ids.begin(), page.ids.end());
    EXPECT_EQ(page.rows.size(), 2 * page.ids.size());
    seq = page.seq;
  }
  EXPECT_EQ(ids, (std::vector<int64_t>{part_id(1, 0), part_id(1, 1), part_id(3, 0)}));

  const int64_t before = store_->removals_since(0)->seq;
  ASSERT_TRUE(store_->remove(std::vector<ImageId>{1, 42}));
  const auto removals = *store_->removals_since(before);
  EXPECT_EQ(removals.ids, (std::vector<int64_t>{part_id(1, 0), part_id(1, 1)}));
  EXPECT_GT(removals.seq, before);
  ASSERT_TRUE(store_->put(std::vector{features(1, 1)}, 7));  // back, with one part less
  EXPECT_EQ(store_->removals_since(before)->ids, (std::vector<int64_t>{part_id(1, 1)}));
  EXPECT_EQ(image_of_part(part_id(1, 1)), 1);
}

TEST_F(FeatureStoreTest, ListsItsImagesAndForgetsThem) {
  ASSERT_TRUE(store_->put(std::vector{features(5, 0), features(2, 0), features(9, 0)}, 7));
  EXPECT_EQ(*store_->images(0, 2), (std::vector<ImageId>{2, 5}));
  EXPECT_EQ(*store_->images(5, 2), (std::vector<ImageId>{9}));
  ASSERT_TRUE(store_->remove(std::vector<ImageId>{5}));
  EXPECT_EQ(*store_->images(0, 9), (std::vector<ImageId>{2, 9}));
}

TEST_F(FeatureStoreTest, OpensAgainAndRefusesAnythingElse) {
  ASSERT_TRUE(store_->put(std::vector{features(1, 1)}, 7));
  store_.reset();
  EXPECT_EQ((*FeatureStore::open(path_))->images(0, 9)->size(), 1U);
  EXPECT_EQ(FeatureStore::open(folder_ + "/none.db").error().code, ErrorCode::kNotFound);
  std::ofstream(folder_ + "/text.db") << "no database, but a text that is long enough for one";
  EXPECT_EQ(FeatureStore::open(folder_ + "/text.db").error().code, ErrorCode::kCorrupt);
}

TEST_F(FeatureStoreTest, APictureThatWasDamagedIsEmpty) {
  ASSERT_TRUE(store_->put(std::vector{features(1, 0)}, 7));
  store_.reset();
  {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    std::string bytes(std::filesystem::file_size(path_), '\0');
    file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    const size_t at = bytes.find("\x28\xB5\x2F\xFD");  // zstd's head
    ASSERT_NE(at, bytes.npos);
    file.seekp(static_cast<std::streamoff>(at));
    file.write("\xFF\xFF", 2);
  }
  store_ = *FeatureStore::open(path_);
  EXPECT_TRUE(store_->get(std::vector<ImageId>{1})->at(0).picture.empty());
}

}  // namespace
}  // namespace mimeme
