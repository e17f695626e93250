#include "engine/mixed_search.h"

#include <algorithm>
#include <map>

#include "engine/edit.h"
#include "engine/ingest.h"
#include "engine/query_pictures.h"
#include "engine/test_library.h"
#include "engine/words.h"

namespace mimeme {
namespace {

using Ids = std::vector<ImageId>;

// Six pictures of noise; "batman" is said of 1 and 2, "robin" of 2 and 3.
class MixedSearchTest : public LibraryTest {
 protected:
  void SetUp() override {
    LibraryTest::SetUp();
    add_word_models();
    for (int i = 1; i <= 6; ++i) add_picture(i);
    library_ = *open();
    ASSERT_TRUE(ingest(*library_, {.roots = {pictures()}}, {}));
    ASSERT_TRUE(describe(*library_, 1, "batman"));
    ASSERT_TRUE(describe(*library_, 2, "batman and robin"));
    ASSERT_TRUE(describe(*library_, 3, "robin"));
    ASSERT_TRUE(library_->refresh_words());
    by_words_ = *WordSearch::open(*library_);
    encoder_ = *library_->open_encoder({});
    pictures_ = std::make_unique<QueryPictures>(
        *library_, DecodeLimits{}, [this] { return Result<const ImageEncoder*>(encoder_.get()); });
  }

