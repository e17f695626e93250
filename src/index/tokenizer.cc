#include "index/tokenizer.h"

#include <sqlite3.h>

#include <initializer_list>

#include "core/spelling.h"

namespace mimeme {

// One of FTS5's tokenizers, with its settings.
struct Tokenizer::Step {
  fts5_tokenizer methods{};
  Fts5Tokenizer* instance = nullptr;

  Step() = default;
  ~Step() {
    if (instance != nullptr) methods.xDelete(instance);
  }
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;

  using OnToken = int (*)(void* context, int flags, const char* token, int size, int begin,
                          int end);
  int run(std::string_view text, void* context, OnToken on_token) const {
    return methods.xTokenize(instance, context, FTS5_TOKENIZE_DOCUMENT, text.data(),
                             static_cast<int>(text.size()), on_token);
  }
};

std::string searched_text(std::string_view field) {
  return without_bars(field.substr(0, kSearchedBytes));
}

Result<std::unique_ptr<Tokenizer>> Tokenizer::make() {
  const Error lacks{ErrorCode::kInternal, "SQLite lacks FTS5's tokenizers"};
  std::unique_ptr<Tokenizer> made(new Tokenizer());
  constexpr int kFlags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  if (sqlite3_open_v2(":memory:", &made->handle_, kFlags, nullptr) != SQLITE_OK) return lacks;
  fts5_api* api = nullptr;
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(made->handle_, "SELECT fts5(?)", -1, &statement, nullptr) != SQLITE_OK)
    return lacks;
  sqlite3_bind_pointer(statement, 1, static_cast<void*>(&api), "fts5_api_ptr", nullptr);
  sqlite3_step(statement);
  sqlite3_finalize(statement);
  if (api == nullptr) return lacks;

  const auto make = [&](const char* name, std::initializer_list<const char*> words) {
    auto step = std::make_unique<Step>();
    std::vector<const char*> settings(words);
    void* context = nullptr;
    if (api->xFindTokenizer(api, name, &context, &step->methods) != SQLITE_OK ||
        step->methods.xCreate(context, settings.data(), static_cast<int>(settings.size()),
                              &step->instance) != SQLITE_OK)
      step.reset();
    return step;
  };
  made->fold_ = make("unicode61", {"remove_diacritics", "2"});
  made->stem_ = make("porter", {"unicode61", "remove_diacritics", "2"});
  if (!made->fold_ || !made->stem_) return lacks;
  return made;
}

Tokenizer::~Tokenizer() {
  fold_.reset();
  stem_.reset();
  sqlite3_close(handle_);
}

Result<std::vector<TextToken>> Tokenizer::tokenize(std::string_view text) {
  std::vector<TextToken> tokens;
  if (text.empty()) return tokens;
  const std::string searched = searched_text(text);
  const auto fold = [](void* context, int, const char* word, int size, int begin, int end) {
    static_cast<std::vector<TextToken>*>(context)->push_back(
        {.word = {word, static_cast<size_t>(size)},
         .stem = {},
         .begin = static_cast<size_t>(begin),
         .end = static_cast<size_t>(end)});
    return SQLITE_OK;
  };
  // The same words in the same order.
  const auto stem = [](void* context, int, const char* word, int size, int, int) {
    (*static_cast<std::vector<TextToken>::iterator*>(context))++->stem.assign(
        word, static_cast<size_t>(size));
    return SQLITE_OK;
  };
  if (fold_->run(searched, &tokens, fold) != SQLITE_OK)
    return Error{ErrorCode::kInternal, "FTS5 cannot read a text"};
  auto next = tokens.begin();
  if (stem_->run(searched, &next, stem) != SQLITE_OK)
    return Error{ErrorCode::kInternal, "FTS5 cannot read a text"};
  return tokens;
}

Result<TextWords> Tokenizer::tokenize(const TextDocument& document) {
  TextWords words;
  const std::string* const fields[] = {&document.ocr, &document.description, &document.category,
                                       &document.name};
  for (size_t f = 0; f < kTextFields; ++f) words[f] = TRY(tokenize(*fields[f]));
  return words;
}

}  // namespace mimeme
