// One search of the text index on one connection: the query's words → what they may look like in
// the index's vocabulary → candidates from FTS5 → the best of them. Called by TextIndex alone.
#ifndef MIMEME_INDEX_TEXT_SEARCH_H_
#define MIMEME_INDEX_TEXT_SEARCH_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "index/sqlite.h"
#include "index/text_index.h"

namespace mimeme {

inline constexpr size_t kMaxFieldBytes = 16384;  // of a field that are searched
inline constexpr size_t kMaxFuzzyLetters = 32;   // a longer word is found as it is only

// A field as it is searched: its words are those that Connection::tokenize() finds in this, at the
// same bytes.
std::string searched_text(std::string_view field);

// REQUIRES: a transaction, so that all statements see one state. Errors as of TextIndex::search().
Result<std::vector<TextHit>> search_text(sqlite::Connection& db, const TextQuery& query,
                                         const TextSearchOptions& options);

// TextIndex::containing().
Result<std::vector<ImageId>> find_containing(sqlite::Connection& db,
                                             std::span<const TextTerm> terms);

}  // namespace mimeme

#endif  // MIMEME_INDEX_TEXT_SEARCH_H_