  static QueryPart words(const std::string& text, double weight = 1) {
    return {.words = *parse_query(text), .picture = std::nullopt, .weight = weight};
  }
  QueryPart like(const std::string& name, double weight = 1,
                 const std::optional<Region>& region = {}) {
    auto query = pictures_->query(name, region);
    EXPECT_TRUE(query) << query.error().message;
    return {.words = {}, .picture = *std::move(query), .weight = weight};
  }
  std::vector<WordHit> search(const std::vector<QueryPart>& parts, int limit = 20) {
    auto hits = mixed_search(*library_, *by_words_, parts, {.limit = limit});
    EXPECT_TRUE(hits) << hits.error().message;
    return *std::move(hits);
  }
  static Ids ids(const std::vector<WordHit>& hits) {
    Ids found;
    for (const WordHit& hit : hits) found.push_back(hit.id);
    return found;
  }
  Result<QueryPicture> add(const std::string& bytes) {
    return pictures_->add({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  }

  std::unique_ptr<Library> library_;
  std::unique_ptr<WordSearch> by_words_;
  std::unique_ptr<ImageEncoder> encoder_;
  std::unique_ptr<QueryPictures> pictures_;
};

TEST_F(MixedSearchTest, WordsAloneRankAsWordsDoAndPicturesAsPicturesDo) {
  EXPECT_EQ(ids(search({words("batman")})), ids(*by_words_->search(*parse_query("batman"), {})));
  const auto alone = *match(*library_, *query_by_id(*library_, 4), {.exclude = {4}});
  const auto hits = search({like("4")});
  ASSERT_EQ(hits.size(), 5U) << "all but itself";
  for (size_t i = 0; i < hits.size(); ++i) {
    EXPECT_EQ(hits[i].id, alone[i].id);
    EXPECT_NEAR(hits[i].similarity, alone[i].similarity, 1e-3);
    EXPECT_NEAR(hits[i].like, alone[i].similarity, 1e-3);
  }
}

TEST_F(MixedSearchTest, WordsAndPictureTogetherPreferWhatBothFind) {
  const auto hits = search({words("batman"), like("2")});
  EXPECT_EQ(hits.front().id, 1) << "2 is what was asked with";
  EXPECT_GT(hits.front().text, 0);
  EXPECT_GT(hits.front().like, 0);
  EXPECT_FALSE(hits.front().matches.empty());
}

TEST_F(MixedSearchTest, AWeightCountsAndANegativeOneTurnsAway) {
  const auto similarity_of = [&](const std::vector<QueryPart>& parts, ImageId id) {
    for (const WordHit& hit : search(parts))
      if (hit.id == id) return hit.similarity;
    return 0.0F;
  };
  const float even = similarity_of({words("batman"), like("4")}, 1);
  const float heavy = similarity_of({words("batman", 5), like("4")}, 1);
  const float alone = similarity_of({words("batman")}, 1);
  EXPECT_LT(std::abs(heavy - alone), std::abs(even - alone)) << "the heavier part decides";
  const float without = similarity_of({like("4"), words("batman", -0.5)}, 1);
  EXPECT_LT(without, similarity_of({like("4")}, 1));
  EXPECT_LT(similarity_of({like("4"), like("5", -1)}, 6), similarity_of({like("4")}, 6));
  EXPECT_TRUE(search({like("4", -1)}).empty()) << "the unlike of one thing is everything";
}

TEST_F(MixedSearchTest, WhatIsUnwantedOnlyLowersWhatItFinds) {
  // Of each image: how similar it is to what is wanted alone, and with what is unwanted.
  const auto expect_lowered = [&](const QueryPart& wanted, const QueryPart& unwanted) {
    std::map<ImageId, float> before;
    for (const WordHit& hit : search({wanted})) before[hit.id] = hit.similarity;
    const auto hits = search({wanted, unwanted});
    for (const WordHit& hit : hits) {
      EXPECT_LE(hit.similarity, before[hit.id] + 1e-5F) << hit.id;
      EXPECT_GE(hit.similarity, 0);
    }
    return hits;
  };
  const auto hits = expect_lowered(words("batman"), words("robin", -1));
  EXPECT_EQ(hits.front().id, 1);
  EXPECT_EQ(hits.front().similarity, search({words("batman")}).front().similarity);
  EXPECT_EQ(expect_lowered(like("4"), like("5", -1)).size(), 4U) << "none is quite like 5";
  EXPECT_EQ(expect_lowered(like("4"), words("batman", -1)).size(), 5U);
  EXPECT_EQ(ids(expect_lowered(like("4"), words("batman", 0))), ids(search({like("4")})));
}

TEST_F(MixedSearchTest, ARealMatchThatIsVaguelyUnwantedStaysAheadOfAVagueOne) {
  ASSERT_TRUE(describe(*library_, 4, "battle kings lion"));  // to the stand-in, 0.58 of "batman"
  ASSERT_TRUE(embed_texts(*library_, 0));
  by_words_ = *WordSearch::open(*library_);  // with the text model
  const QueryPart vague = words("bats one two three", -1);
  const auto of_vague = *by_words_->search(vague.words, {});
  EXPECT_EQ(std::count_if(of_vague.begin(), of_vague.end(), [](auto& h) { return h.id == 1; }), 1);
  EXPECT_EQ(std::count_if(of_vague.begin(), of_vague.end(), [](auto& h) { return h.id == 4; }), 0);
  const Ids alone = ids(search({words("batman")})), with = ids(search({words("batman"), vague}));
  ASSERT_NE(std::find(alone.begin(), alone.end(), 4), alone.end());
  EXPECT_LT(std::find(with.begin(), with.end(), 1), std::find(with.begin(), with.end(), 4));
}

TEST_F(MixedSearchTest, FiltersAndExcludedWordsOfAnyPartHoldForAll) {
  EXPECT_EQ(ids(search({like("4"), words("type:png")})), Ids{});
  EXPECT_EQ(search({like("4"), words("type:tiff")}).size(), 5U);
  for (const WordHit& hit : search({words("batman -robin"), like("4")})) {
    EXPECT_NE(hit.id, 2);
    EXPECT_NE(hit.id, 3);
  }
  EXPECT_EQ(ids(search({words("type:tiff"), words("-robin")})), (Ids{6, 5, 4, 1}));
  EXPECT_EQ(ids(search({words("type:tiff"), words("-robin")}, 2)), (Ids{6, 5}));
  EXPECT_EQ(mixed_search(*library_, *by_words_, {}, {}).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(MixedSearchTest, APictureThatIsSentHasANameAndIsFoundByItAfterARestart) {
  const std::string bytes = bytes_of(add_picture(77, "sent"));
  const auto added = add(bytes);
  ASSERT_TRUE(added) << added.error().message;
  EXPECT_FALSE(added->image);
  EXPECT_EQ(added->width, kFakeSide);
  const auto hits = search({like(added->name)});
  EXPECT_EQ(hits.size(), 6U);
  pictures_ = std::make_unique<QueryPictures>(
      *library_, DecodeLimits{}, [this] { return Result<const ImageEncoder*>(encoder_.get()); });
  EXPECT_EQ(ids(search({like(added->name)})), ids(hits));
  EXPECT_EQ(pictures_->read(added->name)->size(), bytes.size());

  const auto known = add(bytes_of(library_->catalog().image(3)->paths[0]));
  ASSERT_TRUE(known);
  EXPECT_EQ(known->image, 3);
}

TEST_F(MixedSearchTest, APartOfAPictureIsAnotherQuery) {
  const Region right{.left = 0.5, .top = 0, .width = 0.5, .height = 1};
  const auto whole = like("4"), part = like("4", 1, right);
  EXPECT_NE(whole.picture->vector, part.picture->vector);
  EXPECT_EQ(part.picture->vector, like("4", 1, right).picture->vector) << "as it was kept";
  EXPECT_EQ(search({part}).size(), 5U) << "without the image itself";
}

TEST_F(MixedSearchTest, NamesThatAreNoneAreRefused) {
  for (const char* name : {"", "x", "../catalog.duckdb", "1e3", "-1"})
    EXPECT_EQ(pictures_->query(name, {}).error().code, ErrorCode::kInvalidArgument) << name;
  for (const std::string& name : {std::string("99"), std::string(32, 'a')})
    EXPECT_EQ(pictures_->query(name, {}).error().code, ErrorCode::kNotFound) << name;
  EXPECT_EQ(add("no picture").error().code, ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace mimeme
