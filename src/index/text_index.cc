#include "index/text_index.h"

#include <map>
#include <utility>

#include "index/spelling.h"
#include "index/sqlite.h"
#include "index/text_search.h"

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

// Puts the document's words into the full-text index and the vocabulary, or takes them out.
enum class Change { kAdd, kTakeOut };

Result<> add_word(Connection& db, const std::string& word, const std::string& stem) {
  const std::string form = canonical(word);
  TRY(db.run("INSERT INTO words (word, stem, canonical, docs) VALUES (?, ?, ?, 1)",
             {word, stem, form}));
  const int64_t id = db.last_id();
  const size_t letters = letter_starts(form).size() - 1;
  if (letters < 4 || letters > kMaxFuzzyLetters) return {};
  for (const std::string& less : one_letter_less(form))
    TRY(db.run("INSERT INTO forms VALUES (?, ?)", {less, id}));
  return db.run("INSERT INTO parts (rowid, canonical) VALUES (?, ?)", {id, form});
}

Result<> change_words(Connection& db, const TextDocument& doc, Change change) {
  std::array<std::string, kTextFields> texts;
  std::map<std::string, std::string> stems;  // by word
  const std::string* const fields[] = {&doc.ocr, &doc.description, &doc.category, &doc.name};
  for (size_t f = 0; f < kTextFields; ++f) {
    texts[f] = searched_text(*fields[f]);
    for (auto& token : TRY(db.tokenize(texts[f])))
      stems.emplace(std::move(token.word), std::move(token.stem));
  }
  TRY(db.run(change == Change::kAdd
                 ? "INSERT INTO texts (rowid, ocr, description, category, name) "
                   "VALUES (?, ?, ?, ?, ?)"
                 : "INSERT INTO texts (texts, rowid, ocr, description, category, name) "
                   "VALUES ('delete', ?, ?, ?, ?, ?)",
             {doc.id, texts[0], texts[1], texts[2], texts[3]}));
  for (const auto& [word, stem] : stems) {
    TRY(db.run("UPDATE words SET docs = docs + ? WHERE word = ?",
               {int64_t{change == Change::kAdd ? 1 : -1}, word}));
    if (db.changes() == 0) TRY(add_word(db, word, stem));
  }
  return {};
}

// How many there were: 0 or 1.
Result<int64_t> forget(Connection& db, ImageId id) {
  const auto old = TRY(document(db, id));
  if (!old) return 0;
  TRY(change_words(db, *old, Change::kTakeOut));
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

}  // namespace

TextIndex::TextIndex(std::unique_ptr<sqlite::Database> database) : database_(std::move(database)) {}
TextIndex::~TextIndex() = default;

Result<std::unique_ptr<TextIndex>> TextIndex::create(const std::string& path) {
  auto database = TRY(sqlite::Database::create(path, kFormat));
  return std::unique_ptr<TextIndex>(new TextIndex(std::move(database)));
}

Result<std::unique_ptr<TextIndex>> TextIndex::open(const std::string& path) {
  auto database = TRY(sqlite::Database::open(path, kFormat));
  std::unique_ptr<TextIndex> index(new TextIndex(std::move(database)));
  if (TRY(index->integer("SELECT count(*) FROM state")) != 1)
    return Error{ErrorCode::kCorrupt, path + ": not a text index of this version"};
  return index;
}

Result<int64_t> TextIndex::integer(std::string_view sql) const {
  auto db = TRY(database_->lease());
  return integer_of(*db, sql);
}

Result<int64_t> TextIndex::seq() const { return integer("SELECT seq FROM state"); }
Result<int64_t> TextIndex::count() const { return integer("SELECT docs FROM state"); }

Result<> TextIndex::verify() const {
  auto db = TRY(database_->lease());
  TRY(db->quick_check());
  for (const char* const table : {"texts", "parts"}) {
    const auto checked = db->run("INSERT INTO " + std::string(table) + " (" + table +
                                 ") VALUES ('integrity-check')");
    if (!checked) return Error{ErrorCode::kCorrupt, checked.error().message};
  }
  return {};
}

Result<std::optional<TextDocument>> TextIndex::row(ImageId id) const {
  auto db = TRY(database_->lease());
  return document(*db, id);
}

Result<> TextIndex::upsert(std::span<const TextDocument> documents, int64_t seq) {
  Lock lock(write_mu_);
  auto db = TRY(database_->lease());
  auto transaction = TRY(Transaction::begin(*db, "BEGIN IMMEDIATE"));
  int64_t more = 0;
  for (const TextDocument& doc : documents) {
    more += 1 - TRY(forget(*db, doc.id));
    TRY(db->run("INSERT INTO docs VALUES (?, ?, ?, ?, ?)",
                {doc.id, doc.ocr, doc.description, doc.category, doc.name}));
    TRY(change_words(*db, doc, Change::kAdd));
  }
  return commit(*db, transaction, more, static_cast<int64_t>(documents.size()), seq);
}

Result<> TextIndex::remove(std::span<const ImageId> ids, int64_t seq) {
  Lock lock(write_mu_);
  auto db = TRY(database_->lease());
  auto transaction = TRY(Transaction::begin(*db, "BEGIN IMMEDIATE"));
  int64_t gone = 0;
  for (const ImageId id : ids) gone += TRY(forget(*db, id));
  return commit(*db, transaction, -gone, gone, seq);
}

Result<std::vector<TextHit>> TextIndex::search(const TextQuery& query,
                                               const TextSearchOptions& options) const {
  auto db = TRY(database_->lease());
  db->set_filter(options.filter);
  auto transaction = TRY(Transaction::begin(*db, "BEGIN"));
  auto hits = TRY(search_text(*db, query, options));
  TRY(transaction.commit());
  return hits;
}

Result<std::vector<ImageId>> TextIndex::containing(std::span<const TextTerm> terms) const {
  auto db = TRY(database_->lease());
  return find_containing(*db, terms);
}

}  // namespace mimeme
