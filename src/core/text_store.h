// Where the full-text index lies: its documents, the words that stand in them (the vocabulary), and
// which word stands where. What is looked for, and how what is found ranks, is the index's own
// (index/text_index.h), the same wherever it lies: beside the program in a file, or on the
// catalog's server.
#ifndef MIMEME_CORE_TEXT_STORE_H_
#define MIMEME_CORE_TEXT_STORE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "core/types.h"

namespace mimeme {

enum class TextField { kOcr, kDescription, kCategory, kName };
inline constexpr size_t kTextFields = 4;
inline constexpr size_t kSearchedBytes = 16384;  // of each field; what comes after is not found

// Any bytes.
struct TextDocument {
  ImageId id = 0;
  std::string ocr, description, category;
  std::string name;  // the file's, without folder and extension
  bool operator==(const TextDocument&) const = default;
};

// A word of a text.
struct TextToken {
  std::string word;           // folded
  std::string stem;           // Porter
  size_t begin = 0, end = 0;  // bytes of the text
};
using TextWords = std::array<std::vector<TextToken>, kTextFields>;  // of each field, by place

// A word that stands in so many documents.
struct VocabularyWord {
  std::string word, stem;
  int64_t docs = 0;
};

// How a word of the vocabulary is like a text (core/spelling.h).
enum class Likeness {
  kPrefix,  // begins with it
  kForm,    // has it as its canonical form
  kNear,    // the same, or is that but for one letter more; of words that are fuzzy
  kPart,    // contains it in its canonical form; of words that are fuzzy
};

// Documents that have words, in any of their forms (by their stems).
struct TextExpression {
  enum class Kind {
    kWords,    // one after the other in a field
    kAll,      // all of the parts
    kAny,      // one of the parts
    kWithout,  // the first part, and not the second
  };
  Kind kind = Kind::kWords;
  std::string words, stems;  // with a space between; at least one
  std::vector<TextExpression> parts;

  static TextExpression of(std::string words, std::string stems) {
    return {Kind::kWords, std::move(words), std::move(stems), {}};
  }
  static TextExpression of(Kind kind, std::vector<TextExpression> parts) {
    return {kind, {}, {}, std::move(parts)};
  }
};

// One state of the store. For one thread, as long as TextStore::read() lasts. Each call may be a
// round trip to a server: so each asks for many.
class TextReader {
 public:
  using Filter = std::function<bool(ImageId)>;  // empty: all

  virtual ~TextReader() = default;

  virtual Result<int64_t> count() = 0;  // of documents

  // Of each stem: the documents of its words, added up.
  virtual Result<std::vector<int64_t>> docs_with(std::span<const std::string> stems) = 0;
  // Of each text: the words like it that stand in a document, at most `limit`; the commonest first,
  // equal ones by word.
  virtual Result<std::vector<std::vector<VocabularyWord>>> look_up(
      Likeness likeness, std::span<const std::string> texts, int64_t limit) = 0;

  // Documents that are as the expression says and pass the filter, at most `limit`, the newest (by
  // id) first. Of documents with thousands of words it may also give such as have the words of a
  // kWords in other places, wanted or not.
  virtual Result<std::vector<ImageId>> newest(const TextExpression& expression, int64_t limit,
                                              const Filter& filter) = 0;
  // Of the newest `among`, the best: the rarer its words and the more of them, the more a document
  // is worth.
  virtual Result<std::vector<ImageId>> best(const TextExpression& expression,
                                            const std::array<double, kTextFields>& weights,
                                            int64_t among, int64_t limit, const Filter& filter) = 0;

  // In no order, unknown ids left out. Of longer fields at least the first kSearchedBytes.
  virtual Result<std::vector<TextDocument>> documents(std::span<const ImageId> ids) = 0;
};

// Threads: every method may be called from any thread; readers do not wait for a writer. Errors: as
// of TextIndex, and those of the catalog's server.
class TextStore {
 public:
  virtual ~TextStore() = default;

  virtual Result<int64_t> seq() = 0;  // of the last change
  virtual Result<int64_t> count() = 0;
  virtual Result<> verify() = 0;                                    // reads all; kCorrupt
  virtual Result<std::optional<TextDocument>> row(ImageId id) = 0;  // as it was given, or none

  // Runs f, which returns what it did; again from its beginning if the server went meanwhile.
  virtual Result<> read(const std::function<Result<>(TextReader&)>& f) = 0;

  // All or nothing. Takes out the documents of these ids, unknown ones passed over, and puts these
  // in, the last of an id, each in place of what was there. One process changes a store at a time.
  using Tokenize = std::function<Result<TextWords>(const TextDocument&)>;
  virtual Result<> change(std::span<const ImageId> out, std::span<const TextDocument> in,
                          int64_t seq, const Tokenize& tokenize) = 0;
};

}  // namespace mimeme

#endif  // MIMEME_CORE_TEXT_STORE_H_
