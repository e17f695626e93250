// The full-text index on a server finds what it finds in a file: the same documents, in the same
// order, with the same scores and places.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <memory>
#include <random>
#include <set>
#include <thread>

#include "base/must.h"
#include "index/text_index.h"
#include "store/catalog.h"
#include "store/sql.h"
#include "store/test_schema.h"

namespace mimeme {
namespace {

namespace fs = std::filesystem;

using Ids = std::vector<ImageId>;
using Documents = std::vector<TextDocument>;
using Strings = std::vector<std::string>;

// All that a search tells, to compare.
std::string told(const std::vector<TextHit>& hits) {
  std::string out;
  for (const TextHit& hit : hits) {
    char line[100];
    std::snprintf(line, sizeof line, "%lld %.6f %.6f", static_cast<long long>(hit.id), hit.score,
                  hit.coverage);
    out += line;
    for (const TextMatch& match : hit.matches)
      out += " " + std::to_string(static_cast<int>(match.field)) + ":" +
             std::to_string(match.begin) + "-" + std::to_string(match.end) + "/" +
             std::to_string(static_cast<int>(match.kind));
    out += '\n';
  }
  return out;
}

class TextStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!schema_.is_on_server()) GTEST_SKIP() << "of a full-text index on a server";
    directory_ = fs::temp_directory_path() / ("text_store_test." + std::to_string(getpid()));
    fs::create_directories(directory_);
    catalog_ = must(Catalog::open(schema_.address(), Catalog::Access::kReadWrite));
    tables_ = open();
    file_ = must(TextIndex::create(directory_ / "text.db"));
  }
  void TearDown() override {
    if (!directory_.empty()) fs::remove_all(directory_);
  }

  std::unique_ptr<TextIndex> open() const { return TextIndex::over(must(catalog_->text_store())); }
  // By SQL, beside the catalog.
  void run(const std::string& statement) const {
    const auto database =
        must(sql::Database::open(schema_.address(), sql::Database::Access::kReadWrite));
    EXPECT_TRUE(must(database->lease())->run(statement)) << statement;
  }

  // In both.
  void upsert(const Documents& documents) {
    ++seq_;
    must(file_->upsert(documents, seq_));
    must(tables_->upsert(documents, seq_));
  }
  void remove(const Ids& ids) {
    ++seq_;
    must(file_->remove(ids, seq_));
    must(tables_->remove(ids, seq_));
  }
  // Returns the hits, which both must have.
  std::vector<TextHit> find(const TextQuery& query, const TextSearchOptions& options = {}) const {
    const auto hits = must(tables_->search(query, options));
    EXPECT_EQ(told(hits), told(must(file_->search(query, options))));
    return hits;
  }
  Ids ids(const std::string& text, const TextSearchOptions& options = {}) const {
    SCOPED_TRACE(text);
    Ids found;
    for (const TextHit& hit : find(must(parse_query(text)), options)) found.push_back(hit.id);
    return found;
  }
  Ids containing(const Strings& terms) const {
    std::vector<TextTerm> all;
    for (const std::string& term : terms) all.push_back({.text = term});
    const Ids found = must(tables_->containing(all));
    EXPECT_EQ(found, must(file_->containing(all)));
    return found;
  }

  TestSchema schema_;
  fs::path directory_;
  std::unique_ptr<Catalog> catalog_;  // outlives the store
  std::unique_ptr<TextIndex> file_, tables_;
  int64_t seq_ = 0;
};

