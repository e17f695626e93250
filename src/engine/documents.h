// What is known of an image in words → what is searched: the fields of the full-text index, and the
// text whose meaning is embedded. Pure but for follow().
#ifndef MIMEME_ENGINE_DOCUMENTS_H_
#define MIMEME_ENGINE_DOCUMENTS_H_

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "index/text_index.h"
#include "store/catalog.h"

namespace mimeme {

// Lines below this confidence are searched for their letters, but say nothing of the meaning.
inline constexpr float kConfidentLine = 0.8F;

// Its ocr field is the lines, each with a newline after it.
TextDocument to_document(const ImageText& text);

// Category, description and confident lines. Empty if there are none.
std::string meaning_text(const ImageText& text);

// Brings the full-text index up to the catalog; tells how many documents it has looked at. kCorrupt
// also for an index of a later state than the catalog, which an older copy was put in place of.
Result<> follow(TextIndex& index, Catalog& catalog,
                const std::function<void(int64_t done)>& progress);

}  // namespace mimeme

#endif  // MIMEME_ENGINE_DOCUMENTS_H_
