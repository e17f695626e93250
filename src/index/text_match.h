// How well a document answers a query, and where. The index finds candidates; this decides. Pure.
#ifndef MIMEME_INDEX_TEXT_MATCH_H_
#define MIMEME_INDEX_TEXT_MATCH_H_

#include <array>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "index/text_index.h"

namespace mimeme {

// Stands for the query's words first..last-1.
struct Alternative {
  int first = 0, last = 0;
  MatchKind kind = MatchKind::kExact;
};

struct TextPattern {
  std::vector<std::string> words;  // of the query, folded
  std::vector<double> idf;         // of each word: the rarer, the more it counts
  // By the stem of a document's word, or of two that follow one another, with a space between.
  std::unordered_map<std::string, std::vector<Alternative>> alternatives;
  std::vector<std::pair<int, int>> phrases;  // words first..last-1 must follow one another
};

// The words of each field → the hit (without its id), or none.
std::optional<TextHit> match(const TextPattern& pattern,
                             std::span<const std::vector<TextToken>, kTextFields> fields,
                             const std::array<double, kTextFields>& weights);

}  // namespace mimeme

#endif  // MIMEME_INDEX_TEXT_MATCH_H_
