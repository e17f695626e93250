#include "core/spelling.h"

#include <algorithm>

namespace mimeme {
namespace {

bool is_tail(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         static_cast<unsigned char>(c) >= 0x80;
}

std::vector<std::string_view> letters(std::string_view word) {
  const auto starts = letter_starts(word);
  std::vector<std::string_view> out;
  for (size_t i = 0; i + 1 < starts.size(); ++i)
    out.push_back(word.substr(starts[i], starts[i + 1] - starts[i]));
  return out;
}

}  // namespace

std::string canonical(std::string_view word, Pairs pairs) {
  std::string out;
  out.reserve(word.size());
  for (size_t i = 0; i < word.size(); ++i) {
    const std::string_view pair = word.substr(i, pairs == Pairs::kMerge ? 2 : 1);
    switch (word[i]) {
      case '0':
        out += 'o';
        break;
      case '1':
      case 'i':
        out += 'l';
        break;
      case '5':
        out += 's';
        break;
      case '8':
        out += 'b';
        break;
      default:
        out += pair == "rn" ? 'm' : pair == "vv" ? 'w' : word[i];
        i += pair == "rn" || pair == "vv" ? 1 : 0;
    }
  }
  return out;
}

std::string without_bars(std::string_view text) {
  std::string out(text);
  for (size_t i = 1; i + 1 < out.size(); ++i)
    if ((out[i] == '!' || out[i] == '|') && is_letter(out[i - 1]) && is_letter(out[i + 1]))
      out[i] = 'i';
  return out;
}

bool is_fuzzy(std::string_view form) {
  const size_t letters = letter_starts(form).size() - 1;
  return letters >= kMinFuzzyLetters && letters <= kMaxFuzzyLetters;
}

std::vector<size_t> letter_starts(std::string_view word) {
  std::vector<size_t> starts;
  for (size_t i = 0; i < word.size(); ++i)
    if (i == 0 || !is_tail(word[i])) starts.push_back(i);
  starts.push_back(word.size());
  return starts;
}

std::vector<std::string> one_letter_less(std::string_view word) {
  std::vector<std::string> forms;
  for (const std::string_view letter : letters(word)) {
    std::string form(word);
    form.erase(static_cast<size_t>(letter.data() - word.data()), letter.size());
    forms.push_back(std::move(form));
  }
  forms.erase(std::unique(forms.begin(), forms.end()), forms.end());  // equal ones are neighbours
  return forms;
}

bool within_one_edit(std::string_view a, std::string_view b) {
  auto x = letters(a), y = letters(b);
  if (x.size() > y.size()) std::swap(x, y);
  if (y.size() - x.size() > 1) return false;
  // What is left between the common start and the common end is the edit.
  size_t start = 0, end = 0;
  while (start < x.size() && x[start] == y[start]) ++start;
  while (end + start < x.size() && x[x.size() - 1 - end] == y[y.size() - 1 - end]) ++end;
  const size_t left = y.size() - start - end;
  if (left <= 1) return true;
  return left == 2 && x.size() == y.size() && x[start] == y[start + 1] && x[start + 1] == y[start];
}

}  // namespace mimeme
