// What is known, as JSON: the same in the API's answers and behind the command line's --json.
#ifndef MIMEME_HTTP_ANSWERS_H_
#define MIMEME_HTTP_ANSWERS_H_

#include "base/json.h"
#include "engine/search.h"
#include "engine/word_search.h"

namespace mimeme {

// What every answer says of an image.
Json::Object to_json(const ImageRecord& image);
// [[x, y], …]
Json::Array to_json(const Quad& corners);
Json::Object to_json(const ImageText& text);
Json::Object to_json(const SimilarHit& hit);
Json::Object to_json(const ExplainedHit& hit);

// How a field is called, and how a word matched: "says", "exact"…
const char* name_of(TextField field);

}  // namespace mimeme

#endif  // MIMEME_HTTP_ANSWERS_H_
