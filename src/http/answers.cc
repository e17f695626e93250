#include "http/answers.h"

#include "base/utf8.h"

namespace mimeme {
namespace {

constexpr const char* kKinds[] = {"exact", "prefix", "confused", "typo", "part"};

Json to_json(const ExplainedMatch& match) {
  Json::Object object{{"field", name_of(match.field)},
                      {"kind", kKinds[static_cast<int>(match.kind)]},
                      {"context", match.context},
                      {"begin", match.begin},
                      {"end", match.end},
                      {"match", match.context.substr(match.begin, match.end - match.begin)}};
  if (match.corners) object.emplace_back("corners", to_json(*match.corners));
  return object;
}

}  // namespace

const char* name_of(TextField field) {
  static constexpr const char* kFields[] = {"says", "description", "category", "name"};
  return kFields[static_cast<int>(field)];
}

Json::Object to_json(const ImageRecord& image) {
  Json::Array paths;
  for (const std::string& path : image.paths) paths.emplace_back(to_utf8(path));
  return {{"id", image.id},
          {"paths", std::move(paths)},
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

Json::Object to_json(const ImageText& text) {
  Json::Array lines, paths;
  for (const TextLine& line : text.lines) {
    lines.push_back(Json::Object{{"text", line.text},
                                 {"confidence", static_cast<double>(line.confidence)},
                                 {"corners", to_json(line.corners)}});
  }
  for (const std::string& path : text.paths) paths.emplace_back(to_utf8(path));
  return {{"id", text.id},
          {"description", text.description},
          {"category", text.category},
          {"suggested_category", text.suggested_category},
          {"lines", std::move(lines)},
          {"paths", std::move(paths)}};
}

Json::Object to_json(const SimilarHit& hit) {
  Json::Object object = to_json(hit.image);
  object.emplace(object.begin() + 1, "similarity", static_cast<double>(hit.similarity));
  return object;
}

Json::Object to_json(const ExplainedHit& hit) {
  Json::Array matches;
  for (const ExplainedMatch& match : hit.matches) matches.push_back(to_json(match));
  Json::Object object = to_json(hit.image);
  object.emplace(object.begin() + 1, "similarity", static_cast<double>(hit.hit.similarity));
  object.emplace_back("description", hit.description);
  object.emplace_back("category", hit.category);
  object.emplace_back("category_is_suggested", hit.is_suggested);
  object.emplace_back("why", Json::Object{{"text", static_cast<double>(hit.hit.text)},
                                          {"meaning", static_cast<double>(hit.hit.meaning)},
                                          {"picture", static_cast<double>(hit.hit.picture)},
                                          {"matches", std::move(matches)}});
  return object;
}

}  // namespace mimeme
