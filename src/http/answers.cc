#include "http/answers.h"

#include "base/utf8.h"

namespace mimeme {

Json::Object to_json(const TextLine& line) {
  return {{"text", line.text},
          {"confidence", static_cast<double>(line.confidence)},
          {"corners", to_json(line.corners)}};
}

Json::Object to_json(const ExplainedMatch& match) {
  static constexpr const char* kKinds[] = {"exact", "prefix", "confused", "typo", "part"};
  Json::Object object{{"field", name_of(match.field)},
                      {"kind", kKinds[static_cast<int>(match.kind)]},
                      {"context", match.context},
                      {"begin", match.begin},
                      {"end", match.end},
                      {"match", match.context.substr(match.begin, match.end - match.begin)}};
  if (match.corners) object.emplace_back("corners", to_json(*match.corners));
  return object;
}

const char* name_of(TextField field) {
  static constexpr const char* kFields[] = {"says", "description", "category", "name"};
  return kFields[static_cast<int>(field)];
}

Json::Array paths_to_json(const std::vector<std::string>& paths) {
  Json::Array list;
  for (const std::string& path : paths) list.emplace_back(to_utf8(path));
  return list;
}

Json::Object to_json(const ImageRecord& image) {
  return {{"id", image.id},
          {"paths", paths_to_json(image.paths)},
          {"format", image.info.format},
          {"width", image.info.width},
          {"height", image.info.height},
          {"bytes", image.bytes},
          {"sha256", to_hex(image.sha256)}};
}

Json::Array to_json(const Quad& corners) {
  Json::Array points;
  for (const auto& [x, y] : corners)
    points.emplace_back(Json::Array{static_cast<double>(x), static_cast<double>(y)});
  return points;
}

void append_words(Json::Object& object, const ImageText& text) {
  object.emplace_back("description", text.description);
  object.emplace_back("category", text.category);
  object.emplace_back("suggested_category", text.suggested_category);
  object.emplace_back("lines", to_json(text.lines));
}

Json::Object to_json(const ImageText& text) {
  Json::Object object{{"id", text.id}};
  append_words(object, text);
  object.emplace_back("paths", paths_to_json(text.paths));
  return object;
}

Json::Object to_json(const SimilarHit& hit) {
  Json::Object object = to_json(hit.image);
  object.emplace(object.begin() + 1, "similarity", static_cast<double>(hit.similarity));
  return object;
}

Json::Object to_json(const ExplainedHit& hit) {
  Json::Object object = to_json(hit.image);
  object.emplace(object.begin() + 1, "similarity", static_cast<double>(hit.hit.similarity));
  object.emplace_back("description", hit.description);
  object.emplace_back("category", hit.category);
  object.emplace_back("category_is_suggested", hit.is_suggested);
  object.emplace_back("why", Json::Object{{"text", static_cast<double>(hit.hit.text)},
                                          {"meaning", static_cast<double>(hit.hit.meaning)},
                                          {"picture", static_cast<double>(hit.hit.picture)},
                                          {"matches", to_json(hit.matches)}});
  return object;
}

}  // namespace mimeme
