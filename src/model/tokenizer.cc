#include "model/tokenizer.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cctype>

namespace mimeme {
namespace {

constexpr size_t kMaxWord = 100;  // code points; a longer word is unknown

bool is_space(int32_t c) {
  if (c == '\t' || c == '\n' || c == '\r') return true;
  const auto category = utf8proc_category(c);
  return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL ||
         category == UTF8PROC_CATEGORY_ZP;
}

// Carries no text: control and format characters, private ones, and the replacement for what
// could not be read.
bool is_noise(int32_t c) {
  const auto category = utf8proc_category(c);
  return category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF ||
         category == UTF8PROC_CATEGORY_CO || c == 0xFFFD;
}

// ASCII's symbols count as well: "$", "+", "^", "`".
bool is_punctuation(int32_t c) {
  if (c < 0x80) return c > 0x20 && c < 0x7F && !std::isalnum(c);
  const auto category = utf8proc_category(c);
  return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

// A word each. The blocks of ideographs that BERT was trained with; Japanese and Korean letters are
// not among them.
bool is_ideograph(int32_t c) {
  constexpr std::array<std::pair<int32_t, int32_t>, 8> kBlocks{{{0x3400, 0x4DBF},
                                                                {0x4E00, 0x9FFF},
                                                                {0xF900, 0xFAFF},
                                                                {0x20000, 0x2A6DF},
                                                                {0x2A700, 0x2B73F},
                                                                {0x2B740, 0x2B81F},
                                                                {0x2B820, 0x2CEAF},
                                                                {0x2F800, 0x2FA1F}}};
  return std::any_of(kBlocks.begin(), kBlocks.end(),
                     [c](const auto& block) { return c >= block.first && c <= block.second; });
}

// Calls word(UTF-8) for each word of the text, until it returns false.
template <typename Word>
void for_each_word(std::string_view text, const Word& word) {
  std::string current;
  bool more = true;
  const auto flush = [&] {
    if (more && !current.empty()) more = word(current);
    current.clear();
  };
  while (more && !text.empty()) {
    int32_t c = 0;
    const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
    const auto read = utf8proc_iterate(bytes, std::ssize(text), &c);
    text.remove_prefix(read > 0 ? static_cast<size_t>(read) : 1);
    if (read <= 0) continue;
    const bool space = is_space(c);
    if (!space && is_noise(c)) continue;
    const bool alone = is_ideograph(c);
    if (space || alone) flush();
    if (space) continue;
    // A letter comes apart into itself and its accents, which are dropped.
    std::array<int32_t, 8> parts{};  // four are the most that Unicode has
    int boundary = 0;
    const auto count =
        utf8proc_decompose_char(c, parts.data(), std::ssize(parts), UTF8PROC_DECOMPOSE, &boundary);
    for (ptrdiff_t i = 0; i < count; ++i) {
      const int32_t part = parts[static_cast<size_t>(i)];
      if (utf8proc_category(part) == UTF8PROC_CATEGORY_MN) continue;
      const bool cut = is_punctuation(part);
      if (cut) flush();
      std::array<uint8_t, 4> encoded{};
      const auto size = utf8proc_encode_char(utf8proc_tolower(part), encoded.data());
      current.append(encoded.begin(), encoded.begin() + size);
      if (cut) flush();
    }
    if (alone) flush();
  }
  flush();
}

bool begins_character(char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }

}  // namespace

Result<std::unique_ptr<const Tokenizer>> Tokenizer::parse(std::string_view vocabulary) {
  std::unique_ptr<Tokenizer> tokenizer(new Tokenizer());
  int64_t id = 0;
  while (!vocabulary.empty()) {
    const size_t end = std::min(vocabulary.find('\n'), vocabulary.size());
    tokenizer->ids_.emplace(vocabulary.substr(0, end), id++);
    vocabulary.remove_prefix(std::min(end + 1, vocabulary.size()));
  }
  for (const auto& [token, field] : {std::pair("[UNK]", &tokenizer->unknown_),
                                     {"[CLS]", &tokenizer->begin_},
                                     {"[SEP]", &tokenizer->end_}}) {
    const auto found = tokenizer->ids_.find(token);
    if (found == tokenizer->ids_.end())
      return Error{ErrorCode::kCorrupt, "the vocabulary has no " + std::string(token)};
    *field = found->second;
  }
  return std::unique_ptr<const Tokenizer>(std::move(tokenizer));
}

std::vector<int64_t> Tokenizer::encode(std::string_view text, size_t max_tokens) const {
  assert(max_tokens >= 2);
  std::vector<int64_t> ids{begin_};
  for_each_word(text, [&](std::string_view word) {
    append_word(word, ids);
    return ids.size() < max_tokens;
  });
  ids.resize(std::min(ids.size(), max_tokens - 1));
  ids.push_back(end_);
  return ids;
}

void Tokenizer::append_word(std::string_view word, std::vector<int64_t>& ids) const {
  const size_t before = ids.size();
  const auto length =
      static_cast<size_t>(std::count_if(word.begin(), word.end(), begins_character));
  bool known = length <= kMaxWord;
  std::string piece;
  while (known && !word.empty()) {
    // The longest piece that the vocabulary has. One that ends inside a character it has not.
    const size_t mark = ids.size() == before ? 0 : 2;
    piece.assign("##", mark).append(word);
    auto found = ids_.find(piece);
    while (found == ids_.end() && piece.size() > mark) {
      piece.pop_back();
      found = ids_.find(piece);
    }
    known = piece.size() > mark;
    if (known) ids.push_back(found->second);
    word.remove_prefix(piece.size() - mark);
  }
  if (known) return;
  ids.resize(before);
  ids.push_back(unknown_);
}

}  // namespace mimeme
