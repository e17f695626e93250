#include "index/text_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "core/spelling.h"
#include "index/text_match.h"

namespace mimeme {
namespace {

using Kind = TextExpression::Kind;

constexpr size_t kMaxWords = 16;          // more than anybody remembers; keeps the work bounded
constexpr int kMaxJoined = 4;             // words that text recognition may have run together
constexpr size_t kMinPrefix = 3;          // letters; shorter ones would be in every word
constexpr int64_t kMaxAlternatives = 12;  // of a kind for a word: the commonest
constexpr int64_t kMaxTornDocs = 2000;  // a half of a torn word that is in more would cost too much
constexpr int64_t kMaxRanked = 4000;    // documents that the store ranks: some ms
constexpr size_t kMaxRead = 250;        // documents that are in memory at a time

size_t letters_of(std::string_view word) { return letter_starts(word).size() - 1; }

// The tokens first..last-1, one after the other.
TextExpression expression_of(std::span<const TextToken> tokens) {
  TextExpression expression;
  for (const TextToken& token : tokens) {
    const char* const between = expression.words.empty() ? "" : " ";
    (expression.words += between) += token.word;
    (expression.stems += between) += token.stem;
  }
  return expression;
}

// Terms, the words of each one after the other, in any of their forms.
class Phrases {
 public:
  static Result<Phrases> of(Tokenizer& tokenizer, std::span<const TextTerm> terms) {
    Phrases phrases;
    std::unordered_set<std::string> known;
    for (const TextTerm& term : terms) {
      auto tokens = TRY(tokenizer.tokenize(term.text));
      if (tokens.empty()) continue;
      auto expression = expression_of(tokens);
      if (!known.insert(expression.stems).second) continue;
      phrases.expressions_.push_back(std::move(expression));
      if (tokens.size() == 1) continue;
      std::string first = tokens[0].stem;
      phrases.long_[std::move(first)].push_back(std::move(tokens));
    }
    return phrases;
  }

  bool empty() const { return expressions_.empty(); }
  TextExpression any() const { return TextExpression::of(Kind::kAny, expressions_); }

  // Whether one of several words stands in a document; those of one word no store gets wrong.
  bool stand_in(const TextWords& words) const {
    if (long_.empty()) return false;
    return std::any_of(words.begin(), words.end(), [&](const std::vector<TextToken>& field) {
      for (auto at = field.begin(); at != field.end(); ++at) {
        const auto begin_so = long_.find(at->stem);
        if (begin_so == long_.end()) continue;
        for (const auto& phrase : begin_so->second)
          if (field.end() - at >= std::ssize(phrase) &&
              std::equal(phrase.begin(), phrase.end(), at,
                         [](const TextToken& a, const TextToken& b) { return a.stem == b.stem; }))
            return true;
      }
      return false;
    });
  }

 private:
  std::vector<TextExpression> expressions_;
  // Those of several words, by the first one's stem.
  std::unordered_map<std::string, std::vector<std::vector<TextToken>>> long_;
};

// Words of the vocabulary that are like texts, which are asked for together and once.
class LookUp {
 public:
  LookUp(TextReader& reader, Likeness likeness) : reader_(reader), likeness_(likeness) {}

  void want(const std::string& text) {
    if (found_.try_emplace(text).second) wanted_.push_back(text);
  }
  // What has been wanted since.
  Result<> ask() {
    if (wanted_.empty()) return {};
    auto found = TRY(reader_.look_up(likeness_, wanted_, kMaxAlternatives));
    for (size_t i = 0; i < wanted_.size(); ++i) found_[wanted_[i]] = std::move(found[i]);
    wanted_.clear();
    return {};
  }
  // None for what was not wanted.
  const std::vector<VocabularyWord>& of(const std::string& text) const {
    static const std::vector<VocabularyWord> none;
    const auto found = found_.find(text);
    return found == found_.end() ? none : found->second;
  }

