#include "index/text_search.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <unordered_set>
#include <utility>

#include "index/spelling.h"
#include "index/text_match.h"

namespace mimeme {
namespace {

using sqlite::Connection;
using sqlite::Row;
using sqlite::Token;

constexpr size_t kMaxWords = 16;  // more than anybody remembers; keeps the work bounded
constexpr int kMaxJoined = 4;     // words that text recognition may have run together
constexpr size_t kMinPrefix = 3, kMinFuzzy = 4;  // letters; shorter ones would be in every word
constexpr int64_t kMaxAlternatives = 12;         // of a kind for a word: the commonest
constexpr int64_t kMaxTornDocs = 2000;  // a half of a torn word that is in more would cost too much
constexpr int64_t kMaxRanked = 4000;    // documents that FTS5 computes BM25 for: some ms

// A string of FTS5's query language: its words, one after the other. Nothing in it is syntax.
std::string quoted(std::string_view words) {
  std::string out = "\"";
  for (const char c : words) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

std::string joined(std::span<const std::string> parts, std::string_view separator) {
  std::string out;
  for (const std::string& part : parts) (out += out.empty() ? "" : separator) += part;
  return out;
}

// In FTS5's language: one of the terms, the words of each one after the other. Empty if they have
// no word.
Result<std::string> any_of(Connection& db, std::span<const TextTerm> terms) {
  std::vector<std::string> phrases;
  for (const TextTerm& term : terms) {
    std::vector<std::string> words;
    for (Token& token : TRY(db.tokenize(searched_text(term.text))))
      words.push_back(std::move(token.word));
    if (!words.empty()) phrases.push_back(quoted(joined(words, " ")));
  }
  return joined(phrases, " OR ");
}

struct VocabularyWord {
  std::string word, stem;
  int64_t docs = 0;
};

class Search {
 public:
  Search(Connection& db, const TextSearchOptions& options)
      : db_(db),
        options_(options),
        pool_(std::clamp<size_t>(4 * static_cast<size_t>(options.limit), 100, 1000)) {}

  Result<std::vector<TextHit>> run(const TextQuery& query) {
    TRY(read(query));
    if (words_.empty()) return std::vector<TextHit>();
    TRY(expand());
    TRY(find_candidates());
    return rank();
  }

 private:
  // The words to find and to exclude.
  Result<> read(const TextQuery& query) {
    std::vector<TextTerm> excluded;
    for (const TextTerm& term : query.terms) {
      if (term.is_excluded) {
        excluded.push_back(term);
        continue;
      }
      const int first = static_cast<int>(words_.size());
      for (Token& token : TRY(db_.tokenize(searched_text(term.text)))) {
        if (words_.size() == kMaxWords) break;
        pattern_.words.push_back(token.word);
        words_.push_back(std::move(token));
      }
      const int last = static_cast<int>(words_.size());
      if (term.is_phrase && first < last) pattern_.phrases.emplace_back(first, last);
    }
    excluded_ = TRY(any_of(db_, excluded));
    return {};
  }

  Result<> expand() {
    const int words = static_cast<int>(words_.size());
    groups_.resize(words_.size());
    docs_.resize(words_.size());
    for (int first = 0; first < words; ++first) {
      std::string text;
      for (int last = first + 1; last <= std::min(words, first + kMaxJoined); ++last) {
        text += words_[static_cast<size_t>(last - 1)].word;
        TRY(expand(first, last, text));
      }
    }
    int64_t all = 0;
    TRY(db_.run("SELECT docs FROM state", {}, [&](const Row& row) { all = row.integer(0); }));
    for (const auto& by_kind : docs_) {
      const auto* const best =
          std::find_if(by_kind.begin(), by_kind.end(), [](int64_t docs) { return docs > 0; });
      const double docs = best == by_kind.end() ? 0 : static_cast<double>(std::min(*best, all));
      pattern_.idf.push_back(std::log(1 + (static_cast<double>(all) - docs + 0.5) / (docs + 0.5)));
    }
    return {};
  }

  // What words first..last-1, written as one `text`, may look like.
  Result<> expand(int first, int last, const std::string& text) {
    const auto offer = [&](const VocabularyWord& found, MatchKind kind) {
      auto& known = pattern_.alternatives[found.stem];
      if (std::any_of(known.begin(), known.end(),
                      [&](const Alternative& a) { return a.first == first && a.last == last; }))
        return;
      known.push_back({first, last, kind});
      for (auto i = static_cast<size_t>(first); i < static_cast<size_t>(last); ++i) {
        groups_[i].push_back(quoted(found.word));
        docs_[i][static_cast<size_t>(kind)] += found.docs;
      }
    };
    const bool is_one = last - first == 1;
    if (is_one) {
      VocabularyWord self{text, words_[static_cast<size_t>(first)].stem};
      TRY(db_.run("SELECT sum(docs) FROM words WHERE stem = ?", {self.stem},
                  [&](const Row& row) { self.docs = row.integer(0); }));
      offer(self, MatchKind::kExact);
    }
    const std::string form = canonical(text);
    const size_t letters = letter_starts(form).size() - 1;
    if (letters > kMaxFuzzyLetters) return {};

    for (const auto& found : TRY(by_form(form))) offer(found, MatchKind::kConfused);
    if (letters >= kMinPrefix)
      for (const auto& found : TRY(vocabulary("SELECT word, stem, docs FROM words WHERE word >= ?1 "
                                              "AND word < ?1 || '\xF4\x8F\xBF\xBF' "
                                              "AND docs > 0 ORDER BY docs DESC LIMIT ?2",
                                              text)))
        offer(found, MatchKind::kPrefix);

    if (is_one && letters + 1 >= kMinFuzzy) {
      TRY(find_typos(form, offer));
      // "prnit" is no "pmit".
      if (const std::string plain = canonical(text, Pairs::kKeep); plain != form)
        TRY(find_typos(plain, offer));
    }
    if (letters < kMinFuzzy) return {};
    const auto starts = letter_starts(form);
    for (size_t i = 1; i < letters; ++i) {
      const auto left = TRY(by_form(form.substr(0, starts[i])));
      if (left.empty()) continue;
      const auto right = TRY(by_form(form.substr(starts[i])));
      if (right.empty() || std::max(left[0].docs, right[0].docs) > kMaxTornDocs) continue;
      offer({.word = left[0].word + ' ' + right[0].word,
             .stem = left[0].stem + ' ' + right[0].stem,
             .docs = 0},
            MatchKind::kConfused);
    }

    for (const auto& found :
         TRY(vocabulary("SELECT w.word, w.stem, w.docs FROM parts p JOIN words w ON w.id = p.rowid "
                        "WHERE parts MATCH ?1 AND w.docs > 0 ORDER BY w.docs DESC LIMIT ?2",
                        quoted(form))))
      offer(found, MatchKind::kPart);
    return {};
  }

  template <typename Offer>
  Result<> find_typos(const std::string& form, const Offer& offer) {
    const auto letters = [](std::string_view word) { return letter_starts(word).size() - 1; };
    std::vector<std::string> forms = one_letter_less(form);
    forms.push_back(form);
    for (const std::string& less : forms)
      for (const auto& found : TRY(vocabulary(
               "SELECT word, stem, docs FROM words WHERE canonical = ?1 AND docs > 0 "
               "UNION ALL SELECT w.word, w.stem, w.docs FROM forms f JOIN words w ON w.id = f.word "
               "WHERE f.form = ?1 AND w.docs > 0 LIMIT ?2",
               less))) {
        const std::string other = canonical(found.word);
        if (std::max(letters(form), letters(other)) >= kMinFuzzy && within_one_edit(other, form))
          offer(found, MatchKind::kTypo);
      }
    return {};
  }

  Result<std::vector<VocabularyWord>> by_form(std::string_view form) {
    return vocabulary(
        "SELECT word, stem, docs FROM words WHERE canonical = ?1 AND docs > 0 "
        "ORDER BY docs DESC LIMIT ?2",
        form);
  }

  Result<std::vector<VocabularyWord>> vocabulary(std::string_view sql, std::string_view text) {
    std::vector<VocabularyWord> found;
    TRY(db_.run(sql, {text, kMaxAlternatives}, [&](const Row& row) {
      found.push_back({.word = row.text(0), .stem = row.text(1), .docs = row.integer(2)});
    }));
    return found;
  }

  // From the best documents to those that have but one of the words, until there are enough.
  Result<> find_candidates() {
    std::vector<std::string> exact, any;
    for (int i = 0; i < static_cast<int>(words_.size());) {
      int last = i + 1;
      for (const auto& phrase : pattern_.phrases)
        if (phrase.first == i) last = phrase.second;
      exact.push_back(quoted(words_from(i, last)));
      i = last;
    }
    for (const auto& group : groups_) any.push_back("(" + joined(group, " OR ") + ")");

    if (words_.size() > 1) TRY(add_newest(quoted(words_from(0, static_cast<int>(words_.size())))));
    TRY(add_ranked(joined(exact, " AND ")));
    TRY(add_newest(joined(any, " AND ")));
    if (!pattern_.phrases.empty()) {
      std::vector<std::string> wanted;
      for (const auto& [first, last] : pattern_.phrases)
        for (int i = first; i < last; ++i) wanted.push_back(any[static_cast<size_t>(i)]);
      return add_newest(joined(wanted, " AND "));
    }
    std::vector<std::string> pairs;
    for (size_t i = 0; i + 1 < exact.size(); ++i)
      pairs.push_back("(" + exact[i] + " AND " + exact[i + 1] + ")");
    if (pairs.size() > 1) TRY(add_newest(joined(pairs, " OR ")));
    std::vector<size_t> rarest(any.size());
    std::iota(rarest.begin(), rarest.end(), size_t{0});
    std::sort(rarest.begin(), rarest.end(), [&](size_t a, size_t b) {
      return std::pair(-pattern_.idf[a], a) < std::pair(-pattern_.idf[b], b);
    });
    if (any.size() > 1)
      for (const size_t i : rarest) TRY(add_newest(any[i]));
    return {};
  }

  std::string words_from(int first, int last) const {
    return joined(std::span(pattern_.words)
                      .subspan(static_cast<size_t>(first), static_cast<size_t>(last - first)),
                  " ");
  }

  Result<> add_newest(const std::string& expression) {
    return add(
        "SELECT rowid FROM texts WHERE texts MATCH ?1 AND wanted(rowid) ORDER BY rowid DESC "
        "LIMIT ?2",
        expression, {});
  }

  Result<> add_ranked(const std::string& expression) {
    return add(
        "SELECT id FROM (SELECT rowid AS id, bm25(texts, ?4, ?5, ?6, ?7) AS rank FROM texts "
        "WHERE texts MATCH ?1 AND wanted(rowid) ORDER BY rowid DESC LIMIT ?3) ORDER BY rank LIMIT "
        "?2",
        expression, options_.weights);
  }

  Result<> add(std::string_view sql, const std::string& expression,
               const std::array<double, kTextFields>& weights) {
    if (candidates_.size() >= pool_) return {};
    std::string whole = "(" + expression + ")";
    if (!excluded_.empty()) whole += " NOT (" + excluded_ + ")";
    const auto on_row = [&](const Row& row) {
      if (seen_.insert(row.integer(0)).second) candidates_.push_back(row.integer(0));
    };
    const auto limit = static_cast<int64_t>(pool_);
    if (sql.find("?3") == std::string_view::npos) return db_.run(sql, {whole, limit}, on_row);
    return db_.run(sql, {whole, limit, kMaxRanked, weights[0], weights[1], weights[2], weights[3]},
                   on_row);
  }

  Result<std::vector<TextHit>> rank() {
    std::vector<TextHit> hits;
    for (const ImageId id : candidates_) {
      std::array<std::string, kTextFields> texts;
      TRY(db_.run("SELECT ocr, description, category, name FROM docs WHERE id = ?", {id},
                  [&](const Row& row) {
                    for (size_t f = 0; f < kTextFields; ++f)
                      texts[f] = row.text(static_cast<int>(f));
                  }));
      std::array<std::vector<Token>, kTextFields> fields;
      for (size_t f = 0; f < kTextFields; ++f)
        fields[f] = TRY(db_.tokenize(searched_text(texts[f])));
      auto hit = match(pattern_, fields, options_.weights);
      if (!hit) continue;
      hit->id = id;
      hits.push_back(*std::move(hit));
    }
    std::sort(hits.begin(), hits.end(), [](const TextHit& a, const TextHit& b) {
      return a.score != b.score ? a.score > b.score : a.id < b.id;
    });
    if (hits.size() > static_cast<size_t>(options_.limit))
      hits.resize(static_cast<size_t>(options_.limit));
    return hits;
  }

  Connection& db_;
  const TextSearchOptions& options_;
  const size_t pool_;  // candidates that are enough

  std::vector<Token> words_;
  std::string excluded_;                          // in FTS5's language; empty: nothing
  std::vector<std::vector<std::string>> groups_;  // of each word, its alternatives in that language
  std::vector<std::array<int64_t, kMatchKinds>> docs_;  // of each word, by kind
  TextPattern pattern_;
  std::vector<ImageId> candidates_;
  std::unordered_set<ImageId> seen_;
};

}  // namespace

std::string searched_text(std::string_view field) {
  return without_bars(field.substr(0, kMaxFieldBytes));
}

Result<std::vector<ImageId>> find_containing(Connection& db, std::span<const TextTerm> terms) {
  std::vector<ImageId> ids;
  const std::string expression = TRY(any_of(db, terms));
  if (expression.empty()) return ids;
  TRY(db.run("SELECT rowid FROM texts WHERE texts MATCH ? ORDER BY rowid", {expression},
             [&](const Row& row) { ids.push_back(row.integer(0)); }));
  return ids;
}

Result<std::vector<TextHit>> search_text(Connection& db, const TextQuery& query,
                                         const TextSearchOptions& options) {
  if (options.limit <= 0) return std::vector<TextHit>();
  return Search(db, options).run(query);
}

}  // namespace mimeme
