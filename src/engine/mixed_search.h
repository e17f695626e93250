// Several words and pictures at once, each with a weight.
#ifndef MIMEME_ENGINE_MIXED_SEARCH_H_
#define MIMEME_ENGINE_MIXED_SEARCH_H_

#include <optional>
#include <span>
#include <vector>

#include "core/query.h"
#include "engine/search.h"
#include "engine/word_search.h"

namespace mimeme {

struct QueryPart {
  TextQuery words;               // these, or
  std::optional<Query> picture;  // this
  double weight = 1;             // negative: unwanted; 0: it says nothing
};

struct MixedOptions {
  int limit = 20;  // up to 1000
  float min_similarity = 0;
};

// Best first. What is wanted (of positive weight) finds and ranks: an image's similarity is the
// mean of its similarities to it, by weight. What is unwanted only ever lowers that, by a share:
// the sum of |weight| × its similarity to the image, by the sum of the positive weights; of a share
// of 1 or more nothing is left, and the image is no hit. So an image that it does not find stays as
// it is, and of two that it finds equally, the one that is wanted more stays ahead. Similarities
// count from 0; those of unwanted words in meaning from the bound below which they are no hits.
//
// Filters and excluded terms of any part hold for all of them; so does it that the images asked
// with are no hits. Words alone rank as WordSearch does, one picture as match() does; similarities
// to several, and to unwanted ones, are cosines. Nothing if no weight is positive.
// kInvalidArgument: no part, or one that says nothing; others as match() and WordSearch::search().
Result<std::vector<WordHit>> mixed_search(const Library& library, const WordSearch& by_words,
                                          std::span<const QueryPart> parts,
                                          const MixedOptions& options);

}  // namespace mimeme

#endif  // MIMEME_ENGINE_MIXED_SEARCH_H_