 private:
  TextReader& reader_;
  const Likeness likeness_;
  std::vector<std::string> wanted_;
  std::unordered_map<std::string, std::vector<VocabularyWord>> found_;
};

// Words first..last-1 of the query, written as one.
struct Run {
  int first = 0, last = 0;
  std::string text, form;             // as it is; canonical
  std::vector<size_t> torn;           // where `form` may have been torn in two
  std::vector<std::string> misspelt;  // the forms in which it may have a wrong letter

  bool is_one() const { return last - first == 1; }
};

class Search {
 public:
  Search(TextReader& reader, Tokenizer& tokenizer, const TextSearchOptions& options)
      : reader_(reader),
        tokenizer_(tokenizer),
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
      for (TextToken& token : TRY(tokenizer_.tokenize(term.text))) {
        if (words_.size() == kMaxWords) break;
        pattern_.words.push_back(token.word);
        words_.push_back(std::move(token));
      }
      const int last = static_cast<int>(words_.size());
      if (term.is_phrase && first < last) pattern_.phrases.emplace_back(first, last);
    }
    excluded_ = TRY(Phrases::of(tokenizer_, excluded));
    return {};
  }

  // What the words may look like in the index: all that is to look up first, so that it takes few
  // calls.
  Result<> expand() {
    const std::vector<Run> runs = all_runs();
    LookUp same(reader_, Likeness::kForm), longer(reader_, Likeness::kPrefix),
        near(reader_, Likeness::kNear), around(reader_, Likeness::kPart);
    for (const Run& run : runs) {
      const size_t letters = letters_of(run.form);
      if (letters > kMaxFuzzyLetters) continue;
      same.want(run.form);
      if (letters >= kMinPrefix) longer.want(run.text);
      if (letters >= kMinFuzzyLetters) around.want(run.form);
      for (const size_t at : run.torn) same.want(run.form.substr(0, at));
      for (const std::string& form : run.misspelt) {
        near.want(form);
        for (const std::string& less : one_letter_less(form)) near.want(less);
      }
    }
    TRY(same.ask());
    // The other halves, where there is a first one.
    for (const Run& run : runs)
      for (const size_t at : run.torn)
        if (is_rare(same.of(run.form.substr(0, at)))) same.want(run.form.substr(at));
    TRY(same.ask());
    TRY(longer.ask());
    TRY(near.ask());
    TRY(around.ask());
    std::vector<std::string> stems;
    for (const TextToken& word : words_) stems.push_back(word.stem);
    const auto docs = TRY(reader_.docs_with(stems));

    groups_.resize(words_.size());
    docs_.resize(words_.size());
    for (const Run& run : runs) {
      if (run.is_one()) {
        const auto at = static_cast<size_t>(run.first);
        offer(run, {.word = run.text, .stem = words_[at].stem, .docs = docs[at]},
              MatchKind::kExact);
      }
      for (const auto& found : same.of(run.form)) offer(run, found, MatchKind::kConfused);
      for (const auto& found : longer.of(run.text)) offer(run, found, MatchKind::kPrefix);
      for (const std::string& form : run.misspelt) offer_typos(run, form, near);
      for (const size_t at : run.torn) {
        const auto& left = same.of(run.form.substr(0, at));
        const auto& right = same.of(run.form.substr(at));
        if (is_rare(left) && is_rare(right))
          offer(run,
                {.word = left[0].word + ' ' + right[0].word,
                 .stem = left[0].stem + ' ' + right[0].stem,
                 .docs = 0},
                MatchKind::kConfused);
      }
      for (const auto& found : around.of(run.form)) offer(run, found, MatchKind::kPart);
    }
    return weigh();
  }

