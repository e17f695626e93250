#include "store/text_tables.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "core/sha256.h"
#include "core/spelling.h"

namespace mimeme {
namespace {

constexpr int64_t kFormat = 1;  // of the tables; the state says which they have

// What a tsvector can hold (https://www.postgresql.org/docs/15/textsearch-limitations.html).
constexpr size_t kMaxPlace = 16382;
constexpr size_t kMaxPlaces = 255;  // of a word

constexpr size_t kMaxLexeme = 100;  // bytes; a tsquery has 1 MiB for all of its words
constexpr int64_t kPage = 4000;     // of ids that a filter is asked for

// ---- text as the server has it

// Words and documents are any bytes. to_utf8() leaves characters of its own private plane alone,
// which names made of such file names have, and from_utf8() would take them for bytes: so here each
// of their bytes goes the way of bytes that are no text. Then from_utf8() gives back what was
// there.
std::string escaped(std::string_view text) {
  std::string out;
  for (;;) {
    const size_t at = std::min(text.find("\xF4\x8F"), text.size());
    out += text.substr(0, at);
    if (at == text.size()) return out;
    const std::string_view found = text.substr(at, 4);
    const bool is_private =
        found.size() == 4 && (found[2] & 0xFC) == 0xBC && continues_character(found[3]);
    const size_t n = is_private ? 4 : 2;
    for (const char c : found.substr(0, n))
      out += is_private ? to_utf8({&c, 1}) : std::string(1, c);
    text.remove_prefix(at + n);
  }
}

std::vector<std::string> escaped(std::span<const std::string> texts) {
  std::vector<std::string> out;
  for (const std::string& text : texts) out.push_back(escaped(text));
  return out;
}

// A stem in the language of tsvectors and tsqueries; in place of a long one its hash.
std::string lexeme_of(std::string_view stem) {
  std::string text = to_utf8(escaped(stem));
  if (text.size() > kMaxLexeme) text = to_hex(sha256(text.data(), text.size()));
  std::string out = "'";
  for (const char c : text) out += c == '\'' || c == '\\' ? std::string(2, c) : std::string(1, c);
  return out + '\'';
}

struct WordVector {
  std::string text;      // a tsvector, as it is written
  bool is_long = false;  // it does not have the places of all words
};

// Fields are labelled A to D, and a place apart, so that nothing follows across them.
WordVector vector_of(const TextWords& words) {
  struct OfStem {
    std::string text;
    size_t count = 0;
  };
  std::map<std::string_view, OfStem> places;
  WordVector vector;
  size_t at = 0;
  for (size_t field = 0; field < kTextFields; ++field, ++at)
    for (const TextToken& token : words[field]) {
      OfStem& of_stem = places[token.stem];
      if (++at > kMaxPlace || of_stem.count == kMaxPlaces) {
        vector.is_long = true;
        continue;
      }
      (of_stem.text += of_stem.count++ == 0 ? ":" : ",") += std::to_string(at);
      of_stem.text += static_cast<char>('A' + field);
    }
  for (const auto& [stem, of_stem] : places) (vector.text += lexeme_of(stem)) += of_stem.text + ' ';
  return vector;
}

// (a) or (a & b) and so on; as a tree that is not deep, for the server goes down it.
std::string joined(std::span<const std::string> parts, const char* between) {
  if (parts.size() == 1) return parts[0];
  const size_t half = parts.size() / 2;
  return '(' + joined(parts.first(half), between) + between + joined(parts.subspan(half), between) +
         ')';
}

std::vector<std::string> lexemes_of(std::string_view stems) {
  std::vector<std::string> lexemes;
  for (size_t at = 0; at <= stems.size();) {
    const size_t end = std::min(stems.find(' ', at), stems.size());
    lexemes.push_back(lexeme_of(stems.substr(at, end - at)));
    at = end + 1;
  }
  return lexemes;
}

// What is surely unwanted in a document that lacks places. Empty: nothing.
std::string surely(const TextExpression& expression) {
  using Kind = TextExpression::Kind;
  if (expression.kind == Kind::kWords)
    return expression.stems.find(' ') == std::string::npos ? lexeme_of(expression.stems) : "";
  if (expression.kind != Kind::kAny) return "";
  std::vector<std::string> parts;
  for (const TextExpression& part : expression.parts)
    if (std::string query = surely(part); !query.empty()) parts.push_back(std::move(query));
  return parts.empty() ? "" : joined(parts, " | ");
}

// A tsquery; for documents that lack places, it finds those that may be as the expression says.
enum class Places { kAll, kSome };
std::string query_of(const TextExpression& expression, Places places) {
  using Kind = TextExpression::Kind;
  const auto part = [&](size_t i) { return query_of(expression.parts[i], places); };
  switch (expression.kind) {
    case Kind::kWords: {
      const auto lexemes = lexemes_of(expression.stems);
      if (places == Places::kSome) return joined(lexemes, " & ");
      std::string query;
      for (const std::string& lexeme : lexemes) (query += query.empty() ? "(" : " <-> ") += lexeme;
      return query + ')';
    }
    case Kind::kWithout: {
      const std::string unwanted = places == Places::kAll ? part(1) : surely(expression.parts[1]);
      return unwanted.empty() ? part(0) : '(' + part(0) + " & !" + unwanted + ')';
    }
    case Kind::kAll:
    case Kind::kAny:
      break;
  }
  std::vector<std::string> parts;
  for (size_t i = 0; i < expression.parts.size(); ++i) parts.push_back(part(i));
  return joined(parts, expression.kind == Kind::kAll ? " & " : " | ");
}

// ---- reading

Error another_version() {
  return {ErrorCode::kConflict, "another version of mimeme has made the full-text index anew"};
}

struct State {
  int64_t seq = 0, docs = 0;
};
Result<State> state_of(sql::Connection& c) {
  auto rows = TRY(c.query("SELECT seq, docs FROM search_text_state WHERE format = ?", {kFormat}));
  if (!rows.next()) return another_version();
  return State{.seq = rows.integer(0), .docs = rows.integer(1)};
}

TextDocument document_of(const sql::Rows& rows) {
  return {.id = rows.integer(0),
          .ocr = rows.text(1),
          .description = rows.text(2),
          .category = rows.text(3),
          .name = rows.text(4)};
}

// Which words are like t.text.
std::string condition(Likeness likeness) {
  const std::string from = "SELECT word, stem, docs FROM search_words WHERE docs > 0 AND ";
  switch (likeness) {
    case Likeness::kPrefix:
      return from +
             "left(word, 100) >= left(t.text, 100) AND left(word, 100) < left(t.text, 100) || "
             "chr(1114111) AND starts_with(word, t.text)";
    case Likeness::kForm:
      return from + "canonical = t.text";
    case Likeness::kNear:
      // OFFSET: what the server knows of the forms makes it read all words else.
      return from +
             "canonical = t.text UNION ALL SELECT w.* FROM search_forms AS f CROSS JOIN LATERAL (" +
             from + "id = f.word OFFSET 0) AS w WHERE f.form = t.text";
    case Likeness::kPart:
      break;
  }
  return from + "is_fuzzy AND canonical LIKE t.text";
}

std::string like(std::string_view part) {
  std::string pattern = "%";
  for (const char c : part) {
    if (c == '%' || c == '_' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern + '%';
}

class TablesReader : public TextReader {
 public:
  explicit TablesReader(sql::Connection& connection) : connection_(connection) {}

  Result<int64_t> count() override { return TRY(state_of(connection_)).docs; }

  Result<std::vector<int64_t>> docs_with(std::span<const std::string> stems) override {
    auto rows = TRY(connection_.query(
        "SELECT (SELECT coalesce(sum(docs), 0)::BIGINT FROM search_words WHERE stem = t.text) "
        "FROM unnest(?::VARCHAR[]) WITH ORDINALITY AS t(text, n) ORDER BY n",
        {escaped(stems)}));
    std::vector<int64_t> docs;
    while (rows.next()) docs.push_back(rows.integer(0));
    return docs;
  }

  Result<std::vector<std::vector<VocabularyWord>>> look_up(Likeness likeness,
                                                           std::span<const std::string> texts,
                                                           int64_t limit) override {
    std::vector<std::string> asked = escaped(texts);
    if (likeness == Likeness::kPart)
      for (std::string& text : asked) text = like(text);
    auto rows = TRY(connection_.query(
        "SELECT t.n, w.word, w.stem, w.docs FROM unnest(?::VARCHAR[]) WITH ORDINALITY "
        "AS t(text, n) CROSS JOIN LATERAL (" +
            condition(likeness) +
            " ORDER BY docs DESC, word LIMIT ?) AS w ORDER BY t.n, w.docs DESC, w.word",
        {asked, limit}));
    std::vector<std::vector<VocabularyWord>> found(texts.size());
    while (rows.next())
      found[static_cast<size_t>(rows.integer(0) - 1)].push_back(
          {.word = rows.text(1), .stem = rows.text(2), .docs = rows.integer(3)});
    return found;
  }

  Result<std::vector<ImageId>> newest(const TextExpression& expression, int64_t limit,
                                      const Filter& filter) override {
    // In documents with the places of all words, and of some. By id + 0: in the order of its index
    // the server would be tempted to go through all documents. SELECT: else it reads the text of
    // the query for each of them.
    const std::string query = query_of(expression, Places::kAll);
    const std::string loose = query_of(expression, Places::kSome);
    int64_t size = filter ? std::max(limit, kPage) : limit;
    std::vector<ImageId> found;
    for (ImageId before = std::numeric_limits<ImageId>::max();;) {
      const auto page = TRY(read_ids(connection_,
                                     "SELECT id FROM search_docs WHERE id + 0 < ? AND (words @@ "
                                     "(SELECT ?::TEXT::tsquery) OR is_long AND words @@ "
                                     "(SELECT ?::TEXT::tsquery)) "
                                     "ORDER BY id + 0 DESC LIMIT ?",
                                     {before, query, loose, size}));
      for (const ImageId id : page) {
        if (!filter || filter(id)) found.push_back(id);
        if (std::ssize(found) == limit) return found;
      }
      if (std::ssize(page) < size) return found;
      before = page.back();
      size *= 8;  // the server reads all that match for each page
    }
  }

  Result<std::vector<ImageId>> best(const TextExpression& expression,
                                    const std::array<double, kTextFields>& weights, int64_t among,
                                    int64_t limit, const Filter& filter) override {
    auto ids = TRY(newest(expression, among, filter));
    if (std::ssize(ids) <= limit) return ids;
    // ts_rank() takes weights of 0 to 1, that of D first.
    const double most = *std::max_element(weights.begin(), weights.end());
    std::vector<int64_t> thousandths;
    for (const double weight : weights)
      thousandths.insert(thousandths.begin(), std::lround(1000 * std::max(weight / most, 0.0)));
    return read_ids(connection_,
                    "SELECT id FROM search_docs WHERE id = ANY(?::BIGINT[]) ORDER BY ts_rank("
                    "(SELECT array_agg(w / 1000.0 ORDER BY n)::REAL[] "
                    "FROM unnest(?::BIGINT[]) WITH ORDINALITY AS u(w, n)), "
                    "words, (SELECT ?::TEXT::tsquery)) DESC, id DESC LIMIT ?",
                    {ids, thousandths, query_of(expression, Places::kAll), limit});
  }

  Result<std::vector<TextDocument>> documents(std::span<const ImageId> ids) override {
    // Characters, of which none is less than a byte.
    const std::string most = ", " + std::to_string(kSearchedBytes) + ")";
    auto rows = TRY(connection_.query("SELECT id, left(ocr" + most + ", left(description" + most +
                                          ", left(category" + most + ", left(name" + most +
                                          " FROM search_docs WHERE id = ANY(?::BIGINT[])",
                                      {ids}));
    std::vector<TextDocument> found;
    while (rows.next()) found.push_back(document_of(rows));
    return found;
  }

 private:
  sql::Connection& connection_;
};

// ---- writing

// Of documents that are put in.
struct Batch {
  std::vector<int64_t> ids, is_long;
  std::vector<std::string> ocr, description, category, name, vectors;
  // Each word once, with the number of documents that have it.
  std::vector<std::string> words, stems, forms;
  std::vector<int64_t> is_fuzzy, docs;
  std::unordered_map<std::string, size_t> number_of;
  // The vocabulary of each document: of ids, of words.
  std::vector<int64_t> had_by;
  std::vector<size_t> had;

  void add(const TextDocument& document, const TextWords& tokens) {
    WordVector vector = vector_of(tokens);
    ids.push_back(document.id);
    is_long.push_back(vector.is_long ? 1 : 0);
    vectors.push_back(std::move(vector.text));
    ocr.push_back(escaped(document.ocr));
    description.push_back(escaped(document.description));
    category.push_back(escaped(document.category));
    name.push_back(escaped(document.name));
    std::unordered_set<size_t> own;
    for (const auto& field : tokens)
      for (const TextToken& token : field) {
        const auto [known, is_new] = number_of.try_emplace(token.word, words.size());
        if (is_new) {
          const std::string form = canonical(token.word);
          words.push_back(escaped(token.word));
          stems.push_back(escaped(token.stem));
          forms.push_back(escaped(form));
          is_fuzzy.push_back(mimeme::is_fuzzy(form) ? 1 : 0);
          docs.push_back(0);
        }
        if (!own.insert(known->second).second) continue;
        ++docs[known->second];
        had_by.push_back(document.id);
        had.push_back(known->second);
      }
  }
};

// Returns how many there were.
Result<int64_t> take_out(sql::Connection& c, std::span<const ImageId> ids) {
  return c.integer(
      "WITH gone AS (DELETE FROM search_docs WHERE id = ANY(?::BIGINT[]) RETURNING vocabulary), "
      "fewer AS (UPDATE search_words SET docs = docs - n FROM (SELECT word AS had, count(*) AS n "
      "FROM gone, unnest(vocabulary) AS word GROUP BY word) AS gone_words WHERE id = had) "
      "SELECT count(*) FROM gone",
      {ids});
}

// Counts the words, new ones too. Their ids.
Result<std::vector<int64_t>> count_words(sql::Connection& c, const Batch& batch) {
  auto rows = TRY(c.query(
      "INSERT INTO search_words (word, stem, canonical, is_fuzzy, docs) "
      "SELECT word, stem, form, fuzzy = 1, n FROM unnest(?::VARCHAR[], ?::VARCHAR[], ?::VARCHAR[], "
      "?::BIGINT[], ?::BIGINT[]) AS new(word, stem, form, fuzzy, n) ON CONFLICT (md5(word)) "
      "DO UPDATE SET docs = search_words.docs + excluded.docs "
      "RETURNING id, word, (xmax = 0)::INT::BIGINT",
      {batch.words, batch.stems, batch.forms, batch.is_fuzzy, batch.docs}));
  std::vector<int64_t> ids(batch.words.size()), words;
  std::vector<std::string> forms;
  while (rows.next()) {
    const std::string word = rows.text(1);
    ids[batch.number_of.at(word)] = rows.integer(0);
    const std::string form = canonical(word);
    if (rows.integer(2) == 0 || !is_fuzzy(form)) continue;
    for (const std::string& less : one_letter_less(form)) {
      forms.push_back(escaped(less));
      words.push_back(rows.integer(0));
    }
  }
  if (!forms.empty())
    TRY(c.run("INSERT INTO search_forms SELECT * FROM unnest(?::VARCHAR[], ?::BIGINT[])",
              {forms, words}));
  return ids;
}

Result<> put_in(sql::Connection& c, const Batch& batch) {
  if (batch.ids.empty()) return {};
  const auto ids = TRY(count_words(c, batch));
  std::vector<int64_t> had;
  for (const size_t number : batch.had) had.push_back(ids[number]);
  TRY(
      c.run("INSERT INTO search_docs SELECT id, ocr, description, category, name, "
            "coalesce(vocabulary, '{}'), long = 1, words::tsvector "
            "FROM unnest(?::BIGINT[], ?::VARCHAR[], ?::VARCHAR[], ?::VARCHAR[], ?::VARCHAR[], "
            "?::BIGINT[], ?::VARCHAR[]) AS new(id, ocr, description, category, name, long, words) "
            "LEFT JOIN (SELECT id, array_agg(word) AS vocabulary "
            "FROM unnest(?::BIGINT[], ?::BIGINT[]) AS had(id, word) GROUP BY id) AS own USING (id)",
            {batch.ids, batch.ocr, batch.description, batch.category, batch.name, batch.is_long,
             batch.vectors, batch.had_by, had}));
  return {};
}

class TextTables : public TextStore {
 public:
  explicit TextTables(Catalog::Impl& catalog) : catalog_(catalog) {}

  Result<int64_t> seq() override { return TRY(state()).seq; }
  Result<int64_t> count() override { return TRY(state()).docs; }

  Result<> verify() override {
    return catalog_.read([](sql::Connection& c) -> Result<> {
      const State state = TRY(state_of(c));
      if (TRY(c.integer("SELECT count(*) FROM search_docs")) != state.docs)
        return Error{ErrorCode::kCorrupt, "the full-text index has lost documents"};
      if (TRY(c.integer("SELECT count(*) FROM search_words FULL JOIN (SELECT word AS id, "
                        "count(*) AS n FROM search_docs, unnest(vocabulary) AS word GROUP BY word) "
                        "AS had USING (id) WHERE docs IS DISTINCT FROM coalesce(n, 0)")) != 0)
        return Error{ErrorCode::kCorrupt, "the full-text index has miscounted words"};
      return {};
    });
  }

  Result<std::optional<TextDocument>> row(ImageId id) override {
    return catalog_.read([&](sql::Connection& c) -> Result<std::optional<TextDocument>> {
      auto rows = TRY(c.query(
          "SELECT id, ocr, description, category, name FROM search_docs WHERE id = ?", {id}));
      if (!rows.next()) return std::optional<TextDocument>();
      return std::optional(document_of(rows));
    });
  }

  Result<> read(const std::function<Result<>(TextReader&)>& f) override {
    return catalog_.read([&](sql::Connection& c) {
      TablesReader reader(c);
      return f(reader);
    });
  }

  Result<> change(std::span<const ImageId> out, std::span<const TextDocument> in, int64_t seq,
                  const Tokenize& tokenize) override {
    TRY(catalog_.writable());
    std::vector<ImageId> gone(out.begin(), out.end());
    std::unordered_map<ImageId, const TextDocument*> last;  // of an id
    for (const TextDocument& document : in) last[document.id] = &document;
    Batch batch;
    for (const TextDocument& document : in) {
      if (last[document.id] != &document) continue;
      gone.push_back(document.id);
      batch.add(document, TRY(tokenize(document)));
    }
    return catalog_.run(sql::Mode::kQueue, [&](sql::Connection& c) -> Result<> {
      const int64_t format = kFormat, put = std::ssize(batch.ids);
      if (TRY(c.run("UPDATE search_text_state SET seq = ? WHERE format = ?", {seq, format})) == 0)
        return another_version();
      const int64_t were = gone.empty() ? 0 : TRY(take_out(c, gone));
      TRY(put_in(c, batch));
      if (put != were) TRY(c.run("UPDATE search_text_state SET docs = docs + ?", {put - were}));
      return {};
    });
  }

 private:
  Result<State> state() {
    return catalog_.read([](sql::Connection& c) { return state_of(c); });
  }

  Catalog::Impl& catalog_;
};

// ---- opening

// Of the tables; 0: there are none. Looked for in our own schema only: there may be others.
Result<int64_t> format_of(sql::Connection& c) {
  if (TRY(c.integer("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() "
                    "AND tablename = 'search_text_state'")) == 0)
    return 0;
  return c.integer("SELECT format FROM search_text_state");
}

// The schema that pg_trgm's names are in: one for all catalogs of the database.
Result<std::string> trigrams(sql::Connection& c) {
  if (auto made = c.run("CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public"); !made) {
    Error error = std::move(made).error();
    if (error.code != ErrorCode::kForbidden) return error;
    return Error{ErrorCode::kForbidden,
                 error.message + ": ask an administrator for CREATE EXTENSION pg_trgm"};
  }
  auto rows =
      TRY(c.query("SELECT quote_ident(nspname) FROM pg_extension "
                  "JOIN pg_namespace AS n ON n.oid = extnamespace WHERE extname = 'pg_trgm'"));
  return rows.next() ? rows.text(0) : std::string("public");
}

Result<> make_tables(sql::Connection& c) {
  const std::string trigrams_of = TRY(trigrams(c)) + ".gin_trgm_ops";
  const std::string statements[] = {
      "CREATE TABLE search_text_state(format BIGINT NOT NULL, seq BIGINT NOT NULL, "
      "docs BIGINT NOT NULL)",
      "INSERT INTO search_text_state VALUES (" + std::to_string(kFormat) + ", 0, 0)",
      "CREATE TABLE search_docs(id BIGINT PRIMARY KEY, ocr TEXT NOT NULL, "
      "description TEXT NOT NULL, category TEXT NOT NULL, name TEXT NOT NULL, "
      "vocabulary BIGINT[] NOT NULL, is_long BOOLEAN NOT NULL, words TSVECTOR NOT NULL)",
      // fastupdate: searches would read the list of what is new.
      "CREATE INDEX ON search_docs USING gin (words) WITH (fastupdate = off)",
      "CREATE INDEX ON search_docs (id) WHERE is_long",
      // Words are compared as bytes, whatever the database's locale is. A B-tree takes no long key.
      // Counts change all the time: room for that beside them.
      "CREATE TABLE search_words(id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
      "word TEXT COLLATE \"C\" NOT NULL, stem TEXT COLLATE \"C\" NOT NULL, "
      "canonical TEXT COLLATE \"C\" NOT NULL, is_fuzzy BOOLEAN NOT NULL, docs BIGINT NOT NULL) "
      "WITH (fillfactor = 70)",
      "CREATE UNIQUE INDEX ON search_words (md5(word))",
      "CREATE INDEX ON search_words (left(word, 100))",
      "CREATE INDEX ON search_words USING hash (stem)",
      "CREATE INDEX ON search_words USING hash (canonical)",
      "CREATE INDEX ON search_words USING gin (canonical " + trigrams_of +
          ") WITH (fastupdate = off) WHERE is_fuzzy",
      "CREATE TABLE search_forms(form TEXT COLLATE \"C\" NOT NULL, word BIGINT NOT NULL, "
      "PRIMARY KEY (form, word))",
  };
  for (const std::string& statement : statements) TRY(c.run(statement));
  return {};
}

}  // namespace

Result<std::unique_ptr<TextStore>> open_text_tables(Catalog::Impl& catalog) {
  if (catalog.database->dialect() == sql::Dialect::kDuckDb)
    return Error{ErrorCode::kUnsupported,
                 "a catalog in a file keeps no full-text index: index/text.db is it"};
  const std::string& name = catalog.database->name();
  const int64_t format = TRY(catalog.run(sql::Mode::kRead, format_of));
  if (format > kFormat)  // which the processes that made it go on with
    return Error{ErrorCode::kConflict,
                 name + ": its full-text index was made by a newer mimeme: update mimeme"};
  if (format != kFormat && catalog.access == Catalog::Access::kReadOnly) {
    if (format == 0) return Error{ErrorCode::kNotFound, name + ": there is no full-text index yet"};
    return Error{ErrorCode::kCorrupt, name + ": no full-text index of this version"};
  }
  if (format != kFormat)
    TRY(catalog.run(sql::Mode::kQueue, [](sql::Connection& c) -> Result<> {
      // So another process does not make them too.
      TRY(c.query("SELECT pg_advisory_xact_lock(" + sql::lock_of_schema(sql::kTextTablesLock) +
                  ')'));
      const int64_t found = TRY(format_of(c));
      if (found == kFormat) return {};
      if (found != 0)
        TRY(c.run("DROP TABLE search_text_state, search_docs, search_words, search_forms"));
      return make_tables(c);
    }));
  return std::unique_ptr<TextStore>(std::make_unique<TextTables>(catalog));
}

Result<std::unique_ptr<TextStore>> Catalog::text_store() { return open_text_tables(*impl_); }

Result<> Catalog::clear_text_store() {
  return impl_->run(sql::Mode::kQueue, [](sql::Connection& c) -> Result<> {
    TRY(c.run("SET LOCAL lock_timeout = '10s'"));  // not longer than for a moment's readers
    TRY(c.run("UPDATE search_text_state SET seq = 0, docs = 0"));
    TRY(c.run("TRUNCATE search_docs, search_words, search_forms"));
    return {};
  });
}

}  // namespace mimeme
