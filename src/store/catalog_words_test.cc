#include <gtest/gtest.h>

#include "store/catalog.h"
#include "store/catalog_test_util.h"

namespace mimeme {
namespace {

class WordsTest : public CatalogTest {
 protected:
  // Images 1, 2 and 3 at /1, /2 and /3.
  std::unique_ptr<Catalog> fill() {
    auto catalog = open();
    commit(*catalog, {picture("/1", "1"), picture("/2", "2"), picture("/3", "3")});
    return catalog;
  }
  static ImageText text(Catalog& catalog, ImageId id) {
    const auto texts = must(catalog.texts({&id, 1}));
    return texts.empty() ? ImageText{} : texts.front();
  }
  // The ids whose words changed after `seq`, in the order of the changes.
  static std::vector<ImageId> changed(Catalog& catalog, int64_t seq) {
    std::vector<ImageId> ids;
    for (const auto& text : must(catalog.texts_since(seq, 100)).texts) ids.push_back(text.id);
    return ids;
  }
  static int64_t now(Catalog& catalog) { return must(catalog.text_removals_since(0)).seq; }
};

using Ids = std::vector<ImageId>;

TEST_F(WordsTest, EveryImageHasAtLeastItsFilesNames) {
  const auto catalog = fill();
  commit(*catalog, {picture("/0/copy", "1")});
  EXPECT_EQ(text(*catalog, 1).paths, (Strings{"/0/copy", "/1"}));
  EXPECT_EQ(text(*catalog, 1).description, "");
  EXPECT_EQ(text(*catalog, 9).id, 0);
  EXPECT_EQ(changed(*catalog, 0), (Ids{2, 3, 1})) << "the copy changed image 1 last";
}

TEST_F(WordsTest, WhatIsReadIsKeptLineByLine) {
  const auto catalog = fill();
  EXPECT_EQ(must(catalog->count_images_unread("r1")), 3);
  const TextLine line{
      .text = "ONE does", .confidence = 0.5F, .corners = {{{1, 2}, {3, 4}, {5, 6}, {7, 8}}}};
  must(catalog->put_readings(
      "r1",
      std::vector<Catalog::Reading>{{1, {line, {.text = "not simply"}}}, {2, {}}, {77, {line}}}));
  EXPECT_EQ(must(catalog->count_images_unread("r1")), 1);
  const auto left = must(catalog->images_unread("r1", 0, 10));
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].path, "/3");
  const auto lines = text(*catalog, 1).lines;
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].text, line.text);
  EXPECT_EQ(lines[0].confidence, line.confidence);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(lines[0].corners[i].x, line.corners[i].x);
    EXPECT_EQ(lines[0].corners[i].y, line.corners[i].y);
  }
  EXPECT_EQ(lines[1].text, "not simply");
  EXPECT_TRUE(text(*catalog, 2).lines.empty());

  EXPECT_EQ(must(catalog->count_images_unread("r2")), 3) << "another reader reads all again";
  must(catalog->put_readings("r2", std::vector<Catalog::Reading>{{1, {{.text = "again"}}}}));
  EXPECT_EQ(text(*catalog, 1).lines.size(), 1U);
}

TEST_F(WordsTest, TheUsersDescriptionIsBelievedAndNeverReplaced) {
  const auto catalog = fill();
  const auto described = [&] { return text(*catalog, 1).description; };
  must(catalog->describe(1, "mine"));
  const auto say = [&](DescribedBy by, const std::string& text) {
    must(catalog->put_descriptions(by, "d", std::vector<Catalog::Description>{{1, text}}));
  };
  say(DescribedBy::kVisionModel, "a model's");
  say(DescribedBy::kLabels, "labels");
  EXPECT_EQ(described(), "mine");
  must(catalog->describe(1, "mine, better"));
  EXPECT_EQ(described(), "mine, better");
  must(catalog->describe(1, ""));
  EXPECT_EQ(described(), "a model's");
  say(DescribedBy::kVisionModel, "");
  EXPECT_EQ(described(), "labels");
  EXPECT_EQ(catalog->describe(9, "x").error().code, ErrorCode::kNotFound);
}