  std::vector<Run> all_runs() const {
    std::vector<Run> runs;
    const int words = static_cast<int>(words_.size());
    for (int first = 0; first < words; ++first) {
      std::string text;
      for (int last = first + 1; last <= std::min(words, first + kMaxJoined); ++last) {
        text += words_[static_cast<size_t>(last - 1)].word;
        Run run{.first = first, .last = last, .text = text, .form = canonical(text)};
        const auto starts = letter_starts(run.form);
        const size_t letters = starts.size() - 1;
        if (is_fuzzy(run.form)) run.torn.assign(starts.begin() + 1, starts.end() - 1);
        if (run.is_one() && letters + 1 >= kMinFuzzyLetters && letters <= kMaxFuzzyLetters) {
          run.misspelt.push_back(run.form);
          // "prnit" is no "pmit".
          if (std::string plain = canonical(text, Pairs::kKeep); plain != run.form)
            run.misspelt.push_back(std::move(plain));
        }
        runs.push_back(std::move(run));
      }
    }
    return runs;
  }

  static bool is_rare(const std::vector<VocabularyWord>& found) {
    return !found.empty() && found[0].docs <= kMaxTornDocs;
  }

  // The run may look like `found`.
  void offer(const Run& run, const VocabularyWord& found, MatchKind kind) {
    auto& known = pattern_.alternatives[found.stem];
    if (std::any_of(known.begin(), known.end(), [&](const Alternative& a) {
          return a.first == run.first && a.last == run.last;
        }))
      return;
    known.push_back({run.first, run.last, kind});
    for (auto i = static_cast<size_t>(run.first); i < static_cast<size_t>(run.last); ++i) {
      groups_[i].push_back(TextExpression::of(found.word, found.stem));
      docs_[i][static_cast<size_t>(kind)] += found.docs;
    }
  }

  void offer_typos(const Run& run, const std::string& form, const LookUp& near) {
    std::vector<std::string> forms = one_letter_less(form);
    forms.push_back(form);
    for (const std::string& less : forms)
      for (const auto& found : near.of(less)) {
        const std::string other = canonical(found.word);
        if (std::max(letters_of(form), letters_of(other)) >= kMinFuzzyLetters &&
            within_one_edit(other, form))
          offer(run, found, MatchKind::kTypo);
      }
  }

  // How much each word counts.
  Result<> weigh() {
    const int64_t all = TRY(reader_.count());
    for (const auto& by_kind : docs_) {
      const auto* const best =
          std::find_if(by_kind.begin(), by_kind.end(), [](int64_t docs) { return docs > 0; });
      const double docs = best == by_kind.end() ? 0 : static_cast<double>(std::min(*best, all));
      pattern_.idf.push_back(std::log(1 + (static_cast<double>(all) - docs + 0.5) / (docs + 0.5)));
    }
    return {};
  }

  // From the best documents to those that have but one of the words, until there are enough.
  Result<> find_candidates() {
    std::vector<TextExpression> exact, any;
    for (int i = 0; i < static_cast<int>(words_.size());) {
      int last = i + 1;
      for (const auto& phrase : pattern_.phrases)
        if (phrase.first == i) last = phrase.second;
      exact.push_back(words_from(i, last));
      i = last;
    }
    for (const auto& group : groups_) any.push_back(TextExpression::of(Kind::kAny, group));

    if (words_.size() > 1) TRY(add_newest(words_from(0, static_cast<int>(words_.size()))));
    TRY(add_best(TextExpression::of(Kind::kAll, exact)));
    TRY(add_newest(TextExpression::of(Kind::kAll, any)));
    if (!pattern_.phrases.empty()) {
      std::vector<TextExpression> wanted;
      for (const auto& [first, last] : pattern_.phrases)
        for (int i = first; i < last; ++i) wanted.push_back(any[static_cast<size_t>(i)]);
      return add_newest(TextExpression::of(Kind::kAll, std::move(wanted)));
    }
    std::vector<TextExpression> pairs;
    for (size_t i = 0; i + 1 < exact.size(); ++i)
      pairs.push_back(TextExpression::of(Kind::kAll, {exact[i], exact[i + 1]}));
    if (pairs.size() > 1) TRY(add_newest(TextExpression::of(Kind::kAny, std::move(pairs))));
    std::vector<size_t> rarest(any.size());
    std::iota(rarest.begin(), rarest.end(), size_t{0});
    std::sort(rarest.begin(), rarest.end(), [&](size_t a, size_t b) {
      return std::pair(-pattern_.idf[a], a) < std::pair(-pattern_.idf[b], b);
    });
    if (any.size() > 1)
      for (const size_t i : rarest) TRY(add_newest(any[i]));
    return {};
  }

