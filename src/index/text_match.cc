#include "index/text_match.h"

#include <algorithm>
#include <numeric>

namespace mimeme {
namespace {

// What a word counts that matches in each of the ways, so that a better way wins over all that BM25
// can say for a worse one in a field of about the same length.
constexpr double kQuality[] = {1, 0.7, 0.6, 0.5, 0.4};
constexpr double kScattered = 0.25;  // what words count that do not follow one another
constexpr double kOtherForm = 0.95;  // "hand" for "hands"
// BM25 (Robertson, Zaragoza, "The Probabilistic Relevance Framework", 2009): the usual constants,
// and a caption's length for the average.
constexpr double kK1 = 1.2, kB = 0.75, kTypicalWords = 12;

// An alternative at the words begin..end-1 of a field.
struct Occurrence {
  Alternative what;
  size_t begin = 0, end = 0;
  double quality = 0;
};

class Field {
 public:
  Field(const TextPattern& pattern, const std::vector<TextToken>& tokens) {
    for (size_t at = 0; at < tokens.size(); ++at) {
      starts_.push_back(found_.size());
      add(pattern, tokens[at].stem, tokens[at].word, at, 1);
      if (at + 1 < tokens.size())
        add(pattern, tokens[at].stem + ' ' + tokens[at + 1].stem, {}, at, 2);
    }
    starts_.push_back(found_.size());
  }

  const std::vector<Occurrence>& found() const { return found_; }

  // For what goes on with the query where `one` ends: its place in found(), after that of `one`.
  template <typename Visit>
  void for_each_next(const Occurrence& one, Visit visit) const {
    for (size_t i = starts_[one.end]; one.end + 1 < starts_.size() && i < starts_[one.end + 1]; ++i)
      if (found_[i].what.first == one.what.last) visit(i);
  }

  // Of the query's words, how many follow one another at most.
  int longest_run() const {
    int longest = 0;
    std::vector<int> before(found_.size());  // words of the run that ends where it starts
    for (size_t i = 0; i < found_.size(); ++i) {
      const int run = before[i] + found_[i].what.last - found_[i].what.first;
      longest = std::max(longest, run);
      for_each_next(found_[i], [&](size_t next) { before[next] = std::max(before[next], run); });
    }
    return longest;
  }

  // Whether words first..last-1 of the query follow one another somewhere.
  bool holds(int first, int last) const {
    std::vector<bool> is_reached(found_.size());
    for (size_t i = 0; i < found_.size(); ++i) {
      const Occurrence& one = found_[i];
      if (one.what.kind != MatchKind::kExact && one.what.kind != MatchKind::kConfused) continue;
      if (one.what.first != first && !is_reached[i]) continue;
      if (one.what.last == last) return true;
      if (one.what.last < last) for_each_next(one, [&](size_t next) { is_reached[next] = true; });
    }
    return false;
  }

 private:
  void add(const TextPattern& pattern, const std::string& stem, const std::string& word, size_t at,
           size_t words) {
    const auto entry = pattern.alternatives.find(stem);
    if (entry == pattern.alternatives.end()) return;
    for (const Alternative& what : entry->second) {
      const bool is_other_form =
          what.kind == MatchKind::kExact && word != pattern.words[static_cast<size_t>(what.first)];
      found_.push_back({what, at, at + words,
                        is_other_form ? kOtherForm : kQuality[static_cast<size_t>(what.kind)]});
    }
  }

  std::vector<Occurrence> found_;  // by place
  std::vector<size_t> starts_;     // of each word of the field, where its occurrences start
};

}  // namespace

std::optional<TextHit> match(const TextPattern& pattern,
                             std::span<const std::vector<TextToken>, kTextFields> fields,
                             const std::array<double, kTextFields>& weights) {
  const size_t words = pattern.idf.size();
  std::vector<Field> found;
  for (const auto& tokens : fields) found.emplace_back(pattern, tokens);
  for (const auto& [first, last] : pattern.phrases)
    if (std::none_of(found.begin(), found.end(),
                     [&, f = first, l = last](const Field& field) { return field.holds(f, l); }))
      return std::nullopt;

  std::vector<double> best(words), frequency(words);
  int run = 0;
  for (size_t f = 0; f < kTextFields; ++f) {
    run = std::max(run, found[f].longest_run());
    const double length = static_cast<double>(fields[f].size()) / kTypicalWords;
    for (const Occurrence& one : found[f].found())
      for (auto i = static_cast<size_t>(one.what.first); i < static_cast<size_t>(one.what.last);
           ++i) {
        best[i] = std::max(best[i], one.quality);
        frequency[i] += one.quality * weights[f] / (1 - kB + kB * length);
      }
  }

  const auto has =
      static_cast<size_t>(std::count_if(best.begin(), best.end(), [](double q) { return q > 0; }));
  if (has == 0) return std::nullopt;
  double relevance = 0, coverage = 0;
  for (size_t i = 0; i < words; ++i) {
    relevance += pattern.idf[i] * best[i] * frequency[i] / (frequency[i] + kK1);
    if (best[i] > 0) coverage += pattern.idf[i];
  }
  const double all = std::accumulate(pattern.idf.begin(), pattern.idf.end(), 0.0);
  relevance /= all;
  coverage /= all;
  const double order = words == 1 ? 1 : (run - 1) / static_cast<double>(words - 1);

  TextHit hit;
  hit.coverage = static_cast<float>(coverage);
  hit.score = static_cast<float>(
      ((has == words ? 1 : 0) + relevance * (kScattered + (1 - kScattered) * order)) / 2);
  // Where a word is matched well, its poorer matches only distract.
  for (size_t f = 0; f < kTextFields; ++f)
    for (const Occurrence& one : found[f].found()) {
      const auto* const from = best.data() + one.what.first;
      const auto* const to = best.data() + one.what.last;
      if (one.what.kind != MatchKind::kExact &&
          std::none_of(from, to, [&](double q) { return q <= one.quality; }))
        continue;
      const TextMatch place{.field = static_cast<TextField>(f),
                            .begin = fields[f][one.begin].begin,
                            .end = fields[f][one.end - 1].end,
                            .kind = one.what.kind};
      if (hit.matches.empty() || hit.matches.back().field != place.field ||
          hit.matches.back().end <= place.begin) {
        hit.matches.push_back(place);
        continue;
      }
      TextMatch& last = hit.matches.back();  // the same word, or one of two that it is torn into
      last.end = std::max(last.end, place.end);
      last.kind = std::min(last.kind, place.kind);
    }
  return hit;
}

}  // namespace mimeme