TEST_F(TextStoreTest, BothFindTheSameInTextsOfAllKinds) {
  upsert({{.id = 1, .ocr = "on the TABLE\nthe grumpy cat", .description = "an animal's table"},
          {.id = 2, .ocr = "tab1e tabel the tab le onthetab1e", .name = "table_1"},
          {.id = 3, .ocr = "I don't", .description = "dont", .category = "Drake"},
          {.id = 4, .ocr = "CAFÉ straw", .description = "strawberry field", .name = "IMG_0815"},
          {.id = 5, .ocr = "TH!S is MODEM VVOW", .category = "lionheart"}});
  upsert({{.id = 6, .ocr = "he is running, she runs; note the notes"},
          {.id = 7, .ocr = "lion lions lionheart 1i0n loin sealion", .category = "lion"},
          {.id = 8, .ocr = "red it is and so is the big fish", .description = "drake drake"},
          {.id = 9, .ocr = "grurnpy cats", .description = "cat is grumpy", .name = "grumpy cat"},
          {.id = 10, .ocr = "日本語 テスト ёлка ΑΘΗΝΑ ẞtraße", .description = "ﬁn İstanbul ﷽"},
          {.id = 11, .ocr = "100% a_b \\back 'quoted' \"twice\" a&b|c !d <-> e:*f"},
          {.id = 12, .ocr = "does one not", .description = "one does not", .name = "one"}});
  for (const char* const query : {"table",
                                  "the table",
                                  "on the table",
                                  "\"on the table\"",
                                  "tabel",
                                  "tablr",
                                  "tble",
                                  "ontable",
                                  "run",
                                  "running",
                                  "cafe",
                                  "dont",
                                  "don't",
                                  "straw",
                                  "berry",
                                  "straw berry",
                                  "this",
                                  "modern",
                                  "wow",
                                  "noe",
                                  "prnit",
                                  "lion",
                                  "lions",
                                  "1ion",
                                  "heart",
                                  "drake",
                                  "red fish",
                                  "fish -red",
                                  "\"grumpy cat\"",
                                  "cat -grumpy",
                                  "cat -\"grumpy cat\"",
                                  "grumpy -\"cat is\" -nothing",
                                  "\"cat grumpy\"",
                                  "one does not",
                                  "one does not simply walk into the table of a lion",
                                  "日本語",
                                  "テスト",
                                  "елка",
                                  "αθηνα",
                                  "strasse",
                                  "straße",
                                  "fin",
                                  "istanbul",
                                  "100%",
                                  "a_b",
                                  "a_",
                                  "back",
                                  "quoted",
                                  "twice",
                                  "a&b",
                                  "e:*f",
                                  "!d",
                                  "\\",
                                  "'",
                                  "0815",
                                  "img",
                                  "lionheart",
                                  "cat cat cat",
                                  "a",
                                  "",
                                  "-cat",
                                  "the -the"})
    ids(query);
  EXPECT_EQ(ids("\"grumpy cat\""), (Ids{9, 1}));
  EXPECT_EQ(containing({"grumpy cat", "fish"}), (Ids{1, 8, 9}));
  EXPECT_EQ(containing({"table animal", "le tables"}), Ids())
      << "in one field, one after the other";
  EXPECT_EQ(containing({"", "!?"}), Ids());
}

TEST_F(TextStoreTest, BothFindTheSameInRandomTextsThatChange) {
  std::mt19937 random(5);
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  const auto word = [&] {
    constexpr std::string_view kSyllables[] = {"ba", "ko", "mu", "ti",  "0a", "fu", "rn",
                                               "m",  "vv", "w",  "ing", "s",  "é",  "1l"};
    std::string out;
    for (size_t n = 1 + below(4); n > 0; --n) out += kSyllables[below(std::size(kSyllables))];
    return out;
  };
  Strings vocabulary;
  while (vocabulary.size() < 400) vocabulary.push_back(word());
  const auto text = [&](size_t most) {
    std::string out;
    // Few words are common.
    for (size_t n = below(most + 1); n > 0; --n)
      out += vocabulary[below(below(2) == 0 ? 20 : vocabulary.size())] + ' ';
    return out;
  };
  for (int round = 0; round < 8; ++round) {
    Documents documents;
    for (int i = 0; i < 60; ++i)
      documents.push_back({.id = static_cast<ImageId>(1 + below(250)),
                           .ocr = text(12),
                           .description = text(6),
                           .category = text(1),
                           .name = text(2)});
    upsert(documents);
    Ids gone;
    for (int i = 0; i < 10; ++i) gone.push_back(static_cast<ImageId>(1 + below(250)));
    remove(gone);
    EXPECT_EQ(must(tables_->count()), must(file_->count()));
    must(tables_->verify());
    for (int q = 0; q < 60; ++q) {
      std::string query;
      for (size_t n = 1 + below(4); n > 0; --n) {
        std::string one = below(4) == 0 ? word() : vocabulary[below(vocabulary.size())];
        if (below(4) == 0) one.erase(below(one.size()), 1);
        if (below(6) == 0) one = '"' + one + ' ' + vocabulary[below(20)] + '"';
        query += (below(8) == 0 ? "-" : "") + one + ' ';
      }
      if (!parse_query(query)) continue;
      ids(query, {.limit = 100});
      ids(query, {.limit = 100, .filter = [](ImageId id) { return id % 3 == 0; }});
    }
    for (int i = 0; i < 20; ++i)
      containing({vocabulary[below(20)] + ' ' + vocabulary[below(20)], word()});
  }
}

TEST_F(TextStoreTest, DocumentsComeBackAsTheyWereAndArePassedOverOrReplaced) {
  const TextDocument first{.id = 1, .ocr = "old words"};
  const TextDocument changed{
      .id = 1, .ocr = "new", .description = "d", .category = "c", .name = "\xffn"};
  upsert({first, {.id = 2, .ocr = "other words"}});
  upsert({first, changed});
  remove({2, 99});
  EXPECT_EQ(must(tables_->row(1)), changed);
  EXPECT_EQ(must(tables_->row(2)), std::nullopt);
  EXPECT_EQ(must(tables_->seq()), 3);
  EXPECT_EQ(must(tables_->count()), 1);
  EXPECT_EQ(ids("old"), Ids());
  EXPECT_EQ(ids("othr"), Ids());
  EXPECT_EQ(ids("new"), Ids{1});
  must(tables_->verify());
  must(tables_->upsert({}, 7));
  tables_ = open();
  EXPECT_EQ(must(tables_->seq()), 7);
  EXPECT_EQ(must(tables_->row(1)), changed);
}

