// What is known, as JSON: the same in the API's answers and behind the command line's --json.
#ifndef MIMEME_HTTP_ANSWERS_H_
#define MIMEME_HTTP_ANSWERS_H_

#include <vector>

#include "base/json.h"
#include "engine/comparison.h"
#include "engine/jobs.h"
#include "engine/search.h"
#include "engine/word_search.h"

namespace mimeme {

// File names, as UTF-8 (base/utf8.h).
Json::Array paths_to_json(const std::vector<std::string>& paths);
// What every answer says of an image.
Json::Object to_json(const ImageRecord& image);
// [[x, y], …]
Json::Array to_json(const Quad& corners);
Json::Array to_json(const Region& box);
Json::Object to_json(const TextLine& line);
Json::Object to_json(const ImageText& text);
// What is known of an image in words, without its id and paths.
void append_words(Json::Object& object, const ImageText& text);
Json::Object to_json(const SimilarHit& hit);
Json::Object to_json(const DuplicateGroup& group);
Json::Object to_json(const Family& family);
Json::Object to_json(const UnnamedFamily& family);
Json::Object to_json(const ExplainedMatch& match);
Json::Object to_json(const ExplainedHit& hit);

template <typename T>
Json::Array to_json(const std::vector<T>& items) {
  Json::Array list;
  for (const T& item : items) list.emplace_back(to_json(item));
  return list;
}

// Everything known of one image. kNotFound.
Result<Json::Object> image_detail(Library& library, ImageId id);
// What the library holds: `mimeme status` and the API say the same.
Result<Json::Object> status_to_json(Library& library);
Json::Object to_json(const Job& job);
// How a field is called: "says"…
const char* name_of(TextField field);

}  // namespace mimeme

#endif  // MIMEME_HTTP_ANSWERS_H_
