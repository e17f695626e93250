#include <gtest/gtest.h>

#include <atomic>

#include "core/sha256.h"
#include "core/test_picture.h"
#include "engine/check.h"
#include "engine/ingest.h"
#include "engine/search.h"
#include "engine/test_library.h"
#include "engine/words.h"
#include "media/encode.h"
#include "media/scan.h"

namespace mimeme {
namespace {

// Sees the brightness of each pixel of its input, against the mean: enough for candidates.
class LayoutEncoder : public ImageEncoder {
 public:
  explicit LayoutEncoder(Manifest manifest) : manifest_(std::move(manifest)) {}
  const Manifest& manifest() const override { return manifest_; }
  Result<std::vector<float>> encode(std::span<const uint8_t> rgb) const override {
    ++encoded;
    std::vector<float> embedding;
    float sum = 0;
    for (size_t i = 0; i < rgb.size(); i += 3) sum += embedding.emplace_back(rgb[i]);
    for (float& value : embedding) value -= sum / static_cast<float>(embedding.size());
    return embedding;
  }
  mutable std::atomic<int> encoded = 0;  // pictures

 private:
  const Manifest manifest_;
};

// A library of memes of three templates with three captions each.
class MatchTest : public LibraryTest {
 protected:
  static constexpr int kWidth = 400, kHeight = 300;

  // Its words are discs too, in a strip at the bottom.
  static Grey meme(uint32_t picture, uint32_t words) {
    Grey meme = test_picture(picture, kWidth, kHeight);
    if (words > 0) paste(test_picture(100 * picture + words, kWidth, 60), meme, 0, kHeight - 60);
    return meme;
  }

  static std::vector<uint8_t> jpeg(const Grey& picture, int quality = 90) {
    return *encode_jpeg(to_rgb(picture), picture.width, picture.height, quality);
  }

  void SetUp() override {
    LibraryTest::SetUp();
    for (uint32_t picture = 1; picture <= 3; ++picture)
      for (uint32_t words = 1; words <= 3; ++words)
        write(jpeg(meme(picture, words)), pictures() / name(picture, words));
    add_model("layout", kFakeSide * kFakeSide);
    LibraryOptions with = options();
    with.default_model = "layout";
    with.open_encoder = [](const Manifest& manifest,
                           const EncoderOptions&) -> Result<std::unique_ptr<ImageEncoder>> {
      return std::unique_ptr<ImageEncoder>(new LayoutEncoder(manifest));
    };
    library_ = *Library::open(with, Library::Access::kCreate);
    ASSERT_TRUE(ingest(*library_, {.roots = {pictures().string()}}, {}));
    ASSERT_TRUE(learn_words(*library_, {.threads = 1}, {}));
    encoder_ = *library_->open_encoder({.threads = 1});
  }

  static void write(const std::vector<uint8_t>& bytes, const std::filesystem::path& path) {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }

  static std::string name(uint32_t picture, uint32_t words) {
    return std::to_string(picture) + "-" + std::to_string(words) + ".jpg";
  }

  ImageId add(const std::vector<uint8_t>& bytes, const std::string& file) {
    write(bytes, pictures() / file);
    EXPECT_TRUE(ingest(*library_, {.roots = {pictures().string()}}, {}));
    EXPECT_TRUE(learn_words(*library_, {.threads = 1}, {}));
    return (*library_->catalog().image_by_path(pictures() / file)).value_or(0);
  }

  std::vector<Hit> match_bytes(const std::vector<uint8_t>& bytes) {
    const auto query =
        query_by_bytes(*library_, bytes, sha256(bytes.data(), bytes.size()), {},
                       [&]() -> Result<const ImageEncoder*> { return encoder_.get(); });
    EXPECT_TRUE(query);
    return *match(*library_, *query, {});
  }

