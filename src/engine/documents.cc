#include "engine/documents.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/utf8.h"

namespace mimeme {
namespace {

constexpr int kPage = 512;  // documents in one transaction of the index

// "/a/Grumpy Cat.jpg" and "/b/Grumpy Cat.png" are called "Grumpy Cat".
std::string names_of(const std::vector<std::string>& paths) {
  std::vector<std::string> names;
  for (const std::string& path : paths) {
    std::string name = to_utf8(std::filesystem::path(path).stem().string());
    if (std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(std::move(name));
  }
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : "\n") + name;
  return all;
}

const std::string& family_of(const ImageText& text) {
  return text.category.empty() ? text.suggested_category : text.category;
}

}  // namespace

TextDocument to_document(const ImageText& text) {
  TextDocument document{.id = text.id,
                        .ocr = {},
                        .description = text.description,
                        .category = family_of(text),
                        .name = names_of(text.paths)};
  for (const TextLine& line : text.lines) (document.ocr += line.text) += '\n';
  return document;
}

std::string meaning_text(const ImageText& text) {
  std::string meaning;
  const auto say = [&](const std::string& sentence) {
    if (!sentence.empty()) (meaning += meaning.empty() ? "" : ". ") += sentence;
  };
  say(family_of(text));
  say(text.description);
  std::string words;
  for (const TextLine& line : text.lines)
    if (line.confidence >= kConfidentLine) (words += words.empty() ? "" : " ") += line.text;
  say(words);
  return meaning;
}

Result<> follow(TextIndex& index, Catalog& catalog,
                const std::function<void(int64_t done)>& progress) {
  const int64_t seq = TRY(index.seq());
  const auto removals = TRY(catalog.text_removals_since(seq));
  if (removals.seq == seq) return {};
  if (removals.seq < seq)
    return Error{ErrorCode::kCorrupt, "the text index is of a later state than the catalog"};
  TRY(index.remove(removals.ids, seq));
  int64_t done = 0;
  for (int64_t at = seq;;) {
    const TextPage page = TRY(catalog.texts_since(at, kPage));
    if (page.texts.empty()) break;
    std::vector<TextDocument> documents;
    for (const ImageText& text : page.texts) documents.push_back(to_document(text));
    at = page.seq;
    // Not beyond the removals that were read: one may have come since.
    TRY(index.upsert(documents, std::min(at, removals.seq)));
    progress(done += static_cast<int64_t>(documents.size()));
  }
  return index.remove({}, removals.seq);
}

}  // namespace mimeme
