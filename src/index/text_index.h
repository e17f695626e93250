// Full-text search over what is written in, known of and named after each image. Derived data: it
// can always be made again from the catalog. It lies in an SQLite file of its own, or in whatever
// other TextStore (core/text_store.h); what is found and how it ranks is the same.
//
// What a word of the query finds, best first (docs/decisions/0005): the same word or another form
// of it (Porter stems); words that begin with it (from 3 letters); words that look the same to text
// recognition (0/O, 1/l/I, 5/S, 8/B, rn/m, vv/w), also run together or torn apart; words with one
// wrong letter (from 4 letters); words that contain it (from 4 letters). Accents and case do not
// matter.
//
// Threads: every method may be called from any thread. Searches run beside one another and beside a
// writer, and see the state of the last committed change; writers take turns. One process writes at
// a time (the library's lock sees to it). Errors: kCorrupt (make it anew), kIo, kBusy, kInternal;
// of a server also kUnavailable and kConflict (another version has made it anew).
#ifndef MIMEME_INDEX_TEXT_INDEX_H_
#define MIMEME_INDEX_TEXT_INDEX_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "core/query.h"
#include "core/text_store.h"
#include "core/types.h"

namespace mimeme {

class Tokenizer;

enum class MatchKind { kExact, kPrefix, kConfused, kTypo, kPart };
inline constexpr size_t kMatchKinds = 5;

// A place in a document that the query found.
struct TextMatch {
  TextField field = TextField::kOcr;
  size_t begin = 0, end = 0;  // bytes of the field
  MatchKind kind = MatchKind::kExact;
  bool operator==(const TextMatch&) const = default;
};

struct TextHit {
  ImageId id = 0;
  float score = 0;                 // 0..1; from 0.5 on the document has every word of the query
  float coverage = 0;              // 0..1: the words it has, by how rare they are; 1: every word
  std::vector<TextMatch> matches;  // by field, then place; none overlap
};

struct TextSearchOptions {
  int limit = 20;
  std::array<double, kTextFields> weights = {1, 0.8, 1.2, 0.6};  // of the fields
  // Which images may be hits; empty means all. Must be quick and not call back.
  std::function<bool(ImageId)> filter;
};

class TextIndex {
 public:
  // An empty index that shows change 0, in place of whatever lay there.
  static Result<std::unique_ptr<TextIndex>> create(const std::string& path);
  // kNotFound; kCorrupt for anything else than an index of this version.
  static Result<std::unique_ptr<TextIndex>> open(const std::string& path);
  static std::unique_ptr<TextIndex> over(std::unique_ptr<TextStore> store);
  ~TextIndex();

  // The last change of the catalog that the index shows.
  Result<int64_t> seq() const;
  Result<int64_t> count() const;
  // Reads all of it: kCorrupt if it is damaged or does not agree with itself. For `check`.
  Result<> verify() const;
  // The document as it was given, or none. For `check`.
  Result<std::optional<TextDocument>> row(ImageId id) const;

  // Each all or nothing, together with the new seq. A document whose id is there replaces it;
  // unknown ids are passed over.
  Result<> upsert(std::span<const TextDocument> documents, int64_t seq);
  Result<> remove(std::span<const ImageId> ids, int64_t seq);

  // Best first, equal ones by id: documents with every word before those with some; then by BM25
  // over the fields, how well the words match, and how many stand one after the other. Documents
  // without a phrase of the query, or with something it excludes, are none. The query's filters are
  // the caller's. Of a query the first 16 words count; without a word to find, it finds nothing.
  // Bounded work: of thousands of equally good documents, the newest are looked at.
  Result<std::vector<TextHit>> search(const TextQuery& query,
                                      const TextSearchOptions& options = {}) const;

  // By id: the documents with one of the terms, each word in any of its forms, the words of a term
  // one after the other. What search() does not show if the terms are excluded.
  Result<std::vector<ImageId>> containing(std::span<const TextTerm> terms) const;

 private:
  explicit TextIndex(std::unique_ptr<TextStore> store);
  Result<> change(std::span<const ImageId> out, std::span<const TextDocument> in, int64_t seq);
  Result<std::unique_ptr<Tokenizer>> take_tokenizer() const;
  template <typename F>
  std::invoke_result_t<F, Tokenizer&> with_tokenizer(F f) const;

  const std::unique_ptr<TextStore> store_;
  mutable Mutex mu_;
  mutable std::vector<std::unique_ptr<Tokenizer>> idle_ GUARDED_BY(mu_);
};

}  // namespace mimeme

#endif  // MIMEME_INDEX_TEXT_INDEX_H_
