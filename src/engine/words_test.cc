#include "engine/words.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <set>

#include "engine/categories.h"
#include "engine/check.h"
#include "engine/ingest.h"
#include "engine/test_library.h"
#include "engine/word_search.h"
#include "media/encode.h"

namespace mimeme {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

class WordsTest : public LibraryTest {
 protected:
  void SetUp() override {
    LibraryTest::SetUp();
    add_word_models();
    reads_ = [this](std::span<const uint8_t> rgb) -> Result<std::vector<TextLine>> {
      const auto at = written_.find({rgb.begin(), rgb.end()});
      if (at == written_.end()) return std::vector<TextLine>{};
      if (at->second == "fails") return Error{ErrorCode::kInternal, "the reader failed"};
      std::vector<TextLine> lines;
      std::istringstream in(at->second);
      for (std::string line; std::getline(in, line, '/');)
        lines.push_back(
            {.text = line, .confidence = 0.9F, .corners = {{{0, 0}, {4, 0}, {4, 1}, {0, 1}}}});
      return lines;
    };
  }

  // A picture in which the lines (between slashes) will be read.
  std::string add_meme(int seed, const std::string& lines) {
    const std::string path = add_picture(seed);
    const auto decoded =
        decode(read_bytes(path), {.width = 1600, .height = 1600, .fit = Fit::kInside}, {});
    EXPECT_TRUE(decoded) << decoded.error().message;
    written_[decoded->rgb] = lines;
    return path;
  }