TEST_F(WordsTest, EachDescriberIsAskedOnceUnlessABetterOneHasSpoken) {
  const auto catalog = fill();
  const auto left = [&](DescribedBy by, const std::string& describer) {
    Ids ids;
    for (const Work& work : must(catalog->images_undescribed(by, describer, 0, 10)))
      ids.push_back(work.n);
    EXPECT_EQ(must(catalog->count_images_undescribed(by, describer)),
              static_cast<int64_t>(ids.size()));
    return ids;
  };
  EXPECT_EQ(left(DescribedBy::kLabels, "d1"), (Ids{1, 2, 3}));
  must(catalog->put_descriptions(
      DescribedBy::kLabels, "d1",
      std::vector<Catalog::Description>{{1, "old"}, {1, "a cat"}, {2, ""}, {77, "gone"}}));
  EXPECT_EQ(text(*catalog, 1).description, "a cat");
  EXPECT_EQ(left(DescribedBy::kLabels, "d1"), (Ids{3})) << "2 was looked at, in vain";
  EXPECT_EQ(left(DescribedBy::kLabels, "d2"), (Ids{1, 2, 3})) << "another one looks at all again";
  EXPECT_EQ(left(DescribedBy::kVisionModel, "v"), (Ids{1, 2, 3}));
  must(catalog->put_descriptions(DescribedBy::kVisionModel, "v",
                                 std::vector<Catalog::Description>{{1, "better"}, {2, ""}}));
  must(catalog->describe(3, "mine"));
  EXPECT_EQ(left(DescribedBy::kLabels, "d2"), (Ids{2}));
  EXPECT_EQ(left(DescribedBy::kVisionModel, "v2"), (Ids{1, 2}));
  EXPECT_EQ(must(catalog->check()), Strings{});
}

TEST_F(WordsTest, FiltersFindImages) {
  const auto catalog = open();
  auto one = picture("/1", "1"), two = picture("/2", "2"), three = picture("/3", "3");
  one.info = {.format = "png", .width = 100, .height = 50};
  two.info = {.format = "jpeg", .width = 800, .height = 600};
  three.info = {.format = "gif", .width = 1600, .height = 900};
  one.added_at_us = 1'700'000'000'000'000;  // 2023-11-14
  commit(*catalog, {one, two, three});
  must(catalog->set_category(1, "Drake Hotline"));
  must(catalog->suggest_categories(std::vector<CategorySuggestion>{{2, "Crème", 0.9F}}));
  const auto found = [&](const std::string& query) {
    return must(catalog->images_matching(must(parse_query(query))));
  };
  EXPECT_EQ(found("any words"), (Ids{1, 2, 3}));
  EXPECT_EQ(found("type:png type:gif"), (Ids{1, 3}));
  EXPECT_EQ(found("-type:png"), (Ids{2, 3}));
  EXPECT_EQ(found("width>=800 height<900"), (Ids{2}));
  EXPECT_EQ(found("before:2024"), (Ids{1}));
  EXPECT_EQ(found("after:2023-11-14"), (Ids{1, 2, 3}));
  EXPECT_EQ(found("after:2023-11-15"), (Ids{2, 3}));
  EXPECT_EQ(found("category:\"drake hotline\""), (Ids{1}));
  EXPECT_EQ(found("category:creme"), (Ids{2})) << "a suggestion counts";
  EXPECT_EQ(found("-category:creme -category:\"Drake Hotline\""), (Ids{3}));
  EXPECT_EQ(found("category:robert'); -- drake"), (Ids{}));
}

