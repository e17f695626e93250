// The words of a text by the tokenizers of SQLite's full-text engine: unicode61 without accents,
// then porter.
#ifndef MIMEME_INDEX_TOKENIZER_H_
#define MIMEME_INDEX_TOKENIZER_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/text_store.h"

struct sqlite3;  // of sqlite3.h, which stays in the .cc files

namespace mimeme {

// A field as it is searched: its words are those of this, at the same bytes.
std::string searched_text(std::string_view field);

// One thread at a time.
class Tokenizer {
 public:
  static Result<std::unique_ptr<Tokenizer>> make();
  ~Tokenizer();
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  // Of searched_text() of it.
  Result<std::vector<TextToken>> tokenize(std::string_view text);
  Result<TextWords> tokenize(const TextDocument& document);

 private:
  Tokenizer() = default;
  struct Step;
  sqlite3* handle_ = nullptr;  // an empty database in memory, which owns the engine
  std::unique_ptr<Step> fold_, stem_;
};

}  // namespace mimeme

#endif  // MIMEME_INDEX_TOKENIZER_H_
