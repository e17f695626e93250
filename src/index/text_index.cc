#include "index/text_index.h"

#include <utility>

#include "index/text_file.h"
#include "index/text_search.h"
#include "index/tokenizer.h"

namespace mimeme {

TextIndex::TextIndex(std::unique_ptr<TextStore> store) : store_(std::move(store)) {}
TextIndex::~TextIndex() = default;

Result<std::unique_ptr<TextIndex>> TextIndex::create(const std::string& path) {
  return over(TRY(create_text_file(path)));
}

Result<std::unique_ptr<TextIndex>> TextIndex::open(const std::string& path) {
  return over(TRY(open_text_file(path)));
}

std::unique_ptr<TextIndex> TextIndex::over(std::unique_ptr<TextStore> store) {
  return std::unique_ptr<TextIndex>(new TextIndex(std::move(store)));
}

Result<std::unique_ptr<Tokenizer>> TextIndex::take_tokenizer() const {
  {
    Lock lock(mu_);
    if (!idle_.empty()) {
      auto tokenizer = std::move(idle_.back());
      idle_.pop_back();
      return tokenizer;
    }
  }
  return Tokenizer::make();
}

template <typename F>
std::invoke_result_t<F, Tokenizer&> TextIndex::with_tokenizer(F f) const {
  auto tokenizer = TRY(take_tokenizer());
  auto result = f(*tokenizer);
  Lock lock(mu_);
  idle_.push_back(std::move(tokenizer));
  return result;
}

Result<int64_t> TextIndex::seq() const { return store_->seq(); }
Result<int64_t> TextIndex::count() const { return store_->count(); }
Result<> TextIndex::verify() const { return store_->verify(); }
Result<std::optional<TextDocument>> TextIndex::row(ImageId id) const { return store_->row(id); }

Result<> TextIndex::change(std::span<const ImageId> out, std::span<const TextDocument> in,
                           int64_t seq) {
  return with_tokenizer([&](Tokenizer& tokenizer) {
    return store_->change(out, in, seq,
                          [&](const TextDocument& doc) { return tokenizer.tokenize(doc); });
  });
}

Result<> TextIndex::upsert(std::span<const TextDocument> documents, int64_t seq) {
  return change({}, documents, seq);
}

Result<> TextIndex::remove(std::span<const ImageId> ids, int64_t seq) {
  return change(ids, {}, seq);
}

Result<std::vector<TextHit>> TextIndex::search(const TextQuery& query,
                                               const TextSearchOptions& options) const {
  std::vector<TextHit> hits;
  TRY(with_tokenizer([&](Tokenizer& tokenizer) {
    return store_->read([&](TextReader& reader) -> Result<> {
      hits = TRY(search_text(reader, tokenizer, query, options));
      return {};
    });
  }));
  return hits;
}

Result<std::vector<ImageId>> TextIndex::containing(std::span<const TextTerm> terms) const {
  std::vector<ImageId> ids;
  TRY(with_tokenizer([&](Tokenizer& tokenizer) {
    return store_->read([&](TextReader& reader) -> Result<> {
      ids = TRY(find_containing(reader, tokenizer, terms));
      return {};
    });
  }));
  return ids;
}

}  // namespace mimeme
