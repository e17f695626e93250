#include "http/answers.h"

#include <filesystem>

#include "base/clock.h"
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
  Json::Object object{{"id", image.id},
                      {"paths", paths_to_json(image.paths)},
                      {"format", image.info.format},
                      {"width", image.info.width},
                      {"height", image.info.height},
                      {"bytes", image.bytes},
                      {"sha256", to_hex(image.sha256)},
                      {"added_at", time_text(image.added_at_us)}};
  if (!image.info.preview.empty()) object.emplace_back("preview", image.info.preview);
  return object;
}

Json::Array to_json(const Quad& corners) {
  Json::Array points;
  for (const auto& [x, y] : corners)
    points.emplace_back(Json::Array{static_cast<double>(x), static_cast<double>(y)});
  return points;
}

Json::Array to_json(const Region& box) { return {box.left, box.top, box.width, box.height}; }

void append_words(Json::Object& object, const ImageText& text) {
  static constexpr const char* kBy[] = {"labels", "vision_model", "user"};
  object.emplace_back("description", text.description);
  object.emplace_back("described_by", kBy[static_cast<int>(text.described_by)]);
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
  object.emplace(object.begin() + 2, "relation", name_of(relation_of(hit.similarity)));
  if (hit.part) object.emplace_back("box", to_json(*hit.part));
  return object;
}

Json::Object to_json(const DuplicateGroup& group) {
  Json::Array images;
  for (const auto& [image, similarity] : group.images) {
    Json::Object object = to_json(image);
    object.emplace(object.begin() + 1, "similarity", static_cast<double>(similarity));
    images.emplace_back(std::move(object));
  }
  return {{"best", group.images.front().image.id}, {"images", std::move(images)}};
}

Json::Object to_json(const Family& family) {
  Json::Array cover;
  for (const ImageId id : family.cover) cover.emplace_back(id);
  return {{"name", family.name},
          {"images", family.images},
          {"suggested", family.suggested},
          {"cover", std::move(cover)}};
}

Json::Object to_json(const UnnamedFamily& family) {
  Json::Array images;
  for (const auto& [image, category] : family.images) {
    Json::Object object = to_json(image);
    object.emplace_back("category", category);
    images.emplace_back(std::move(object));
  }
  return {{"name", family.name}, {"images", std::move(images)}};
}

Json::Object to_json(const ExplainedHit& hit) {
  Json::Object object = to_json(hit.image);
  object.emplace(object.begin() + 1, "similarity", static_cast<double>(hit.hit.similarity));
  if (hit.hit.relation) object.emplace(object.begin() + 2, "relation", name_of(*hit.hit.relation));
  if (hit.hit.part) object.emplace_back("box", to_json(*hit.hit.part));
  object.emplace_back("description", hit.description);
  object.emplace_back("category", hit.category);
  object.emplace_back("category_is_suggested", hit.is_suggested);
  object.emplace_back("why", Json::Object{{"text", static_cast<double>(hit.hit.text)},
                                          {"meaning", static_cast<double>(hit.hit.meaning)},
                                          {"picture", static_cast<double>(hit.hit.picture)},
                                          {"like", static_cast<double>(hit.hit.like)},
                                          {"matches", to_json(hit.matches)}});
  return object;
}

Result<Json::Object> image_detail(Library& library, ImageId id) {
  Json::Object object = to_json(TRY(library.catalog().image(id)));
  const auto texts = TRY(library.catalog().texts({&id, 1}));
  if (texts.empty())
    return Error{ErrorCode::kNotFound, "image " + std::to_string(id) + " has gone"};
  append_words(object, texts.front());
  return object;
}

Result<Json::Object> status_to_json(Library& library) {
  Catalog& catalog = library.catalog();
  const CatalogCounts counts = TRY(catalog.counts());
  const WordCounts words = TRY(catalog.word_counts());
  const auto active = TRY(catalog.active_model());
  const auto projection = TRY(catalog.projection());
  const auto searchable = library.searchable();
  const int64_t catalog_bytes = TRY(catalog.bytes_on_disk());
  Json model, projected;
  if (active) model = active->name;
  if (projection) {
    Json::Array ratios;
    for (const float ratio : projection->explained_variance_ratio)
      ratios.emplace_back(static_cast<double>(ratio));
    projected = Json::Object{{"kind", projection->kind},
                             {"input_dim", projection->input_dim},
                             {"output_dim", projection->output_dim},
                             {"fitted_on", projection->fitted_on},
                             {"explained_variance_ratio", std::move(ratios)}};
  }
  Json::Object object{{"library", to_utf8(library.directory())},
                      {"version", MIMEME_VERSION},
                      {"images", counts.images},
                      {"files", counts.files},
                      {"failed_files", counts.failed_files},
                      {"bytes", counts.bytes},
                      {"catalog_bytes", catalog_bytes},
                      {"folders", paths_to_json(TRY(catalog.roots()))},
                      {"model", std::move(model)},
                      {"embedded", counts.embedded},
                      {"searchable", searchable ? searchable->index->size() : 0},
                      {"read", words.read},
                      {"described", words.described},
                      {"described_by_user", words.described_by_user},
                      {"with_category", words.with_category},
                      {"with_suggestion", words.with_suggestion},
                      {"projection", std::move(projected)}};
  if (searchable) object.emplace_back("isa", searchable->index->isa());
  return object;
}

Json::Object to_json(const Job& job) {
  static constexpr const char* kStates[] = {"waiting", "running", "done", "failed", "cancelled"};
  const auto time = [](int64_t us) {
    Json text;
    if (us != 0) text = time_text(us);
    return text;
  };
  return {{"number", job.number},
          {"kind", job.kind},
          {"state", kStates[static_cast<int>(job.state)]},
          {"stage", job.progress.stage},
          {"done", job.progress.done},
          {"total", job.progress.total},
          {"failed", job.progress.failed},
          {"started_at", time(job.started_at_us)},
          {"ended_at", time(job.ended_at_us)},
          {"error", job.error}};
}

}  // namespace mimeme
