#include "engine/search.h"

#include <algorithm>

#include "core/half.h"
#include "media/scan.h"

namespace mimeme {

IdFilter SimilarOptions::wanted() const {
  if (exclude.empty()) return filter;
  return {[this](ImageId id) {
            return std::find(exclude.begin(), exclude.end(), id) == exclude.end() &&
                   (!filter || filter(id));
          },
          filter.among};
}

Result<> check_model(const Library& library, const ImageEncoder& encoder) {
  const auto searchable = library.searchable();
  if (searchable && searchable->record.input_dim != encoder.manifest().dim)
    return Error{ErrorCode::kConflict, "the library has got another model: start again"};
  return {};
}

Query query_by_look(const Library& library, std::shared_ptr<const QueryLook> look) {
  const auto searchable = library.searchable();
  if (!searchable) return {};
  return {.vector = searchable->project(look->glance().views.front().raw),
          .look = std::move(look),
          .space = searchable};
}

Result<Query> query_by_id(Library& library, ImageId id, By by) {
  const auto searchable = library.searchable();
  // Not the vector that the catalog has: it may be of a projection that this process has not yet.
  const auto embedding = searchable ? TRY(library.catalog().embedding(id, searchable->record.model))
                                    : std::optional<std::vector<Half>>();
  if (!embedding)
    return Error{ErrorCode::kNotFound,
                 "no image " + std::to_string(id) + " in " + library.directory()};
  Query query{
      .vector = searchable->project(to_float(*embedding)), .image = id, .space = searchable};
  const Details* const details = library.details();
  if (!details || by == By::kVector) return query;
  auto stored = TRY(details->get({&id, 1}));
  if (stored.empty()) return query;
  stored.front().parts = TRY(details->parts(id, searchable->record.model));
  // Damaged details are left out, here and in match(): `mimeme check` finds them.
  if (auto look = to_look(stored.front()))
    query.look = std::make_shared<const QueryLook>(*std::move(look));
  return query;
}

Result<Query> query_by_file(Library& library, const std::string& path, const DecodeLimits& limits,
                            const std::function<Result<const ImageEncoder*>()>& encoder) {
  const FileBytes file = TRY(read_file(path, limits.max_bytes), path);
  return TRY(query_by_bytes(library, file.bytes, file.sha256, limits, encoder), path);
}

Result<Query> query_by_bytes(Library& library, std::span<const uint8_t> bytes, const Sha256& sha256,
                             const DecodeLimits& limits,
                             const std::function<Result<const ImageEncoder*>()>& encoder) {
  const auto model = TRY(library.catalog().active_model());
  if (model) {
    const auto known = TRY(library.catalog().find_embedded(sha256, model->id));
    const auto searchable = library.searchable();
    if (known && searchable && searchable->record.model == model->id)
      return query_by_id(library, *known);
  }
  if (!library.searchable()) {  // nothing to compare with, but it must be a picture
    TRY(decode(bytes, decode_target(TRY(library.model())), limits));
    return Query{};
  }
  const ImageEncoder& by = *TRY(encoder());
  TRY(check_model(library, by));
  return query_by_look(library, TRY(QueryLook::at(bytes, std::nullopt, limits, by)));
}

Result<std::vector<Hit>> nearest(const Library& library, const Query& query,
                                 const SimilarOptions& options) {
  const auto searchable = query.space ? query.space : library.searchable();
  if (!searchable || query.vector.empty()) return std::vector<Hit>{};
  if (static_cast<int>(query.vector.size()) != searchable->record.output_dim)
    return Error{ErrorCode::kConflict, "the projection changed under the query: try again"};
  SearchOptions search{.limit = options.limit, .min_similarity = options.min_similarity};
  search.filter = options.wanted();
  return searchable->index->search(query.vector, search);
}

Result<std::vector<SimilarHit>> with_images(Library& library, std::span<const Hit> hits) {
  std::vector<ImageId> ids;
  for (const Hit& hit : hits) ids.push_back(hit.id);
  std::vector<ImageRecord> images = TRY(library.catalog().images_by_id(ids));
  std::vector<SimilarHit> found;
  auto image = images.begin();
  for (const Hit& hit : hits) {  // both in the order of hits; images may lack some
    if (image == images.end() || image->id != hit.id) continue;
    found.push_back({.image = std::move(*image), .similarity = hit.similarity, .part = hit.part});
    ++image;
  }
  return found;
}

}  // namespace mimeme