  TextExpression words_from(int first, int last) const {
    return expression_of(
        std::span(words_).subspan(static_cast<size_t>(first), static_cast<size_t>(last - first)));
  }

  Result<> add_newest(TextExpression expression) {
    if (candidates_.size() >= pool_) return {};
    return add(TRY(reader_.newest(wanted(std::move(expression)), static_cast<int64_t>(pool_),
                                  options_.filter)));
  }

  Result<> add_best(TextExpression expression) {
    if (candidates_.size() >= pool_) return {};
    return add(TRY(reader_.best(wanted(std::move(expression)), options_.weights, kMaxRanked,
                                static_cast<int64_t>(pool_), options_.filter)));
  }

  TextExpression wanted(TextExpression expression) const {
    if (excluded_.empty()) return expression;
    return TextExpression::of(Kind::kWithout, {std::move(expression), excluded_.any()});
  }

  Result<> add(std::span<const ImageId> ids) {
    for (const ImageId id : ids)
      if (seen_.insert(id).second) candidates_.push_back(id);
    return {};
  }

  Result<std::vector<TextHit>> rank() {
    std::vector<TextHit> hits;
    for (size_t at = 0; at < candidates_.size(); at += kMaxRead) {
      const auto ids =
          std::span(candidates_).subspan(at, std::min(kMaxRead, candidates_.size() - at));
      for (const TextDocument& document : TRY(reader_.documents(ids))) {
        const TextWords fields = TRY(tokenizer_.tokenize(document));
        if (excluded_.stand_in(fields)) continue;
        auto hit = match(pattern_, fields, options_.weights);
        if (!hit) continue;
        hit->id = document.id;
        hits.push_back(*std::move(hit));
      }
    }
    std::sort(hits.begin(), hits.end(), [](const TextHit& a, const TextHit& b) {
      return a.score != b.score ? a.score > b.score : a.id < b.id;
    });
    if (hits.size() > static_cast<size_t>(options_.limit))
      hits.resize(static_cast<size_t>(options_.limit));
    return hits;
  }

  TextReader& reader_;
  Tokenizer& tokenizer_;
  const TextSearchOptions& options_;
  const size_t pool_;  // candidates that are enough

  std::vector<TextToken> words_;
  Phrases excluded_;
  std::vector<std::vector<TextExpression>> groups_;     // of each word, its alternatives
  std::vector<std::array<int64_t, kMatchKinds>> docs_;  // of each word, by kind
  TextPattern pattern_;
  std::vector<ImageId> candidates_;
  std::unordered_set<ImageId> seen_;
};

}  // namespace

Result<std::vector<ImageId>> find_containing(TextReader& reader, Tokenizer& tokenizer,
                                             std::span<const TextTerm> terms) {
  const Phrases phrases = TRY(Phrases::of(tokenizer, terms));
  if (phrases.empty()) return std::vector<ImageId>();
  auto ids = TRY(reader.newest(phrases.any(), std::numeric_limits<int64_t>::max(), {}));
  std::sort(ids.begin(), ids.end());
  return ids;
}

Result<std::vector<TextHit>> search_text(TextReader& reader, Tokenizer& tokenizer,
                                         const TextQuery& query, const TextSearchOptions& options) {
  if (options.limit <= 0) return std::vector<TextHit>();
  return Search(reader, tokenizer, options).run(query);
}

}  // namespace mimeme