  static std::vector<uint8_t> read_bytes(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::unique_ptr<Library> opened(Library::Access access = Library::Access::kCreate) {
    auto library = open(access);
    EXPECT_TRUE(library) << library.error().message;
    return *std::move(library);
  }
  void add_all(Library& library) {
    const auto summary = ingest(library, {.roots = {pictures()}}, {});
    ASSERT_TRUE(summary) << summary.error().message;
  }
  WordsSummary learn(Library& library, std::stop_token stop = {}, Describer describer = {}) {
    failed_.clear();
    const auto summary = learn_words(
        library, {.threads = 2, .stop = std::move(stop), .describer = std::move(describer)},
        {.failed = [&](const FailedFile& f) {
          failed_.push_back(fs::path(f.path).filename().string() + ": " + f.error);
        }});
    EXPECT_TRUE(summary) << summary.error().message;
    return summary ? *summary : WordsSummary{};
  }
  // The names of the files found, best first.
  static Names found(Library& library, const std::string& query) {
    Names names;
    for (const ExplainedHit& hit : explained(library, query))
      names.push_back(fs::path(hit.image.paths.front()).stem());
    return names;
  }
  static std::vector<ExplainedHit> explained(Library& library, const std::string& query) {
    const auto search = WordSearch::open(library);
    EXPECT_TRUE(search) << search.error().message;
    const auto parsed = parse_query(query);
    EXPECT_TRUE(parsed) << parsed.error().message;
    const auto hits = (*search)->search(*parsed, {});
    EXPECT_TRUE(hits) << hits.error().message;
    auto result = (*search)->explain(*hits);
    EXPECT_TRUE(result) << result.error().message;
    return *std::move(result);
  }
  static ImageId id_of(Library& library, const std::string& path) {
    return library.catalog().image_by_path(fs::canonical(path))->value_or(0);
  }
  static void expect_clean(Library& library) {
    const auto report = check(library, {});
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_TRUE(report->clean()) << (report->problems.empty() ? report->repaired[0]
                                                              : report->problems[0]);
  }

  std::map<std::vector<uint8_t>, std::string> written_;
  Names failed_;
};

TEST_F(WordsTest, WhatIsReadIsFoundAlsoAfterReopening) {
  add_meme(1, "one does not simply/walk into mordor");
  add_meme(2, "brace yourselves");
  add_picture(3, "Success Kid.tiff");
  {
    const auto library = opened();
    add_all(*library);
    EXPECT_EQ(found(*library, "mordor"), Names{}) << "not read yet";
    EXPECT_EQ(found(*library, "success kid"), Names{"Success Kid"}) << "the name is known at once";
    const WordsSummary summary = learn(*library);
    EXPECT_EQ(summary.read, 3);
    EXPECT_EQ(summary.embedded, 3);
    EXPECT_EQ(found(*library, "mordor"), Names{"1"});
    expect_clean(*library);
    EXPECT_EQ(learn(*library).read, 0) << "once is enough";
  }
  const auto reader = opened(Library::Access::kRead);
  EXPECT_EQ(found(*reader, "brace yourselves"), Names{"2"});
  EXPECT_EQ(found(*reader, "zebra"), Names{}) << "nothing relevant";
}

TEST_F(WordsTest, WhereWordsStandIsKnownWhicheverComesFirst) {
  ONLY_IN_A_FOLDER();
  const std::string first = add_meme(1, "one line");
  add_picture(2);
  const auto library = opened();
  add_all(*library);
  learn(*library);
  const FeatureStore& store = *library->features();
  EXPECT_EQ(store.images_read(0, 9)->size(), 2U);
  const auto words_of = [&](ImageId id) { return store.get({&id, 1})->at(0).words; };
  const ImageId id = id_of(*library, first);
  const auto words = words_of(id);
  ASSERT_TRUE(words);
  EXPECT_NE(*words, TextMask{});
  ONLY_IN_A_FILE();
  // Looked at again: now they have been read before.
  ASSERT_TRUE(library->features()->remove(std::vector<ImageId>{1, 2}));
  EXPECT_EQ(learn(*library).looked_at, 2);
  EXPECT_EQ(words_of(id), words);
  EXPECT_EQ(words_of(3 - id), TextMask{}) << "there are none";
}

TEST_F(WordsTest, AHitSaysWhy) {
  const std::string path = add_meme(1, "ab cd/mordor");
  const auto library = opened();
  add_all(*library);
  learn(*library);
  ASSERT_TRUE(library->catalog().describe(id_of(*library, path), "a man in a cloak"));
  ASSERT_TRUE(embed_texts(*library, 0));
  const auto hits = explained(*library, "cd cloak");
  ASSERT_EQ(hits.size(), 1U);
  EXPECT_GT(hits[0].hit.text, 0.5F);
  EXPECT_GT(hits[0].hit.meaning, 0);
  EXPECT_EQ(hits[0].hit.similarity, std::max(hits[0].hit.text, hits[0].hit.meaning));
  EXPECT_EQ(hits[0].description, "a man in a cloak");
  ASSERT_EQ(hits[0].matches.size(), 2U);
  const ExplainedMatch &read = hits[0].matches[0], &told = hits[0].matches[1];
  EXPECT_EQ(read.context.substr(read.begin, read.end - read.begin), "cd");
  ASSERT_TRUE(read.corners);
  const Quad& part = *read.corners;  // letters 3 and 4 of five, in a box four wide
  EXPECT_FLOAT_EQ(part[0].x, 4 * 3 / 5.0F);
  EXPECT_FLOAT_EQ(part[1].x, 4);
  EXPECT_FLOAT_EQ(part[2].y, 1);
  EXPECT_EQ(told.field, TextField::kDescription);
  EXPECT_FALSE(told.corners);
  EXPECT_EQ(told.context.substr(told.begin, told.end - told.begin), "cloak");
}

TEST_F(WordsTest, MeaningFindsWhatNoWordDoes) {
  add_meme(1, "a kitten sleeps");
  add_meme(2, "nothing of the sort");
  const auto library = opened();
  add_all(*library);
  learn(*library);
  const auto hits = explained(*library, "kitty sleeping");
  ASSERT_EQ(hits.size(), 1U);
  EXPECT_GT(hits[0].hit.meaning, 0.5F);
  EXPECT_EQ(found(*library, "kitty"), Names{"1"});
  EXPECT_EQ(explained(*library, "kitty")[0].hit.text, 0) << "no word, prefix or typo";
  EXPECT_EQ(found(*library, "kitty -sleeps"), Names{});
  EXPECT_EQ(found(*library, "\"kitty\""), Names{}) << "a phrase wants the words themselves";
}

TEST_F(WordsTest, PhrasesExclusionsAndFiltersHoldInBothLegs) {
  add_meme(1, "the cat is on the table");
  add_meme(2, "on the cat is the table");
  add_meme(3, "a cat");
  const auto library = opened();
  add_all(*library);
  learn(*library);
  EXPECT_EQ(found(*library, "\"the cat is on\""), Names{"1"});
  EXPECT_EQ(found(*library, "cat -table"), Names{"3"});
  EXPECT_EQ(found(*library, "cat type:png"), Names{});
  EXPECT_EQ(found(*library, "cat type:tiff width<=4 -table"), Names{"3"});
  const auto all = explained(*library, "type:tiff");
  ASSERT_EQ(all.size(), 3U);
  EXPECT_GT(all[0].image.id, all[2].image.id) << "without words: newest first";
  EXPECT_EQ(found(*library, "-table"), Names{"3"});
  const auto search = WordSearch::open(*library);
  EXPECT_EQ((*search)->search({}, {}).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(WordsTest, ASuggestedCategoryIsFoundUntilItIsRefused) {
  const std::string path = add_picture(1);
  // The same noise, one byte another: so like it that it is of the family.
  auto bytes = read_bytes(path);
  bytes.back() ^= 1;
  std::ofstream(pictures() / "like.tiff", std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  const auto library = opened();
  add_all(*library);
  learn(*library);
  const ImageId id = id_of(*library, path);
  ASSERT_TRUE(library->catalog().set_category(id, "Drake"));
  ASSERT_EQ(*suggest_categories(*library, {&id, 1}), 1);
  ASSERT_TRUE(embed_texts(*library, 0));
  EXPECT_EQ(found(*library, "drake").size(), 2U);
  const auto named = explained(*library, "category:drake");
  ASSERT_EQ(named.size(), 2U);
  EXPECT_NE(named[0].is_suggested, named[1].is_suggested);
  const auto like = library->catalog().images_with_suggestion();
  ASSERT_TRUE(library->catalog().answer_suggestion(like->front(), Catalog::Answer::kRefuse));
  ASSERT_TRUE(embed_texts(*library, 0));
  EXPECT_EQ(found(*library, "drake"), Names{"1"});
  expect_clean(*library);
}

TEST_F(WordsTest, ANewMemberOfANamedFamilyGetsTheSuggestion) {
  const std::string path = add_picture(1);
  const auto library = opened();
  add_all(*library);
  ASSERT_TRUE(library->catalog().set_category(id_of(*library, path), "Drake"));
  auto bytes = read_bytes(path);
  bytes.back() ^= 1;
  std::ofstream(pictures() / "like.tiff", std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  write_tiff(pictures() / "black.tiff", kFakeSide, std::vector<uint8_t>(kFakeSide * kFakeSide * 3));
  add_all(*library);
  const auto hits = explained(*library, "category:drake");
  ASSERT_EQ(hits.size(), 2U);
  EXPECT_TRUE(hits[0].is_suggested) << "the newer one";
  EXPECT_EQ(fs::path(hits[0].image.paths.front()).stem(), "like");
  expect_clean(*library);
}

TEST_F(WordsTest, APictureThatFailsIsNamedAndTriedAgain) {
  add_meme(1, "fails");
  add_meme(2, "all good");
  const std::string gone = add_picture(3);
  const auto library = opened();
  add_all(*library);
  fs::remove(gone);
  const WordsSummary summary = learn(*library);
  EXPECT_EQ(summary.read, 1);
  EXPECT_EQ(summary.failed, 2);
  std::sort(failed_.begin(), failed_.end());
  ASSERT_EQ(failed_.size(), 2U);
  EXPECT_EQ(failed_[0], "1.tiff: the reader failed");
  EXPECT_EQ(failed_[1], "3.tiff: no such file or directory");
  EXPECT_EQ(found(*library, "good"), Names{"2"});
  for (auto& [rgb, text] : written_)
    if (text == "fails") text = "works now";
  add_all(*library);
  EXPECT_EQ(learn(*library).read, 1);
  EXPECT_EQ(found(*library, "works"), Names{"1"});
  expect_clean(*library);
}

TEST_F(WordsTest, WordsAreOnlyReadFromTheVeryBytesThatWereIndexed) {
  const std::string path = add_meme(1, "right");
  fs::create_directories(root_ / "other");
  const fs::path copy = root_ / "other" / "copy.tiff";
  fs::copy_file(path, copy);
  const auto library = opened();
  const auto added = ingest(*library, {.roots = {pictures(), root_ / "other"}}, {});
  ASSERT_TRUE(added) << added.error().message;
  add_meme(2, "wrong");
  fs::remove(copy);  // the first path: another picture lies there now
  fs::copy_file(pictures() / "2.tiff", copy);
  EXPECT_EQ(learn(*library).read, 1) << "from the file that is still the same";
  EXPECT_EQ(found(*library, "right").size(), 1U);
  EXPECT_EQ(found(*library, "wrong"), Names{});
}

TEST_F(WordsTest, WhatWasDoneBeforeAStopIsNotDoneAgain) {
  for (int i = 0; i < 60; ++i) add_meme(i, "meme " + std::to_string(i));
  const auto library = opened();
  add_all(*library);
  std::stop_source stop;
  std::atomic<int> reads = 0;
  const auto reads_before = reads_;
  reads_ = [&](std::span<const uint8_t> rgb) {
    if (++reads == 20) stop.request_stop();
    return reads_before(rgb);
  };
  const WordsSummary first = learn(*library, stop.get_token());
  EXPECT_TRUE(first.cancelled);
  EXPECT_LT(first.read, 60);
  EXPECT_GT(first.read, 0);
  expect_clean(*library);
  reads = 100;
  const WordsSummary second = learn(*library);
  EXPECT_EQ(first.read + second.read, 60);
  EXPECT_EQ(found(*library, "\"meme 59\""), Names{"59"});
}

TEST_F(WordsTest, WhatAPictureShowsIsToldOnceForEachLabeller) {
  for (int i = 0; i < 3; ++i) add_picture(i);
  const auto library = opened();
  add_all(*library);
  std::atomic<int> labelled = 0;
  labels_ = [&](std::span<const float> embedding) {
    EXPECT_EQ(embedding.size(), 12U);
    return ++labelled == 1 ? "" : "penguin";
  };
  EXPECT_EQ(learn(*library).described, 3);
  EXPECT_EQ(found(*library, "penguin").size(), 2U);
  EXPECT_EQ(learn(*library).described, 0);
  labeller_ = "labeller 2";
  EXPECT_EQ(learn(*library).described, 3);
  EXPECT_EQ(found(*library, "penguin").size(), 3U);
  expect_clean(*library);
}

// Answers about pictures as the test says.
class FakeVisionModel : public VisionModel {
 public:
  using Answer = std::function<Result<std::string>(std::span<const uint8_t> jpeg)>;
  explicit FakeVisionModel(Answer answer) : answer_(std::move(answer)) {}
  Result<std::string> describe(std::span<const uint8_t> jpeg, std::stop_token) const override {
    return answer_(jpeg);
  }

 private:
  const Answer answer_;
};

TEST_F(WordsTest, AVisionModelDescribesWhatTheUserHasNot) {
  const std::string mine = add_picture(0);
  for (int i = 1; i < 4; ++i) add_picture(i);
  const auto library = opened();
  add_all(*library);
  labels_ = [](std::span<const float>) { return "penguin"; };
  ASSERT_TRUE(library->catalog().describe(id_of(*library, mine), "my own words"));
  std::atomic<int> asked = 0;
  const FakeVisionModel model([&](std::span<const uint8_t> jpeg) -> Result<std::string> {
    EXPECT_EQ(*sniff(jpeg), "jpeg");
    if (++asked == 2) return Error{ErrorCode::kCorrupt, "no words in the answer"};
    return std::string("an astronaut rides a horse");
  });
  const WordsSummary first = learn(*library, {}, {.model = &model, .digest = "m1"});
  EXPECT_EQ(asked, 3) << "not about the user's";
  EXPECT_EQ(first.failed, 1);
  EXPECT_EQ(found(*library, "astronaut").size(), 2U);
  EXPECT_EQ(found(*library, "penguin").size(), 1U) << "labels, where nobody knows better";
  EXPECT_EQ(found(*library, "own words").size(), 1U);
  EXPECT_EQ(found(*library, "astronomer").size(), 2U) << "embedded anew: by meaning";
  EXPECT_EQ(learn(*library, {}, {.model = &model, .digest = "m1"}).described, 1) << "what failed";
  EXPECT_EQ(found(*library, "astronaut").size(), 3U);
  EXPECT_EQ(learn(*library, {}, {.model = &model, .digest = "m1"}).described, 0);
  EXPECT_EQ(learn(*library, {}, {.model = &model, .digest = "m2"}).described, 3);
  expect_clean(*library);
}

TEST_F(WordsTest, AVisionModelThatIsDownOrMisconfiguredIsLeftAlone) {
  for (int i = 0; i < 40; ++i) add_picture(i);
  const auto library = opened();
  add_all(*library);
  for (const ErrorCode code : {ErrorCode::kUnavailable, ErrorCode::kInvalidArgument}) {
    std::atomic<int> asked = 0;
    const FakeVisionModel model([&](std::span<const uint8_t>) -> Result<std::string> {
      ++asked;
      return Error{code, "the trouble"};
    });
    const WordsSummary summary =
        learn(*library, {}, {.model = &model, .digest = "m1", .concurrency = 2});
    EXPECT_LE(asked, 5) << "not once for each picture";
    EXPECT_EQ(summary.failed, 0) << "nothing is wrong with the pictures";
    EXPECT_FALSE(summary.cancelled);
    ASSERT_EQ(summary.left_out.size(), 1U);
    EXPECT_NE(summary.left_out[0].find("the trouble"), std::string::npos);
  }
  const FakeVisionModel up([](std::span<const uint8_t>) { return Result<std::string>("a dog"); });
  EXPECT_EQ(learn(*library, {}, {.model = &up, .digest = "m1"}).described, 40) << "later";
}

TEST_F(WordsTest, PicturesThatAVisionModelCannotDoDoNotBlockTheOthers) {
  for (int i = 0; i < 12; ++i) add_picture(i);
  const auto library = opened();
  add_all(*library);
  // The pictures with the lowest ids, as they are sent.
  std::set<std::vector<uint8_t>> poison;
  const auto lowest = library->catalog().images(0, 3);
  for (const ImageRecord& image : *lowest) {
    const auto decoded = decode(read_bytes(image.paths.front()),
                                {.width = 1024, .height = 1024, .fit = Fit::kInside}, {});
    poison.insert(*encode_jpeg(decoded->rgb, decoded->width, decoded->height, 85));
  }
  const FakeVisionModel model([&](std::span<const uint8_t> jpeg) -> Result<std::string> {
    if (poison.contains({jpeg.begin(), jpeg.end()}))
      return Error{ErrorCode::kUnavailable, "HTTP 500"};
    return std::string("described");
  });
  learn(*library);  // labels
  int64_t described = 0;
  for (int run = 0; run < 40 && described < 9; ++run) {
    const WordsSummary summary = learn(*library, {}, {.model = &model, .digest = "m"});
    described += summary.described;
    EXPECT_EQ(summary.left_out.size(), 1U) << "what is left is said";
  }
  EXPECT_EQ(described, 9);
}

TEST_F(WordsTest, IndexesFollowEveryEdit) {
  const std::string one = add_meme(1, "first"), two = add_meme(2, "second");
  const auto library = opened();
  add_all(*library);
  learn(*library);
  const auto edit = [&](auto change) {
    const int64_t before = *library->catalog().text_seq();
    ASSERT_TRUE(change(library->catalog()));
    ASSERT_TRUE(embed_texts(*library, before));
    expect_clean(*library);
  };
  const ImageId id = id_of(*library, one);
  edit([&](Catalog& c) { return c.describe(id, "zebra crossing"); });
  EXPECT_EQ(found(*library, "zebra"), Names{"1"});
  edit([&](Catalog& c) { return c.describe(id, "giraffe"); });
  EXPECT_EQ(found(*library, "zebra"), Names{});
  EXPECT_EQ(found(*library, "giraffe"), Names{"1"});
  edit([&](Catalog& c) { return c.describe(id, ""); });
  EXPECT_EQ(found(*library, "giraffe"), Names{});
  fs::rename(one, pictures() / "renamed elk.tiff");
  add_all(*library);
  EXPECT_EQ(found(*library, "elk"), Names{"renamed elk"});
  fs::remove(two);
  add_all(*library);
  EXPECT_EQ(found(*library, "second"), Names{});
  expect_clean(*library);
}

TEST_F(WordsTest, WithoutItsModelAStageIsLeftOutAndSaysSo) {
  fs::remove_all(root_ / "models" / "meaning");
  fs::remove_all(root_ / "models" / "reader");
  add_picture(1, "Grumpy Cat.tiff");
  const auto library = opened();
  add_all(*library);
  labeller_ = "";
  const WordsSummary summary = learn(*library);
  ASSERT_EQ(summary.left_out.size(), 3U);
  EXPECT_NE(summary.left_out[0].find("no model is called \"reader\""), std::string::npos);
  EXPECT_EQ(found(*library, "grumpy"), Names{"Grumpy Cat"});
  EXPECT_EQ(*embed_texts(*library, 0), 0);
}

TEST_F(WordsTest, AModelThatDoesNotOpenLeavesItsStageOutAndTheOthersGoOn) {
  const std::string path = add_meme(1, "one does not simply");
  labels_ = [](std::span<const float>) { return "penguin"; };
  broken_ = {"reader"};
  {
    const auto library = opened();
    add_all(*library);
    const WordsSummary summary = learn(*library);
    ASSERT_EQ(summary.left_out.size(), 1U);
    EXPECT_NE(summary.left_out[0].find("the words in pictures are not read: damaged"),
              std::string::npos)
        << summary.left_out[0];
    EXPECT_EQ(summary.described, 1);
    EXPECT_EQ(found(*library, "penguin"), Names{"1"});
  }
  broken_ = {"meaning"};
  const auto library = opened();
  EXPECT_EQ(learn(*library).read, 1);
  EXPECT_EQ(found(*library, "simply"), Names{"1"}) << "by its letters";
  ASSERT_TRUE(library->catalog().describe(id_of(*library, path), "a boromir"));
  EXPECT_EQ(*embed_texts(*library, 0), 0);
  EXPECT_EQ(found(*library, "boromir"), Names{"1"});
}

TEST_F(WordsTest, DamageInsideTheTextIndexCostsNothing) {
  ONLY_IN_A_FOLDER();
  for (int i = 0; i < 20; ++i) add_meme(i, "one does not simply " + std::to_string(i));
  {
    const auto library = opened();
    add_all(*library);
    learn(*library);
  }
  const auto path = root_ / "library" / "index" / "text.db";
  const auto pages = static_cast<int>(fs::file_size(path) / 4096);
  for (int page = 1; page < pages; page += 3) {
    {
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(page * 4096);
      file << std::string(4096, '\xff');
    }
    const auto library = opened(Library::Access::kWrite);
    const ImageId id = id_of(*library, pictures() / "7.tiff");
    ASSERT_TRUE(library->catalog().describe(id, "page " + std::to_string(page)));
    ASSERT_TRUE(embed_texts(*library, 0)) << page;
    const auto report = check(*library, {});
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->problems, Names{}) << page;
    EXPECT_EQ(found(*library, "\"page " + std::to_string(page) + "\""), Names{"7"}) << page;
    EXPECT_EQ(found(*library, "\"simply 3\"").front(), "3") << page;
  }
}

TEST_F(WordsTest, AnOlderCatalogPutBackIsNotSearchedWithNewerIndexes) {
  ONLY_IN_A_FILE();
  add_meme(1, "first");
  const fs::path catalog = root_ / "library" / "catalog.duckdb";
  {
    const auto library = opened();
    add_all(*library);
    learn(*library);
  }
  fs::copy_file(catalog, root_ / "backup");
  {
    const auto library = opened();
    ASSERT_TRUE(library->catalog().describe(1, "zebra"));
    ASSERT_TRUE(embed_texts(*library, 0));
    EXPECT_EQ(found(*library, "zebra"), Names{"1"});
  }
  fs::copy_file(root_ / "backup", catalog, fs::copy_options::overwrite_existing);
  const auto library = opened(Library::Access::kRead);
  EXPECT_EQ(found(*library, "zebra"), Names{});
  EXPECT_EQ(found(*library, "first"), Names{"1"});
}

TEST_F(WordsTest, EveryExclusionHoldsAndTheLimitComesAfterTheLeastSimilarity) {
  add_meme(1, "kitten");
  add_meme(2, "kitty of a long tale which goes on and on beyond what anybody reads");
  const auto library = opened();
  add_all(*library);
  learn(*library);
  std::string query = "-w1 -w2 -w3 -w4 -w5 -w6 -w7 -w8 -w9 -w10 -w11 -w12 -w13 -w14 -w15 -w16";
  EXPECT_EQ(found(*library, query + " -kitten type:tiff"), Names{"2"});
  EXPECT_EQ(found(*library, query + " -kitten tale"), Names{"2"});
  const auto search = WordSearch::open(*library);
  const auto parsed = parse_query("kitty zebra giraffe");
  const auto all = (*search)->search(*parsed, {.min_coverage = 0});
  ASSERT_EQ(all->size(), 2U);
  ASSERT_LT((*all)[0].similarity, (*all)[1].similarity) << "the letters rank first";
  const auto hits = (*search)->search(
      *parsed, {.limit = 1, .min_similarity = (*all)[1].similarity, .min_coverage = 0});
  ASSERT_EQ(hits->size(), 1U);
  EXPECT_EQ((*hits)[0].id, (*all)[1].id);
}

TEST_F(WordsTest, AnIndexThatIsLostOrDamagedIsMadeAgain) {
  ONLY_IN_A_FOLDER();
  add_meme(1, "one does not simply");
  {
    const auto library = opened();
    add_all(*library);
    learn(*library);
  }
  const auto index = root_ / "library" / "index";
  fs::remove_all(index);
  EXPECT_EQ(found(*opened(Library::Access::kRead), "simply"), Names{"1"}) << "lost";
  std::ofstream(index / "text.db") << "no database";
  std::ofstream(index / "meaning.bin") << "no index";
  EXPECT_EQ(found(*opened(Library::Access::kRead), "simply"), Names{"1"}) << "damaged";
  {
    // Wrong, but whole: only check can tell.
    const auto text = TextIndex::open(index / "text.db");
    ASSERT_TRUE(text);
    const TextDocument wrong{
        .id = 1, .ocr = "wrong", .description = {}, .category = {}, .name = {}};
    ASSERT_TRUE((*text)->upsert({&wrong, 1}, *(*text)->seq()));
  }
  const auto library = opened(Library::Access::kWrite);
  EXPECT_EQ(found(*library, "wrong"), Names{"1"});
  const auto report = check(*library, {});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->repaired, Names{"the text index differed from the catalog: made again"});
  EXPECT_EQ(found(*library, "simply"), Names{"1"});
  expect_clean(*library);
}

}  // namespace
}  // namespace mimeme
