// Text → token ids: BERT's uncased WordPiece.
#ifndef MIMEME_MODEL_TOKENIZER_H_
#define MIMEME_MODEL_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"

namespace mimeme {

// Control characters go; what is left is lower-cased, loses its accents, and is cut at spaces, at
// and around punctuation and Chinese characters; each word becomes the longest pieces that the
// vocabulary has. Devlin et al., "BERT", 2018; Wu et al., "Google's Neural Machine Translation
// System", 2016. Gives the ids of Hugging Face's BertTokenizerFast, but for two things: bytes that
// are no UTF-8 are passed over, and "[SEP]" and its like in a text are ordinary words.
//
// Constant after construction: safe from any thread.
class Tokenizer {
 public:
  // vocabulary: one token a line, in the order of their ids. kCorrupt if a token that every text
  // needs is not in it.
  static Result<std::unique_ptr<const Tokenizer>> parse(std::string_view vocabulary);

  // [CLS], the text's tokens, [SEP]: at most max_tokens (≥ 2) of them; the rest of the text is cut
  // off.
  std::vector<int64_t> encode(std::string_view text, size_t max_tokens) const;

 private:
  Tokenizer() = default;
  void append_word(std::string_view word, std::vector<int64_t>& ids) const;

  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::unordered_map<std::string, int64_t, Hash, std::equal_to<>> ids_;
  int64_t unknown_ = 0, begin_ = 0, end_ = 0;
};

}  // namespace mimeme

#endif  // MIMEME_MODEL_TOKENIZER_H_