TEST_F(WordsTest, ASuggestedCategoryWaitsForAnAnswer) {
  const auto catalog = fill();
  const auto suggest = [&](ImageId id, const std::string& name, float similarity = 0.9F) {
    must(catalog->suggest_categories(std::vector<CategorySuggestion>{{id, name, similarity}}));
  };
  must(catalog->set_category(1, "Drake"));
  EXPECT_EQ(text(*catalog, 1).category, "Drake");
  suggest(1, "Other");
  EXPECT_EQ(text(*catalog, 1).suggested_category, "") << "it has a category";

  suggest(2, "Drake");
  suggest(3, "Drake");
  EXPECT_EQ(text(*catalog, 2).suggested_category, "Drake");
  must(catalog->answer_suggestion(2, Catalog::Answer::kAccept));
  EXPECT_EQ(text(*catalog, 2).category, "Drake");
  EXPECT_EQ(text(*catalog, 2).suggested_category, "");

  must(catalog->answer_suggestion(3, Catalog::Answer::kRefuse));
  EXPECT_EQ(text(*catalog, 3).suggested_category, "");
  suggest(3, "Drake");
  EXPECT_EQ(text(*catalog, 3).suggested_category, "") << "what was refused stays refused";
  must(catalog->suggest_categories(
      std::vector<CategorySuggestion>{{3, "Far", 0.5F}, {3, "Near", 0.8F}, {77, "Gone", 1}}));
  EXPECT_EQ(text(*catalog, 3).suggested_category, "Near");
  suggest(3, "Newer");
  EXPECT_EQ(text(*catalog, 3).suggested_category, "Newer");
  must(catalog->set_category(3, "Mine"));
  EXPECT_EQ(text(*catalog, 3).suggested_category, "") << "settled";

  EXPECT_EQ(catalog->answer_suggestion(3, Catalog::Answer::kAccept).error().code,
            ErrorCode::kNotFound);
  EXPECT_EQ(catalog->set_category(9, "x").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(must(catalog->check()), Strings{});
}

TEST_F(WordsTest, WhatIsSuggestedAfterAFamilyGoesWithItsLastImage) {
  const auto catalog = fill();
  must(catalog->set_category(1, "Drake"));
  must(catalog->set_category(2, "Drake"));
  must(catalog->suggest_categories(std::vector<CategorySuggestion>{{3, "Drake", 0.9F}}));
  must(catalog->set_category(2, ""));
  EXPECT_EQ(text(*catalog, 3).suggested_category, "Drake") << "1 is called that";
  const int64_t seq = must(catalog->text_seq());
  must(catalog->set_category(1, "Drake Hotline"));
  EXPECT_EQ(text(*catalog, 3).suggested_category, "");
  EXPECT_EQ(must(catalog->texts_since(seq, 9)).texts.size(), 2U) << "the index hears of it";
  EXPECT_EQ(must(catalog->families()).size(), 1U);
  EXPECT_EQ(must(catalog->check()), Strings{});
}

TEST_F(WordsTest, SeveralAreNamedAtOnceButThoseThatHaveANameKeepIt) {
  const auto catalog = fill();
  must(catalog->set_category(2, "Drake"));
  must(catalog->suggest_categories(std::vector<CategorySuggestion>{{3, "Drake", 0.9F}}));
  const int64_t seq = must(catalog->text_seq());
  EXPECT_EQ(must(catalog->name_unnamed(Ids{3, 2, 1, 1, 77}, "It's \"Cat\"")), (Ids{1, 3}));
  EXPECT_EQ(text(*catalog, 1).category, "It's \"Cat\"");
  EXPECT_EQ(text(*catalog, 2).category, "Drake");
  EXPECT_EQ(text(*catalog, 3).category, "It's \"Cat\"");
  EXPECT_EQ(text(*catalog, 3).suggested_category, "") << "settled";
  EXPECT_EQ(must(catalog->texts_since(seq, 9)).texts.size(), 2U) << "the index hears of it";
  const auto categories = must(catalog->categories());
  ASSERT_EQ(categories.size(), 3U);
  EXPECT_EQ(categories[1].id, 2);
  EXPECT_EQ(categories[1].name, "Drake");
  EXPECT_EQ(must(catalog->name_unnamed({}, "x")), Ids{});
  EXPECT_EQ(must(catalog->check()), Strings{});
}

TEST_F(WordsTest, AFamilyIsItsImagesAndThoseThatWaitForAnAnswer) {
  const auto catalog = fill();
  must(catalog->set_category(3, "Drake"));
  must(catalog->suggest_categories(
      std::vector<CategorySuggestion>{{1, "Drake", 0.9F}, {2, "Cat", 0.9F}}));
  const auto families = must(catalog->families());
  ASSERT_EQ(families.size(), 2U);
  EXPECT_EQ(families[0].name, "Cat");
  EXPECT_EQ(families[0].images, 0);
  EXPECT_EQ(families[0].suggested, 1);
  EXPECT_EQ(families[1].images, 1);
  EXPECT_EQ(families[1].suggested, 1);
  EXPECT_EQ(families[1].cover, (Ids{3, 1}));

  EXPECT_EQ(must(catalog->answer_suggestions("Drake", Catalog::Answer::kAccept)), 1);
  EXPECT_EQ(text(*catalog, 1).category, "Drake");
  EXPECT_EQ(must(catalog->answer_suggestions("Cat", Catalog::Answer::kRefuse)), 1);
  EXPECT_EQ(text(*catalog, 2).suggested_category, "");
  EXPECT_EQ(must(catalog->answer_suggestions("Cat", Catalog::Answer::kAccept)), 0);
  EXPECT_EQ(must(catalog->families()).size(), 1U);
  EXPECT_EQ(must(catalog->check()), Strings{});
}

TEST_F(WordsTest, ImagesAreListedFromEitherEndAndByName) {
  const auto catalog = fill();
  const auto ids = [](const std::vector<ImageRecord>& images) {
    Ids found;
    for (const ImageRecord& image : images) found.push_back(image.id);
    return found;
  };
  EXPECT_EQ(ids(must(catalog->images(0, 2, Catalog::Order::kNewest))), (Ids{3, 2}));
  EXPECT_EQ(ids(must(catalog->images(2, 2, Catalog::Order::kNewest))), (Ids{1}));
  const std::string path = must(catalog->image(2)).paths.front();
  const std::string name = path.substr(path.rfind('/') + 1);
  EXPECT_EQ(ids(must(catalog->images_named(name, 0, 9))), (Ids{2}));
  EXPECT_EQ(ids(must(catalog->images_named(name, 2, 9))), (Ids{}));
  EXPECT_EQ(ids(must(catalog->images_named(name, 0, 9, Catalog::Order::kNewest))), (Ids{2}));
  EXPECT_EQ(ids(must(catalog->images_named(name.substr(1), 0, 9))), (Ids{})) << "the whole name";
}

TEST_F(WordsTest, EveryChangeOfWordsIsTold) {
  const auto catalog = fill();
  int64_t seq = now(*catalog);
  const auto told = [&](const Ids& expected, const char* what) {
    EXPECT_EQ(changed(*catalog, seq), expected) << what;
    seq = now(*catalog);
    EXPECT_EQ(changed(*catalog, seq), Ids{}) << what;
  };
  told({}, "nothing");
  must(catalog->describe(2, "x"));
  told({2}, "described");
  must(catalog->put_readings("r", std::vector<Catalog::Reading>{{3, {}}, {1, {}}}));
  told({1, 3}, "read");
  must(catalog->set_category(1, "c"));
  told({1}, "named");
  must(catalog->suggest_categories(std::vector<CategorySuggestion>{{2, "c", 0.9F}}));
  told({2}, "suggested");
  must(catalog->answer_suggestion(2, Catalog::Answer::kRefuse));
  told({2}, "refused");
  commit(*catalog, {picture("/1b", "1")});
  told({1}, "a second name");
  EXPECT_EQ(must(catalog->remove_path("/1b")), 0);
  told({1}, "and without it");
  commit(*catalog, {picture("/2", "3")});
  told({3}, "a file that is another picture now");
  EXPECT_EQ(must(catalog->text_removals_since(0)).ids, (Ids{2})) << "whose picture is gone";
  must(catalog->remove_images({{1}}));
  EXPECT_EQ(must(catalog->text_removals_since(0)).ids, (Ids{1, 2}));
  EXPECT_EQ(changed(*catalog, 0), (Ids{3}));
  EXPECT_EQ(must(catalog->check()), Strings{});
}

TEST_F(WordsTest, PagesOfChangesMeet) {
  const auto catalog = fill();
  Ids all;
  for (int64_t seq = 0;;) {
    const auto page = must(catalog->texts_since(seq, 2));
    if (page.texts.empty()) break;
    for (const auto& text : page.texts) all.push_back(text.id);
    seq = page.seq;
  }
  EXPECT_EQ(all, (Ids{1, 2, 3}));
}

TEST_F(WordsTest, TextsAreEmbeddedAsTheyAreNow) {
  const auto catalog = fill();
  const ModelId model = must(catalog->register_model({.name = "words", .digest = "w1", .dim = 2}));
  EXPECT_EQ(must(catalog->count_texts_without_embedding(model)), 3);
  const auto page = must(catalog->texts_without_embedding(model, 0, 2));
  ASSERT_EQ(page.texts.size(), 2U);
  must(catalog->describe(2, "changed meanwhile"));
  must(catalog->put_text_embeddings(
      model, std::vector<Catalog::TextEmbedding>{{1, page.texts[0].seq, {0x3C00, 0}},
                                                 {2, page.texts[1].seq, {0, 0x3C00}},
                                                 {77, 1, {0, 0}}}));
  EXPECT_EQ(must(catalog->count_texts_without_embedding(model)), 2) << "2 has changed, 3 was not";
  const int64_t before = now(*catalog);
  for (const auto& text : must(catalog->texts_without_embedding(model, 0, 10)).texts)
    must(catalog->put_text_embeddings(
        model, std::vector<Catalog::TextEmbedding>{
                   {text.id, text.seq, text.id == 3 ? Halves{} : Halves{0, 0x3C00}}}));
  EXPECT_EQ(must(catalog->count_texts_without_embedding(model)), 0);
  const auto all = must(catalog->text_vectors_since(model, 0, 10));
  EXPECT_EQ(all.ids, (Ids{1, 3, 2}));
  EXPECT_EQ(all.rows, (Floats{1, 0, 0, 0, 0, 1})) << "3 says nothing";
  EXPECT_EQ(must(catalog->text_vectors_since(model, before, 10)).ids, (Ids{3, 2}));
  EXPECT_EQ(catalog->put_text_embeddings(model, std::vector<Catalog::TextEmbedding>{{1, 1, {0}}})
                .error()
                .code,
            ErrorCode::kInvalidArgument);
  must(catalog->remove_images({{1}}));
  EXPECT_EQ(must(catalog->text_vectors_since(model, 0, 10)).ids, (Ids{3, 2}));
  EXPECT_EQ(must(catalog->check()), Strings{});
}

TEST_F(WordsTest, ALibraryFromBeforeThereWereWordsIsMigrated) {
  ONLY_IN_A_FILE();
  fill().reset();
  run_sql({"DROP TABLE texts", "DROP TABLE text_removals", "DROP TABLE readings",
           "DROP TABLE ocr_lines", "DROP TABLE descriptions", "DROP TABLE categories",
           "DROP TABLE suggestions", "DROP TABLE text_embeddings", "DROP TABLE not_duplicates",
           "DROP TABLE access_keys", "DELETE FROM counters WHERE name = 'text'",
           "ALTER TABLE images DROP COLUMN preview",
           "DELETE FROM schema_migrations WHERE version >= 2"});
  EXPECT_EQ(Catalog::open(path(), Catalog::Access::kReadOnly).error().code, ErrorCode::kConflict);
  const auto catalog = open();
  EXPECT_EQ(changed(*catalog, 0), (Ids{1, 2, 3}));
  EXPECT_EQ(must(catalog->image(1)).info.preview, "");
  must(catalog->describe(1, "x"));
  EXPECT_EQ(changed(*catalog, 3), (Ids{1}));
  EXPECT_EQ(must(catalog->check()), Strings{});
}

TEST_F(WordsTest, WhatIsNoDuplicateIsKeptAsLongAsBothImages) {
  using Pairs = std::vector<Catalog::ImagePair>;
  const auto catalog = fill();
  must(catalog->say_not_duplicates(2, {{1, 3}}));
  must(catalog->say_not_duplicates(1, {{2, 2}}));  // known already, in either order
  EXPECT_EQ(must(catalog->not_duplicates()), (Pairs{{1, 2}, {2, 3}}));
  EXPECT_EQ(catalog->say_not_duplicates(1, {{3, 44}}).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(catalog->say_not_duplicates(1, {{3, 1}}).error().code, ErrorCode::kInvalidArgument);
  must(catalog->unsay_not_duplicates(3, {{2, 1}}));
  EXPECT_EQ(must(catalog->not_duplicates()), (Pairs{{1, 2}}));
  must(catalog->remove_images({{2}}));
  EXPECT_EQ(must(catalog->not_duplicates()), Pairs{});
  EXPECT_EQ(must(catalog->check()), Strings{});
}

TEST_F(WordsTest, CheckMendsDamagedWords) {
  ONLY_IN_A_FILE();
  struct Case {
    std::string damage, sentence;
  };
  for (const auto& [damage, sentence] : std::initializer_list<Case>{
           {"DELETE FROM texts WHERE image_id = 2", "images whose words have no change number: 1"},
           {"INSERT INTO texts VALUES (1, 2)",
            "change numbers of words that belong to no image, or to one that has another: 2"},
           {"INSERT INTO descriptions VALUES (44, 1, 'x', '')",
            "descriptions of images that are not there: 1"},
           {"INSERT INTO not_duplicates VALUES (1, 44)",
            "pairs that are no duplicates, of images that are not there: 1"},
           {"INSERT INTO access_keys VALUES (unhex(repeat('0', 64)), 'gone', 'admin', "
            "TIMESTAMP '2026-01-01', TIMESTAMP '2036-01-01')",
            "keys of the same name, or sessions of none: 1"},
           {"INSERT INTO categories VALUES (44, 'x')",
            "categories of images that are not there: 1"},
           {"INSERT INTO ocr_lines VALUES (1, 0, 'x', 1, [1,2,3,4,5,6,7,8])",
            "lines of text of images that were not read: 1"},
           {"UPDATE counters SET last = 0 WHERE name = 'text'",
            "the counter \"text\" is behind"}}) {
    std::filesystem::remove(path());
    fill().reset();
    run_sql({damage});
    const auto catalog = open();
    const auto sentences = must(catalog->check());
    ASSERT_FALSE(sentences.empty()) << damage;
    EXPECT_PRED2(contains, sentences[0], sentence);
    EXPECT_EQ(must(catalog->check()), Strings{}) << damage;
    EXPECT_EQ(changed(*catalog, 0).size(), 3U) << damage;
  }
}

}  // namespace
}  // namespace mimeme
