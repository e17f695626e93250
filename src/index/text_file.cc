#include "index/text_file.h"

#include <map>
#include <string_view>
#include <utility>

#include "base/mutex.h"
#include "core/spelling.h"
#include "index/sqlite.h"
#include "index/tokenizer.h"

namespace mimeme {
namespace {

using sqlite::Connection;
using sqlite::integer_of;
using sqlite::Row;
using sqlite::Transaction;

constexpr int64_t kApplication = 0x6D696D65;  // "mime"
constexpr int64_t kVersion = 1;

// docs/format.md says what these are.
constexpr std::string_view kSchema[] = {
    "CREATE TABLE state (seq INTEGER NOT NULL, docs INTEGER NOT NULL, unmerged INTEGER NOT NULL)",
    "INSERT INTO state VALUES (0, 0, 0)",
    "CREATE TABLE docs (id INTEGER PRIMARY KEY, ocr TEXT, description TEXT, category TEXT, name "
    "TEXT)",
    // As index/tokenizer.h.
    "CREATE VIRTUAL TABLE texts USING fts5 (ocr, description, category, name, content = '', "
    "tokenize = 'porter unicode61 remove_diacritics 2')",
    "CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE, stem TEXT NOT NULL, "
    "canonical TEXT NOT NULL, docs INTEGER NOT NULL)",
    "CREATE INDEX words_stem ON words (stem)",
    "CREATE INDEX words_canonical ON words (canonical)",
    "CREATE TABLE forms (form TEXT NOT NULL, word INTEGER NOT NULL, PRIMARY KEY (form, word)) "
    "WITHOUT ROWID",
    "CREATE VIRTUAL TABLE parts USING fts5 (canonical, content = '', tokenize = 'trigram')",
    "INSERT INTO texts (texts, rank) VALUES ('automerge', 2)",
    "INSERT INTO parts (parts, rank) VALUES ('automerge', 2)",
};
constexpr sqlite::Format kFormat{"text index", kApplication, kVersion, kSchema};

// ---- writing

Result<std::optional<TextDocument>> document(Connection& db, ImageId id) {
  std::optional<TextDocument> found;
  TRY(db.run("SELECT ocr, description, category, name FROM docs WHERE id = ?", {id},
             [&](const Row& row) {
               found = {.id = id,
                        .ocr = row.text(0),
                        .description = row.text(1),
                        .category = row.text(2),
                        .name = row.text(3)};
             }));
  return found;
}

Result<> add_word(Connection& db, const std::string& word, const std::string& stem) {
  const std::string form = canonical(word);
  TRY(db.run("INSERT INTO words (word, stem, canonical, docs) VALUES (?, ?, ?, 1)",
             {word, stem, form}));
  const int64_t id = db.last_id();
  if (!is_fuzzy(form)) return {};
  for (const std::string& less : one_letter_less(form))
    TRY(db.run("INSERT INTO forms VALUES (?, ?)", {less, id}));
  return db.run("INSERT INTO parts (rowid, canonical) VALUES (?, ?)", {id, form});
}

// Puts the document's words into the full-text index and the vocabulary, or takes them out.
enum class Change { kAdd, kTakeOut };

Result<> change_words(Connection& db, const TextDocument& doc, Change change,
                      const TextStore::Tokenize& tokenize) {
  TRY(db.run(change == Change::kAdd
                 ? "INSERT INTO texts (rowid, ocr, description, category, name) "
                   "VALUES (?, ?, ?, ?, ?)"
                 : "INSERT INTO texts (texts, rowid, ocr, description, category, name) "
                   "VALUES ('delete', ?, ?, ?, ?, ?)",
             {doc.id, searched_text(doc.ocr), searched_text(doc.description),
              searched_text(doc.category), searched_text(doc.name)}));
  std::map<std::string, std::string> stems;  // by word
  for (auto& field : TRY(tokenize(doc)))
    for (TextToken& token : field) stems.emplace(std::move(token.word), std::move(token.stem));
  for (const auto& [word, stem] : stems) {
    TRY(db.run("UPDATE words SET docs = docs + ? WHERE word = ?",
               {int64_t{change == Change::kAdd ? 1 : -1}, word}));
    if (db.changes() == 0) TRY(add_word(db, word, stem));
  }
  return {};
}

// How many there were: 0 or 1.
Result<int64_t> forget(Connection& db, ImageId id, const TextStore::Tokenize& tokenize) {
  const auto old = TRY(document(db, id));
  if (!old) return 0;
  TRY(change_words(db, *old, Change::kTakeOut, tokenize));
  TRY(db.run("DELETE FROM docs WHERE id = ?", {id}));
  return 1;
}

// FTS5 keeps what each transaction writes in a part of its own, and merges them by and by. One part
// is twice as fast to search, so from time to time they are merged at once; doing that after
// changes of half the documents costs no more than a few writes of the whole.
Result<> commit(Connection& db, Transaction& transaction, int64_t more_docs, int64_t changes,
                int64_t seq) {
  TRY(db.run("UPDATE state SET docs = docs + ?, unmerged = unmerged + ?, seq = ?",
             {more_docs, changes, seq}));
  if (TRY(integer_of(db, "SELECT unmerged * 2 > docs FROM state")) != 0) {
    TRY(db.run("INSERT INTO texts (texts) VALUES ('optimize')"));
    TRY(db.run("INSERT INTO parts (parts) VALUES ('optimize')"));
    TRY(db.run("UPDATE state SET unmerged = 0"));
  }
  return transaction.commit();
}

// ---- reading

// A string of FTS5's query language: its words, one after the other. Nothing in it is syntax.
std::string quoted(std::string_view words) {
  std::string out = "\"";
  for (const char c : words) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

// In that language.
std::string match_of(const TextExpression& expression) {
  using Kind = TextExpression::Kind;
  if (expression.kind == Kind::kWords) return quoted(expression.words);
  const char* const between = expression.kind == Kind::kAll   ? " AND "
                              : expression.kind == Kind::kAny ? " OR "
                                                              : " NOT ";
  std::string out;
  for (const TextExpression& part : expression.parts)
    (out += out.empty() ? "(" : between) += match_of(part);
  return out + ')';
}

class FileReader : public TextReader {
 public:
  explicit FileReader(Connection& db) : db_(db) {}

  Result<int64_t> count() override { return integer_of(db_, "SELECT docs FROM state"); }

  Result<std::vector<int64_t>> docs_with(std::span<const std::string> stems) override {
    std::vector<int64_t> docs;
    for (const std::string& stem : stems)
      TRY(db_.run("SELECT sum(docs) FROM words WHERE stem = ?", {stem},
                  [&](const Row& row) { docs.push_back(row.integer(0)); }));
    return docs;
  }

  Result<std::vector<std::vector<VocabularyWord>>> look_up(Likeness likeness,
                                                           std::span<const std::string> texts,
                                                           int64_t limit) override {
    std::vector<std::vector<VocabularyWord>> found(texts.size());
    for (size_t i = 0; i < texts.size(); ++i)
      TRY(db_.run(
          sql_of(likeness), {likeness == Likeness::kPart ? quoted(texts[i]) : texts[i], limit},
          [&](const Row& row) {
            found[i].push_back({.word = row.text(0), .stem = row.text(1), .docs = row.integer(2)});
          }));
    return found;
  }

  Result<std::vector<ImageId>> newest(const TextExpression& expression, int64_t limit,
                                      const Filter& filter) override {
    return ids(
        "SELECT rowid FROM texts WHERE texts MATCH ?1 AND wanted(rowid) ORDER BY rowid DESC "
        "LIMIT ?2",
        {match_of(expression), limit}, filter);
  }

  Result<std::vector<ImageId>> best(const TextExpression& expression,
                                    const std::array<double, kTextFields>& weights, int64_t among,
                                    int64_t limit, const Filter& filter) override {
    return ids(
        "SELECT id FROM (SELECT rowid AS id, bm25(texts, ?4, ?5, ?6, ?7) AS rank FROM texts "
        "WHERE texts MATCH ?1 AND wanted(rowid) ORDER BY rowid DESC LIMIT ?3) ORDER BY rank LIMIT "
        "?2",
        {match_of(expression), limit, among, weights[0], weights[1], weights[2], weights[3]},
        filter);
  }

  Result<std::vector<TextDocument>> documents(std::span<const ImageId> ids) override {
    std::vector<TextDocument> found;
    for (const ImageId id : ids)
      if (auto one = TRY(document(db_, id))) found.push_back(*std::move(one));
    return found;
  }

 private:
  static std::string_view sql_of(Likeness likeness) {
    switch (likeness) {
      case Likeness::kPrefix:
        return "SELECT word, stem, docs FROM words WHERE word >= ?1 AND word < ?1 || '\xFF' "
               "AND docs > 0 ORDER BY docs DESC, word LIMIT ?2";
      case Likeness::kForm:
        return "SELECT word, stem, docs FROM words WHERE canonical = ?1 AND docs > 0 "
               "ORDER BY docs DESC, word LIMIT ?2";
      case Likeness::kNear:
        return "SELECT word, stem, docs FROM words WHERE id IN (SELECT id FROM words "
               "WHERE canonical = ?1 UNION ALL SELECT word FROM forms WHERE form = ?1) "
               "AND docs > 0 ORDER BY docs DESC, word LIMIT ?2";
      case Likeness::kPart:
        break;
    }
    return "SELECT w.word, w.stem, w.docs FROM parts p JOIN words w ON w.id = p.rowid "
           "WHERE parts MATCH ?1 AND w.docs > 0 ORDER BY w.docs DESC, w.word LIMIT ?2";
  }

  Result<std::vector<ImageId>> ids(std::string_view sql,
                                   std::initializer_list<sqlite::Value> values,
                                   const Filter& filter) {
    std::vector<ImageId> found;
    db_.set_filter(filter);
    const auto done =
        db_.run(sql, values, [&](const Row& row) { found.push_back(row.integer(0)); });
    db_.set_filter(nullptr);
    if (!done) return done.error();
    return found;
  }

  Connection& db_;
};

class TextFile : public TextStore {
 public:
  explicit TextFile(std::unique_ptr<sqlite::Database> database) : database_(std::move(database)) {}

  Result<int64_t> seq() override { return integer("SELECT seq FROM state"); }
  Result<int64_t> count() override { return integer("SELECT docs FROM state"); }

  Result<> verify() override {
    auto db = TRY(database_->lease());
    TRY(db->quick_check());
    for (const char* const table : {"texts", "parts"}) {
      const auto checked = db->run("INSERT INTO " + std::string(table) + " (" + table +
                                   ") VALUES ('integrity-check')");
      if (!checked) return Error{ErrorCode::kCorrupt, checked.error().message};
    }
    return {};
  }

  Result<std::optional<TextDocument>> row(ImageId id) override {
    auto db = TRY(database_->lease());
    return document(*db, id);
  }

  Result<> read(const std::function<Result<>(TextReader&)>& f) override {
    auto db = TRY(database_->lease());
    auto transaction = TRY(Transaction::begin(*db, "BEGIN"));
    FileReader reader(*db);
    TRY(f(reader));
    return transaction.commit();
  }

  Result<> change(std::span<const ImageId> out, std::span<const TextDocument> in, int64_t seq,
                  const Tokenize& tokenize) override {
    Lock lock(write_mu_);
    auto db = TRY(database_->lease());
    auto transaction = TRY(Transaction::begin(*db, "BEGIN IMMEDIATE"));
    int64_t gone = 0;
    for (const ImageId id : out) gone += TRY(forget(*db, id, tokenize));
    int64_t replaced = 0;
    for (const TextDocument& doc : in) {
      replaced += TRY(forget(*db, doc.id, tokenize));
      TRY(db->run("INSERT INTO docs VALUES (?, ?, ?, ?, ?)",
                  {doc.id, doc.ocr, doc.description, doc.category, doc.name}));
      TRY(change_words(*db, doc, Change::kAdd, tokenize));
    }
    const auto put = static_cast<int64_t>(in.size());
    return commit(*db, transaction, put - replaced - gone, put + gone, seq);
  }

  Result<int64_t> integer(std::string_view sql) const {
    auto db = TRY(database_->lease());
    return integer_of(*db, sql);
  }

 private:
  const std::unique_ptr<sqlite::Database> database_;
  Mutex write_mu_;  // one change at a time
};

}  // namespace

Result<std::unique_ptr<TextStore>> create_text_file(const std::string& path) {
  return std::unique_ptr<TextStore>(
      std::make_unique<TextFile>(TRY(sqlite::Database::create(path, kFormat))));
}

Result<std::unique_ptr<TextStore>> open_text_file(const std::string& path) {
  auto file = std::make_unique<TextFile>(TRY(sqlite::Database::open(path, kFormat)));
  if (TRY(file->integer("SELECT count(*) FROM state")) != 1)
    return Error{ErrorCode::kCorrupt, path + ": not a text index of this version"};
  return std::unique_ptr<TextStore>(std::move(file));
}

}  // namespace mimeme