  // "same_picture: 2-1.jpg; same_template: 2-2.jpg, 2-3.jpg", without what is merely related.
  std::string answer(const std::vector<Hit>& hits) {
    std::string text;
    std::vector<std::string> templates;
    const std::vector<SimilarHit> found = *with_images(*library_, hits);
    for (const SimilarHit& hit : found) {
      const std::string file =
          hit.image.paths.front().substr(hit.image.paths.front().rfind('/') + 1);
      const Relation relation = relation_of(hit.similarity);
      if (relation == Relation::kSamePicture) text += "same: " + file + "; ";
      if (relation == Relation::kSameTemplate) templates.push_back(file);
    }
    std::sort(templates.begin(), templates.end());
    text += "template:";
    for (const std::string& file : templates) text += " " + file;
    return text;
  }

  std::unique_ptr<Library> library_;
  std::unique_ptr<ImageEncoder> encoder_;
};

const char* const kSecond = "same: 2-1.jpg; template: 2-2.jpg 2-3.jpg";

TEST_F(MatchTest, APictureThatWasCompressedAgainIsTheSame) {
  const auto hits = match_bytes(jpeg(meme(2, 1), 20));
  EXPECT_EQ(answer(hits), kSecond);
  EXPECT_FALSE(hits.front().part);
}

TEST_F(MatchTest, SoIsOneHalfAsLarge) {
  EXPECT_EQ(answer(match_bytes(jpeg(halved(meme(2, 1))))), kSecond);
}

TEST_F(MatchTest, SoAreTheMirroredOneAndTheNegative) {
  EXPECT_EQ(answer(match_bytes(jpeg(mirrored(meme(2, 1))))), kSecond);
  EXPECT_EQ(answer(match_bytes(jpeg(negated(meme(2, 1))))), kSecond);
}

TEST_F(MatchTest, SoIsWhatALetterboxFrames) {
  Grey letterbox = plain(0, 400, 700);
  paste(meme(2, 1), letterbox, 0, 200);
  EXPECT_EQ(answer(match_bytes(jpeg(letterbox))), kSecond);
}

TEST_F(MatchTest, EachPanelOfACollageIsFound) {
  Grey collage = plain(255, 800, 300);
  paste(meme(2, 1), collage, 0, 0);
  paste(meme(3, 2), collage, 400, 0);
  const std::string found = answer(match_bytes(jpeg(collage)));
  EXPECT_NE(found.find("same: 2-1.jpg"), found.npos) << found;
  EXPECT_NE(found.find("same: 3-2.jpg"), found.npos) << found;
  // So it is if the library has the collage.
  add(jpeg(collage), "collage.jpg");
  const std::string with_copy = answer(match_bytes(jpeg(collage, 60)));
  for (const char* file : {"collage.jpg", "2-1.jpg", "3-2.jpg"})
    EXPECT_NE(with_copy.find("same: " + std::string(file)), with_copy.npos) << with_copy;
}

TEST_F(MatchTest, PartsAreOnlyEmbeddedIfTheWholeDoesNotTellWhatTheyAre) {
  const auto encoded_for = [&](const Grey& picture) {
    const std::atomic<int>& encoded = static_cast<LayoutEncoder&>(*encoder_).encoded;
    const int before = encoded;
    EXPECT_NE(answer(match_bytes(jpeg(picture))).find("same: 2-1.jpg"), std::string::npos);
    return encoded - before;
  };
  Grey collage = plain(255, 800, 300);
  paste(meme(2, 1), collage, 0, 0);
  Grey framed = plain(0, 400, 400);
  paste(meme(2, 1), framed, 0, 50);
  EXPECT_EQ(encoded_for(framed), 1);
  paste(meme(8, 2), collage, 400, 0);
  EXPECT_GT(encoded_for(collage), 1);
}

TEST_F(MatchTest, OtherWordsAreTheSameTemplate) {
  EXPECT_EQ(answer(match_bytes(jpeg(meme(1, 9)))), "template: 1-1.jpg 1-2.jpg 1-3.jpg");
}

TEST_F(MatchTest, OfATemplateWithManyWordsTheRestDecides) {
  ONLY_IN_A_FOLDER();
  Grey other = meme(2, 1);
  paste(test_picture(77, kWidth, kHeight * 3 / 4), other, 0, kHeight / 4);
  EXPECT_EQ(answer(match_bytes(jpeg(other))), "template:");
  TextMask words;
  for (size_t y = 4; y < 16; ++y) words.rows[y] = 0xFFFF;
  const ImageId id = (*library_->catalog().image_by_path(pictures() / name(2, 1))).value();
  ASSERT_TRUE(library_->features()->put_words(std::vector<FeatureStore::Words>{{id, words}}));
  EXPECT_EQ(answer(match_bytes(jpeg(other))), "template: 2-1.jpg");
  EXPECT_EQ(answer(match_bytes(jpeg(meme(8, 4)))), "template:");
}

TEST_F(MatchTest, WithoutItsWordsASymmetricPictureIsNotTakenForItsMirrorImage) {
  ONLY_IN_A_FOLDER();
  Grey symmetric = test_picture(5, kWidth, kHeight);
  for (int y = 0; y < kHeight; ++y)
    for (int x = 0; x < kWidth / 2; ++x)
      symmetric.pixels[static_cast<size_t>(y * kWidth + kWidth - 1 - x)] =
          symmetric.pixels[static_cast<size_t>(y * kWidth + x)];
  paste(test_picture(55, kWidth, 100), symmetric, 0, 200);
  const ImageId id = add(jpeg(symmetric), "symmetric.jpg");
  TextMask words;
  for (size_t y = 10; y < 16; ++y) words.rows[y] = 0xFFFF;
  ASSERT_TRUE(library_->features()->put_words(std::vector<FeatureStore::Words>{{id, words}}));
  EXPECT_EQ(answer(match_bytes(jpeg(mirrored(symmetric)))), "same: symmetric.jpg; template:");
}

TEST_F(MatchTest, APartThatAllOfATemplateHaveTellsNoneOfThem) {
  Grey top = plain(0, kWidth, kHeight - 70);
  const Grey whole = meme(2, 1);
  std::copy_n(whole.pixels.begin(), top.pixels.size(), top.pixels.begin());
  const auto hits = match_bytes(jpeg(top));
  EXPECT_EQ(answer(hits), "template: 2-1.jpg 2-2.jpg 2-3.jpg");
  ASSERT_TRUE(hits.front().part) << "and which part it is";
  EXPECT_NEAR(hits.front().part->top, 0, 0.03);
  EXPECT_NEAR(hits.front().part->width, 1, 0.03);
  EXPECT_NEAR(hits.front().part->height, 1.0 * (kHeight - 70) / kHeight, 0.03);
}

TEST_F(MatchTest, APictureOfNothingInTheLibraryHasNoGoodMatch) {
  EXPECT_EQ(answer(match_bytes(jpeg(meme(8, 4)))), "template:");
}

TEST_F(MatchTest, AnImageOfTheLibraryIsMatchedWithoutDecoding) {
  const auto id = *library_->catalog().image_by_path(pictures() / name(2, 1));
  ASSERT_TRUE(id);
  const auto query = query_by_id(*library_, *id);
  ASSERT_TRUE(query);
  EXPECT_EQ(answer(*match(*library_, *query, {.exclude = {*id}})), "template: 2-2.jpg 2-3.jpg");
  EXPECT_EQ(match(*library_, *query, {})->front().similarity, 1);
}

TEST_F(MatchTest, LimitMinimumFilterAndExclusionHold) {
  const Query query = *query_by_id(*library_, 1);
  const auto hits = [&](const SimilarOptions& options) {
    return *match(*library_, query, options);
  };
  EXPECT_EQ(hits({.limit = 2}).size(), 2U);
  const std::vector<Hit> alike = hits({.min_similarity = 0.7F});
  for (const Hit& hit : alike) EXPECT_GE(hit.similarity, 0.7F);
  const std::vector<Hit> others = hits({.exclude = {1, 2}});
  EXPECT_EQ(others.size(), 7U);
  for (const Hit& hit : others) EXPECT_GT(hit.id, 2);
  const std::vector<Hit> third = hits({.filter = [](ImageId id) { return id == 3; }});
  ASSERT_EQ(third.size(), 1U);
  EXPECT_EQ(third[0].id, 3);
}

TEST_F(MatchTest, WithoutDetailsEmbeddingsDecide) {
  ONLY_IN_A_FOLDER();
  ASSERT_TRUE(library_->features()->remove(std::vector<ImageId>{1, 2, 3, 4, 5, 6, 7, 8, 9}));
  const auto hits = match_bytes(jpeg(meme(2, 1), 85));
  ASSERT_EQ(hits.size(), 9U);
  for (const Hit& hit : hits) EXPECT_LE(hit.similarity, 1);
}

TEST_F(MatchTest, WhatIsLookedAtOnceIsNotLookedAtAgainAndWhatGoesIsForgotten) {
  ONLY_IN_A_FOLDER();
  EXPECT_EQ(learn_words(*library_, {.threads = 1}, {})->looked_at, 0);
  ASSERT_TRUE(library_->catalog().remove_images(std::vector<ImageId>{1}));
  ASSERT_TRUE(library_->refresh());
  EXPECT_EQ(learn_words(*library_, {.threads = 1}, {})->looked_at, 0);
  EXPECT_TRUE(library_->features()->get(std::vector<ImageId>{1})->empty());
  EXPECT_EQ(library_->features()->images(0, 100)->size(), 8U);
}

TEST_F(MatchTest, CheckForgetsDetailsThatCannotBeReadAndMakesTheIndexOfPartsAgain) {
  ONLY_IN_A_FOLDER();
  ONLY_IN_A_FILE();
  EXPECT_TRUE(check(*library_, {})->clean());
  const int64_t model = (*library_->catalog().active_model())->id;
  auto kept = *library_->features()->get(std::vector<ImageId>{2});
  kept[0].sha256 = library_->catalog().image(2)->sha256;
  kept.push_back(kept[0]);
  kept[0].picture.clear();
  kept[1].image = 3;
  kept[1].sha256 = library_->catalog().image(3)->sha256;
  kept[1].parts = {{.region = {}, .embedding = {1, 2, 3}}};
  ASSERT_TRUE(library_->features()->put(kept, model));
  EXPECT_TRUE(match(*library_, *query_by_id(*library_, 3), {})) << "its part is left out";
  auto report = check(*library_, {});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->details, 9);
  ASSERT_EQ(report->repaired.size(), 1U);
  EXPECT_EQ(report->repaired[0].find("the details of 2 images"), 0U) << report->repaired[0];
  EXPECT_EQ(learn_words(*library_, {.threads = 1}, {})->looked_at, 2);

  ASSERT_TRUE(library_->searchable()->parts->add(std::vector<int64_t>{part_id(7, 6)},
                                                 std::vector<float>(kFakeSide * kFakeSide, 1)));
  report = check(*library_, {});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->repaired.size(), 1U);
  EXPECT_TRUE(check(*library_, {})->clean());
}

TEST_F(MatchTest, WhatWasKeptOfAnotherFileOrModelIsReplaced) {
  ONLY_IN_A_FOLDER();
  ONLY_IN_A_FILE();
  const int64_t model = (*library_->catalog().active_model())->id;
  auto kept = *library_->features()->get(std::vector<ImageId>{2, 3});
  ASSERT_EQ(kept.size(), 2U);
  kept[0].sha256 = {1};
  ASSERT_TRUE(library_->features()->put({&kept[0], 1}, model));
  kept[1].sha256 = library_->catalog().image(3)->sha256;
  ASSERT_TRUE(library_->features()->put({&kept[1], 1}, model + 1));
  EXPECT_EQ(learn_words(*library_, {.threads = 1}, {})->looked_at, 2);
}

}  // namespace
}  // namespace mimeme