TEST_F(TextStoreTest, NoDocumentIsTooMuch) {
  std::string many, same;
  for (int i = 0; i < 100'000; ++i) many += "word" + std::to_string(i) + ' ';
  for (int i = 0; i < 8000; ++i) same += i % 2 == 0 ? "a " : "b ";
  const Documents documents{
      {.id = 1, .ocr = many, .description = std::string(1 << 20, 'x'), .name = "last words"},
      {.id = 2, .ocr = std::string("\xff\xc3\0 \xf0 word7", 12), .name = std::string("n\0ul", 4)},
      // As names_of() writes a name in Latin-1.
      {.id = 3, .ocr = "caf\xE9 \xF4\x8F\xBF", .name = "caf\U0010FFE9 \U0010FFFF word7"},
      {.id = 4, .ocr = same, .description = same, .category = same, .name = same + "c d"},
      {.id = 5, .ocr = std::string(16384, 'y'), .description = std::string(300, 'y') + " z"},
      {.id = 6, .ocr = std::string(9000, '\0'), .description = std::string(9000, '\xff')},
      {.id = 7, .ocr = std::string(16383, ' ') + "\U0010FFE9", .description = "Ⱥ" + same},
      {.id = 8},
  };
  upsert(documents);
  for (const TextDocument& document : documents)
    EXPECT_EQ(must(tables_->row(document.id)), document) << document.id;
  EXPECT_EQ(ids("word7").size(), 3U);
  EXPECT_EQ(ids("\"c d\""), Ids{4}) << "beyond the places that the server keeps";
  EXPECT_EQ(ids("\"b a\"").size(), 2U);
  EXPECT_EQ(ids("a -\"d c\""), (Ids{4, 7}));
  EXPECT_EQ(ids("a -\"c d\""), Ids{7});
  for (const std::string& query :
       {std::string("word100"), std::string("word9999"), std::string("xxxx"), std::string("x"),
        std::string("café"), std::string("caf"), std::string("caf\xE9"),
        std::string("caf\U0010FFE9"), std::string("\U0010FFE9"), std::string("\U0010FFFF"),
        std::string(300, 'y'), std::string(299, 'y'), std::string(20, 'y'), std::string(16384, 'y'),
        std::string("z -") + std::string(300, 'y'), std::string("nul"), std::string("n"),
        std::string("last words"), std::string("ⱥ")})
    ids(query);
  EXPECT_EQ(ids("z -" + std::string(300, 'y')), Ids());

  TextQuery query;
  for (int i = 0; i < 5000; ++i) {
    query.terms.push_back({.text = "word" + std::to_string(i)});
    query.terms.push_back({.text = std::string(1000, 'y') + std::to_string(i),
                           .is_phrase = false,
                           .is_excluded = true});
  }
  EXPECT_EQ(find(query).size(), 3U);
  upsert({{.id = 1}, {.id = 4}, {.id = 5}});
  remove({2, 3, 6, 7});
  must(tables_->verify());
  EXPECT_EQ(ids("word7"), Ids());
}

TEST_F(TextStoreTest, NoTextIsSyntax) {
  upsert({{.id = 1, .ocr = "a OR b near col not and"}});
  for (const std::string query : {"OR",
                                  "NOT",
                                  "AND near",
                                  "NEAR(a b)",
                                  "col:near",
                                  "near:*",
                                  "near:A",
                                  "^near",
                                  "near & a",
                                  "'; DROP TABLE search_docs; --",
                                  "\"a\" \"\"",
                                  "{ocr}:a",
                                  "-\"a* OR\" near",
                                  "%",
                                  "?1",
                                  "$1",
                                  "\\near",
                                  "n_ar",
                                  "near <-> col",
                                  "near'b",
                                  "!near",
                                  "(near"})
    if (const auto parsed = parse_query(query); parsed.ok()) find(*parsed);
  EXPECT_EQ(ids("near* ^col"), Ids{1});
}

TEST_F(TextStoreTest, LimitAndFilterHoldAndTheNewestAreLookedAt) {
  Documents documents;
  for (ImageId id = 1; id <= 9000; ++id) documents.push_back({.id = id, .ocr = "same words"});
  must(tables_->upsert(documents, 1));
  const auto found = [&](const std::string& text, const TextSearchOptions& options) {
    Ids ids;
    for (const TextHit& hit : must(tables_->search(must(parse_query(text)), options)))
      ids.push_back(hit.id);
    return ids;
  };
  EXPECT_EQ(found("same", {.limit = 3}), (Ids{8901, 8902, 8903})) << "the best of the newest";
  EXPECT_EQ(found("same", {.limit = 0}), Ids());
  EXPECT_EQ(found("same words", {.filter = [](ImageId id) { return id == 7; }}), Ids{7});
  EXPECT_EQ(found("wrds", {.filter = [](ImageId id) { return id % 4500 == 0; }}),
            (Ids{4500, 9000}));
  EXPECT_EQ(must(tables_->containing({{{.text = "same words"}}})).size(), 9000U);
}

TEST_F(TextStoreTest, AChangeIsWholeOrNothing) {
  upsert({{.id = 1, .ocr = "first"}});
  run("ALTER TABLE search_docs ADD CHECK (ocr <> 'refused')");
  const Documents refused{{.id = 1, .ocr = "second"}, {.id = 2, .ocr = "refused"}};
  EXPECT_FALSE(tables_->upsert(refused, 9));
  EXPECT_EQ(must(tables_->seq()), 1);
  EXPECT_EQ(must(tables_->count()), 1);
  EXPECT_EQ(ids("first"), Ids{1});
  EXPECT_EQ(ids("second"), Ids());
  must(tables_->verify());
}

TEST_F(TextStoreTest, SearchesBesideWritesSeeWholeChanges) {
  upsert({{.id = 1, .ocr = "left"}, {.id = 2, .ocr = "left"}});
  std::atomic<bool> is_done = false;
  std::vector<std::thread> readers;
  for (int t = 0; t < 3; ++t)
    readers.emplace_back([&] {
      while (!is_done) {
        const size_t left = must(tables_->search(must(parse_query("left")))).size();
        EXPECT_TRUE(left == 0 || left == 2) << left;
        EXPECT_EQ(must(tables_->count()), 2);
      }
    });
  for (int n = 0; n < 60; ++n) {
    const std::string text = n % 2 == 0 ? "right" : "left";
    must(tables_->upsert({{{.id = 1, .ocr = text}, {.id = 2, .ocr = text}}}, n + 2));
  }
  is_done = true;
  for (auto& reader : readers) reader.join();
  must(tables_->verify());
}

TEST_F(TextStoreTest, WhoOnlyReadsMakesNothing) {
  run("DROP TABLE search_text_state, search_docs, search_words, search_forms");
  auto reading = must(Catalog::open(schema_.address(), Catalog::Access::kReadOnly));
  EXPECT_EQ(reading->text_store().error().code, ErrorCode::kNotFound);
  tables_ = open();
  upsert({{.id = 1, .ocr = "here"}});
  const auto index = TextIndex::over(must(reading->text_store()));
  EXPECT_EQ(must(index->search(must(parse_query("here")))).size(), 1U);
  EXPECT_EQ(index->remove(Ids{1}, 2).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(TextStoreTest, AnOlderVersionIsMadeAnewAndANewerOneLeftAlone) {
  upsert({{.id = 1, .ocr = "words"}});
  EXPECT_EQ(must(open()->count()), 1) << "the same is kept";
  run("UPDATE search_text_state SET format = 999");
  EXPECT_EQ(catalog_->text_store().error().code, ErrorCode::kConflict);
  run("UPDATE search_text_state SET format = -1");
  const auto another = [&](ErrorCode code) { EXPECT_EQ(code, ErrorCode::kConflict); };
  another(tables_->seq().error().code);
  another(tables_->upsert(Documents{{.id = 2}}, 2).error().code);
  another(tables_->search(must(parse_query("words"))).error().code);
  const auto reading = must(Catalog::open(schema_.address(), Catalog::Access::kReadOnly));
  EXPECT_EQ(reading->text_store().error().code, ErrorCode::kCorrupt);
  tables_ = open();
  EXPECT_EQ(must(tables_->seq()), 0);
  EXPECT_EQ(must(tables_->count()), 0);
  must(tables_->verify());
}

TEST_F(TextStoreTest, DamageIsToldOf) {
  upsert({{.id = 1, .ocr = "words"}, {.id = 2, .ocr = "words"}});
  run("UPDATE search_words SET docs = 1");
  EXPECT_EQ(tables_->verify().error().code, ErrorCode::kCorrupt);
  run("UPDATE search_words SET docs = 2");
  must(tables_->verify());
  run("DELETE FROM search_docs WHERE id = 2");
  EXPECT_EQ(tables_->verify().error().code, ErrorCode::kCorrupt);
}

TEST(TextStoreInAFile, IsTheIndexsOwn) {
  const auto catalog = must(Catalog::open(":memory:", Catalog::Access::kReadWrite));
  EXPECT_EQ(catalog->text_store().error().code, ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace mimeme
