// How a word may differ from what was typed and still be meant: one wrong letter, or letters that
// text recognition takes for one another. Words are folded (small letters, no accents), letters are
// code points. Pure.
#ifndef MIMEME_CORE_SPELLING_H_
#define MIMEME_CORE_SPELLING_H_

#include <string>
#include <string_view>
#include <vector>

namespace mimeme {

// The form that words share which look alike in capitals or in print: 0 o; 1 l i; 5 s; 8 b; rn m;
// vv w. "b1rn" → "blm".
enum class Pairs { kMerge, kKeep };  // rn and vv
std::string canonical(std::string_view word, Pairs pairs = Pairs::kMerge);

// `text` with each ! and | inside a word as the letter i, which is what it was: "TH!S" → "THiS". As
// many bytes as before.
std::string without_bars(std::string_view text);

// Of this many letters are the words that are also found by a typo or by a part of them; shorter
// ones would be in every word.
inline constexpr size_t kMinFuzzyLetters = 4, kMaxFuzzyLetters = 32;
bool is_fuzzy(std::string_view form);

// Where each letter starts, and the end.
std::vector<size_t> letter_starts(std::string_view word);

// `word` without one of its letters, each form once. If two words are one edit apart, the words and
// these forms of them have one in common (symmetric deletion; Garbe, SymSpell, 2012).
std::vector<std::string> one_letter_less(std::string_view word);

// Whether the words are the same but for one letter more, less or other, or two neighbours swapped
// (optimal string alignment distance ≤ 1; Damerau 1964).
bool within_one_edit(std::string_view a, std::string_view b);

}  // namespace mimeme

#endif  // MIMEME_CORE_SPELLING_H_
