// One search of the text index in one state of its store: the query's words → what they may look
// like in the vocabulary → candidates → the best of them. Called by TextIndex alone.
#ifndef MIMEME_INDEX_TEXT_SEARCH_H_
#define MIMEME_INDEX_TEXT_SEARCH_H_

#include <span>
#include <vector>

#include "index/text_index.h"
#include "index/tokenizer.h"

namespace mimeme {

// Errors as of TextIndex::search().
Result<std::vector<TextHit>> search_text(TextReader& reader, Tokenizer& tokenizer,
                                         const TextQuery& query, const TextSearchOptions& options);

// TextIndex::containing().
Result<std::vector<ImageId>> find_containing(TextReader& reader, Tokenizer& tokenizer,
                                             std::span<const TextTerm> terms);

}  // namespace mimeme

#endif  // MIMEME_INDEX_TEXT_SEARCH_H_
