#include "index/text_index.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "base/must.h"
#include "core/spelling.h"

namespace mimeme {
namespace {

using Ids = std::vector<ImageId>;
using Documents = std::vector<TextDocument>;

class TextIndexTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() /
                 ("text_index_test." + std::to_string(getpid()) + "." +
                  testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string path() const { return directory_ / "text.db"; }

  std::unique_ptr<TextIndex> make(const Documents& documents) {
    auto index = must(TextIndex::create(path()));
    must(index->upsert(documents, 1));
    return index;
  }
  static std::vector<TextHit> find(const TextIndex& index, std::string_view text,
                                   const TextSearchOptions& options = {}) {
    return must(index.search(must(parse_query(text)), options));
  }
  static Ids ids(const TextIndex& index, std::string_view text,
                 const TextSearchOptions& options = {}) {
    Ids found;
    for (const TextHit& hit : find(index, text, options)) found.push_back(hit.id);
    return found;
  }

  std::filesystem::path directory_;
};

TEST_F(TextIndexTest, AWordIsFoundHoweverItWasTypedOrRead) {
  const struct {
    std::string_view query, text;
    MatchKind kind;
  } cases[] = {
      {"table", "on the TABLE", MatchKind::kExact},
      {"run", "he is running", MatchKind::kExact},
      {"cafe", "CAFÉ", MatchKind::kExact},
      {"dont", "I don't", MatchKind::kConfused},
      {"don't", "dont", MatchKind::kPrefix},
      {"straw", "strawberry", MatchKind::kPrefix},
      {"table", "tab1e", MatchKind::kConfused},
      {"this", "TH!S", MatchKind::kExact},
      {"modern", "MODEM", MatchKind::kConfused},
      {"wow", "VVOW", MatchKind::kConfused},
      {"table", "the tab le", MatchKind::kConfused},
      {"table", "tabel", MatchKind::kTypo},
      {"tablr", "table", MatchKind::kTypo},
      {"tble", "table", MatchKind::kTypo},
      {"noe", "note", MatchKind::kTypo},
      {"prnit", "print", MatchKind::kTypo},
      {"berry", "strawberry", MatchKind::kPart},
      {"table", "onthetab1e", MatchKind::kPart},
  };
  for (const auto& c : cases) {
    const auto index = make({{.id = 1, .ocr = std::string(c.text)}, {.id = 2, .ocr = "zzz"}});
    const auto hits = find(*index, c.query);
    ASSERT_EQ(hits.size(), 1U) << c.query << " / " << c.text;
    EXPECT_EQ(hits[0].matches[0].kind, c.kind) << c.query << " / " << c.text;
    EXPECT_GE(hits[0].score, 0.5) << c.query << " / " << c.text;
  }
}

TEST_F(TextIndexTest, WhatIsTooDifferentIsNotFound) {
  const auto index = make({{.id = 1, .ocr = "table cat strawberry"}});
  for (const std::string_view query :
       {"tbel", "cot", "ca", "at", "erry2x", "", "-cat", "\"\"", "!?"})
    EXPECT_EQ(ids(*index, query), Ids()) << query;
}

TEST_F(TextIndexTest, MissingAndAdditionalSpacesAreBridged) {
  const auto index = make({{.id = 1, .ocr = "onthe tab1e"},
                           {.id = 2, .ocr = "on th e table"},
                           {.id = 3, .ocr = "ONTHETABLE"},
                           {.id = 4, .ocr = "nothing like it"}});
  const auto hits = find(*index, "on the table");
  std::set<ImageId> whole;
  for (const TextHit& hit : hits)
    if (hit.score >= 0.5) whole.insert(hit.id);
  EXPECT_TRUE(whole.contains(1));
  EXPECT_TRUE(whole.contains(3));
  EXPECT_EQ(ids(*index, "\"on the table\""), (Ids{3, 1}));
}

TEST_F(TextIndexTest, BetterMatchesRankHigher) {
  const struct {
    std::string_view query;
    Documents documents;  // in the order in which they must come
  } cases[] = {
      {"lion",
       {{.id = 9, .ocr = "lion"},
        {.id = 3, .ocr = "lions"},
        {.id = 2, .ocr = "lionheart"},
        {.id = 4, .ocr = "1i0n"},
        {.id = 5, .ocr = "loin"},
        {.id = 1, .ocr = "sealion"}}},
      // all words before some, however often
      {"red fish",
       {{.id = 2, .ocr = "red it is and so is the big fish of them all"},
        {.id = 1, .ocr = "red red red red"}}},
      // one after the other, in order
      {"one does not",
       {{.id = 3, .ocr = "one does not"},
        {.id = 2, .ocr = "one does so not"},
        {.id = 1, .ocr = "not does one"}}},
      // the rarer word
      {"zebra cat",
       {{.id = 5, .ocr = "zebra x"},
        {.id = 1, .ocr = "cat x"},
        {.id = 2, .ocr = "cat y"},
        {.id = 3, .ocr = "cat z"}}},
      // category, caption, description, file name
      {"drake",
       {{.id = 4, .category = "drake"},
        {.id = 3, .ocr = "drake"},
        {.id = 2, .description = "drake"},
        {.id = 1, .name = "drake"}}},
      // a shorter text
      {"drake", {{.id = 2, .ocr = "drake no"}, {.id = 1, .ocr = "drake no no no no no no no"}}},
      {"drake", {{.id = 1, .ocr = "drake"}, {.id = 2, .ocr = "drake"}}},  // equal: by id
  };
  for (const auto& c : cases) {
    Ids wanted;
    for (const auto& document : c.documents) wanted.push_back(document.id);
    EXPECT_EQ(ids(*make(c.documents), c.query), wanted) << c.query;
  }
}

TEST_F(TextIndexTest, PhrasesMustStandAndExcludedWordsMustNot) {
  const auto index = make({{.id = 1, .ocr = "the grumpy cat", .description = "animal"},
                           {.id = 2, .ocr = "cat is grumpy"},
                           {.id = 3, .ocr = "GRUMPY", .description = "cat"},
                           {.id = 4, .ocr = "grurnpy cats"}});
  EXPECT_EQ(ids(*index, "\"grumpy cat\""), (Ids{1, 4}));
  EXPECT_EQ(ids(*index, "\"grumpy cat\" animal"), (Ids{1, 4}));
  EXPECT_EQ(ids(*index, "cat -\"grumpy cat\" -nothing"), (Ids{3, 2, 4}));
  EXPECT_EQ(ids(*index, "cat -grumpy"), Ids{4});
  EXPECT_EQ(ids(*index, "\"cat grumpy\""), Ids());
}

TEST_F(TextIndexTest, APhraseIsFoundAmongManyThatOnlyHaveItsWords) {
  Documents documents{{.id = 1, .ocr = "this is the grumpy cat of old, and it has a long caption"}};
  for (ImageId id = 2; id <= 1500; ++id) documents.push_back({.id = id, .ocr = "cat grumpy this"});
  const auto index = make(documents);
  EXPECT_EQ(ids(*index, "\"grumpy cat\""), Ids{1});
  EXPECT_EQ(ids(*index, "\"grumpy cat\" this"), Ids{1});
  EXPECT_EQ(ids(*index, "grumpy cat this", {.limit = 1}).size(), 1U);
  EXPECT_EQ(ids(*index, "grumpy cat", {.limit = 1}), Ids{1});
}

TEST_F(TextIndexTest, MatchesSayWhereInTheTextAsItWasGiven) {
  const std::string text = "Süß: TH!S is the tab1e";
  const auto index = make({{.id = 1, .ocr = text, .name = "table_1"}});
  const auto hits = find(*index, "this table");
  ASSERT_EQ(hits.size(), 1U);
  ASSERT_EQ(hits[0].matches.size(), 2U) << "poorer matches of a word only distract";
  EXPECT_EQ(text.substr(hits[0].matches[0].begin, 4), "TH!S");
  EXPECT_EQ(hits[0].matches[0].end, hits[0].matches[0].begin + 4);
  EXPECT_EQ(hits[0].matches[1], (TextMatch{TextField::kName, 0, 5, MatchKind::kExact}));
}

TEST_F(TextIndexTest, MatchesDoNotOverlap) {
  const auto index = make({{.id = 1, .ocr = "tab le tables table"}});
  const auto hits = find(*index, "tab table");
  ASSERT_EQ(hits.size(), 1U);
  EXPECT_EQ(hits[0].matches,
            (std::vector<TextMatch>{{TextField::kOcr, 0, 3, MatchKind::kExact},
                                    {TextField::kOcr, 7, 13, MatchKind::kExact},
                                    {TextField::kOcr, 14, 19, MatchKind::kExact}}));
  EXPECT_EQ(find(*make({{.id = 1, .ocr = "tab le"}}), "tab table")[0].matches,
            (std::vector<TextMatch>{{TextField::kOcr, 0, 6, MatchKind::kExact}}));
}

TEST_F(TextIndexTest, NoTextIsSyntax) {
  const auto index = make({{.id = 1, .ocr = "a OR b near col not and"}});
  for (const std::string_view query :
       {"OR", "NOT", "AND near", "NEAR(a b)", "col:near", "ocr:near", "near*", "^near", "near + a",
        "'; DROP TABLE docs; --", "\"a\" \"\"", "{ocr}:a", "-\"a* OR\" near", "%", "?1", "\\near"})
    EXPECT_TRUE(index->search(must(parse_query(query)))) << query;
  EXPECT_EQ(ids(*index, "near* ^col"), Ids{1});
  EXPECT_EQ(must(index->count()), 1);
}

TEST_F(TextIndexTest, HugeTextsAndQueriesAreBounded) {
  std::string words;
  for (int i = 0; i < 200'000; ++i) words += "word" + std::to_string(i) + ' ';
  const auto index = make({{.id = 1, .ocr = words, .description = std::string(1 << 20, 'x')},
                           {.id = 2, .ocr = std::string("\xff\xc3\0 \xf0 word7", 12)}});
  EXPECT_EQ(ids(*index, "word7").size(), 2U);
  EXPECT_EQ(ids(*index, "word199999 "), Ids()) << "beyond the first 16 KiB";
  EXPECT_EQ(must(index->row(1))->ocr, words);
  TextQuery query;
  for (int i = 0; i < 5000; ++i) {
    query.terms.push_back({.text = "word" + std::to_string(i)});
    query.terms.push_back(
        {.text = std::string(5000, 'y'), .is_phrase = false, .is_excluded = true});
  }
  EXPECT_EQ(must(index->search(query)).size(), 2U);
}

TEST_F(TextIndexTest, LimitAndFilterHold) {
  Documents documents;
  for (ImageId id = 1; id <= 300; ++id) documents.push_back({.id = id, .ocr = "same words"});
  const auto index = make(documents);
  EXPECT_EQ(ids(*index, "same", {.limit = 3}).size(), 3U);
  EXPECT_EQ(ids(*index, "same", {.limit = 0}), Ids());
  EXPECT_EQ(ids(*index, "same words", {.filter = [](ImageId id) { return id == 7; }}), Ids{7});
  EXPECT_EQ(ids(*index, "same", {.limit = 1000}).size(), 300U) << "the filter is forgotten";
}

TEST_F(TextIndexTest, UpsertReplacesRemoveForgetsAndTheStampGoesAlong) {
  auto index = make({{.id = 1, .ocr = "old words"}, {.id = 2, .ocr = "other"}});
  const TextDocument changed{
      .id = 1, .ocr = "new", .description = "d", .category = "c", .name = "\xffn"};
  must(index->upsert(Documents{changed, changed}, 5));
  must(index->remove(Ids{2, 99}, 6));
  index.reset();
  index = must(TextIndex::open(path()));
  EXPECT_EQ(must(index->seq()), 6);
  EXPECT_EQ(must(index->count()), 1);
  EXPECT_EQ(must(index->row(1)), changed);
  EXPECT_EQ(must(index->row(2)), std::nullopt);
  EXPECT_EQ(ids(*index, "old"), Ids());
  EXPECT_EQ(ids(*index, "othr"), Ids());
  EXPECT_EQ(ids(*index, "new"), Ids{1});
}

TEST_F(TextIndexTest, AForeignOrDamagedFileIsRefusedAndCanBeMadeAnew) {
  EXPECT_EQ(TextIndex::open(path()).error().code, ErrorCode::kNotFound);
  std::ofstream(path()) << "";
  EXPECT_EQ(TextIndex::open(path()).error().code, ErrorCode::kCorrupt);
  std::ofstream(path()) << std::string(10000, 'x');
  EXPECT_EQ(TextIndex::open(path()).error().code, ErrorCode::kCorrupt);
  make({{.id = 1, .ocr = "words"}}).reset();
  const auto size = std::filesystem::file_size(path());
  for (uintmax_t cut = size - 4096; cut > 0; cut -= 4096) {
    std::filesystem::resize_file(path(), cut);
    const auto index = TextIndex::open(path());
    ASSERT_FALSE(index) << cut;
    EXPECT_EQ(index.error().code, ErrorCode::kCorrupt) << index.error().message;
  }
  const auto index = must(TextIndex::create(path()));
  EXPECT_EQ(must(index->count()), 0);
  EXPECT_EQ(must(index->seq()), 0);
  EXPECT_EQ(TextIndex::create(path() + "/no/text.db").error().code, ErrorCode::kIo);
}

// What the index should find, by comparing every word of the query with every word of the
// documents. The words are made of syllables that Porter's stemmer leaves alone.
class Model {
 public:
  explicit Model(const std::map<ImageId, std::vector<std::string>>& documents)
      : documents_(documents) {}

  // By document: how many of the words it has.
  std::map<ImageId, size_t> find(const std::vector<std::string>& query) const {
    std::map<ImageId, size_t> found;
    for (const auto& [id, words] : documents_) {
      std::set<size_t> has;
      for (size_t first = 0; first < query.size(); ++first) {
        std::string text;
        for (size_t last = first; last < std::min(query.size(), first + 4); ++last) {
          text += query[last];
          if (!stands_in(words, text, first == last)) continue;
          for (size_t i = first; i <= last; ++i) has.insert(i);
        }
      }
      if (!has.empty()) found[id] = has.size();
    }
    return found;
  }

 private:
  static bool stands_in(const std::vector<std::string>& words, const std::string& text,
                        bool is_one) {
    const std::string form = canonical(text);
    for (size_t i = 0; i < words.size(); ++i) {
      const std::string other = canonical(words[i]);
      if (form == other || (text.size() >= 3 && words[i].starts_with(text))) return true;
      if (text.size() >= 4 && other.find(form) != std::string::npos) return true;
      if (is_one && std::max(text.size(), words[i].size()) >= 4 && text.size() >= 3 &&
          within_one_edit(form, other))
        return true;
      if (text.size() >= 4 && i + 1 < words.size() &&
          canonical(words[i]) + canonical(words[i + 1]) == form)
        return true;
    }
    return false;
  }

  const std::map<ImageId, std::vector<std::string>>& documents_;
};

TEST_F(TextIndexTest, AgreesWithAModelThatComparesEveryWord) {
  std::mt19937 random(3);
  const auto word = [&] {
    constexpr std::string_view kSyllables[] = {"ba", "ko", "mu", "ti", "0a", "fu"};
    std::string out;
    for (size_t n = 1 + random() % 3; n > 0; --n) out += kSyllables[random() % 6];
    return out;
  };
  for (int round = 0; round < 12; ++round) {
    const auto index = must(TextIndex::create(path()));
    std::map<ImageId, std::vector<std::string>> documents;
    const auto text_of = [](const std::vector<std::string>& words) {
      std::string text;
      for (const auto& one : words) text += one + ' ';
      return text;
    };
    for (int change = 0; change < 12; ++change) {
      const ImageId id = 1 + random() % 8;
      if (random() % 4 == 0) {
        must(index->remove(Ids{id}, change));
        documents.erase(id);
        continue;
      }
      auto& words = documents[id];
      words.clear();
      while (words.size() < 1 + random() % 4) words.push_back(word());
      must(index->upsert(Documents{{.id = id, .ocr = text_of(words)}}, change));
    }
    EXPECT_EQ(must(index->count()), static_cast<int64_t>(documents.size()));
    for (int q = 0; q < 30; ++q) {
      std::vector<std::string> query;
      for (size_t n = 1 + random() % 3; query.size() < n;) query.push_back(word());
      const auto hits = find(*index, text_of(query), {.limit = 100});
      std::set<ImageId> some, all, wanted_some, wanted_all;
      for (const TextHit& hit : hits) (hit.score >= 0.5 ? all : some).insert(hit.id);
      for (const auto& [id, words] : Model(documents).find(query))
        (words == query.size() ? wanted_all : wanted_some).insert(id);
      ASSERT_EQ(all, wanted_all) << text_of(query);
      ASSERT_EQ(some, wanted_some) << text_of(query);
    }
  }
}

// A child writes batches and says so; it is killed, and the file shows whole batches.
TEST_F(TextIndexTest, KillNineLeavesWholeChangesAndTheirStamp) {
  constexpr int kBatch = 5;
  for (const int acknowledgements : {0, 1, 5, 25}) {
    must(TextIndex::create(path())).reset();
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      close(ends[0]);
      auto index = must(TextIndex::open(path()));
      for (int n = 1;; ++n) {
        Documents batch;
        for (int i = 0; i < kBatch; ++i)
          batch.push_back({.id = n * kBatch + i,
                           .ocr = "batch" + std::to_string(n) + " document" + std::to_string(i)});
        must(index->upsert(batch, 2 * n - 1));
        must(index->remove(Ids{n * kBatch}, 2 * n));
        if (write(ends[1], "x", 1) != 1) _exit(1);
      }
    }
    close(ends[1]);
    char said;
    int acknowledged = 0;
    while (acknowledged < acknowledgements && read(ends[0], &said, 1) == 1) ++acknowledged;
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    while (read(ends[0], &said, 1) == 1) ++acknowledged;
    close(ends[0]);

    const auto index = must(TextIndex::open(path()));
    const int64_t seq = must(index->seq()), batches = (seq + 1) / 2;
    EXPECT_GE(seq, 2 * acknowledged);
    EXPECT_EQ(must(index->count()), batches * kBatch - seq / 2);
    for (int64_t n = 1; n <= batches; ++n) {
      const size_t left = kBatch - (2 * n <= seq ? 1 : 0);
      EXPECT_EQ(ids(*index, "\"batch" + std::to_string(n) + "\"").size(), left) << n;
    }
    EXPECT_EQ(must(index->row((batches + 1) * kBatch + 1)), std::nullopt);
    must(index->upsert(Documents{{.id = 1, .ocr = "goes on"}}, seq + 1));
    EXPECT_EQ(ids(*index, "goes on"), Ids{1});
  }
}

TEST_F(TextIndexTest, SearchesBesideWritesSeeWholeChanges) {
  const auto index = make({{.id = 1, .ocr = "left"}, {.id = 2, .ocr = "left"}});
  std::atomic<bool> is_done = false;
  std::vector<std::thread> readers;
  for (int t = 0; t < 3; ++t)
    readers.emplace_back([&] {
      while (!is_done) {
        const size_t left = ids(*index, "left").size();
        EXPECT_TRUE(left == 0 || left == 2) << left;
        EXPECT_EQ(must(index->count()), 2);
        EXPECT_TRUE(must(index->row(2)).has_value());
      }
    });
  for (int n = 0; n < 60; ++n) {
    const std::string text = n % 2 == 0 ? "right" : "left";
    must(index->upsert(Documents{{.id = 1, .ocr = text}, {.id = 2, .ocr = text}}, n + 2));
  }
  is_done = true;
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(must(index->seq()), 61);
}

}  // namespace
}  // namespace mimeme
