// The handlers of searches.
#include <cmath>
#include <optional>
#include <utility>

#include "base/number.h"
#include "core/sha256.h"
#include "engine/mixed_search.h"
#include "http/answers.h"
#include "http/api_impl.h"

namespace mimeme {
namespace {

constexpr double kMaxWeight = 10;
constexpr size_t kMaxParts = 16;  // each is a search of its own

// The part of the picture that is asked for, if any.
Result<std::optional<Region>> box_of(const Call& call) {
  const std::string text = call.target.get("box");
  if (text.empty()) return std::optional<Region>();
  return std::optional(TRY(parse_box(text)));
}

Answer similar(Library& library, const Query& query, std::vector<ImageId> exclude,
               const Call& call) {
  const SimilarOptions options{
      .limit = TRY(call.limit()),
      .min_similarity = static_cast<float>(TRY(call.target.get_share("min"))),
      .exclude = std::move(exclude)};
  const auto hits = TRY(with_images(library, TRY(match(library, query, options))));
  return answer({{"hits", to_json(hits)}});
}

}  // namespace

// JSON, and only in a POST: what another site's page can have a browser send without asking first
// fetches nothing.
Result<std::optional<std::string>> Api::Impl::fetch_picture(const Call& call) const {
  const std::string type = call.request.header("Content-Type");
  if (type.substr(0, type.find_first_of("; ")) != "application/json")
    return std::optional<std::string>();
  static constexpr const char* kMembers[] = {"url"};
  const Json json = TRY(parse_object(call.request.body, kMembers));
  const std::string* const url = json["url"].string();
  if (!url) return Error{ErrorCode::kInvalidArgument, "`url` must be a text"};
  return std::optional(TRY(fetcher.fetch(*url)));
}

Answer Api::Impl::similar_to_image(const Call& call) const {
  const ImageId id = TRY(call.id());
  const Query query = TRY(pictures.query(std::to_string(id), TRY(box_of(call))));
  return similar(library, query, {id}, call);  // its neighbours are asked for
}

Answer Api::Impl::similar_to_picture(const Call& call) const {
  const auto box = TRY(box_of(call));
  const auto fetched = TRY(fetch_picture(call));
  const std::span<const uint8_t> sent = as_bytes(fetched ? *fetched : call.request.body);
  if (box) {
    const ImageEncoder& by = *TRY(find_encoder());
    TRY(check_model(library, by));
    return similar(library,
                   query_by_look(library, TRY(QueryLook::at(sent, box, options.limits, by))), {},
                   call);
  }
  const Query query = TRY(query_by_bytes(library, sent, sha256(sent.data(), sent.size()),
                                         options.limits, [this] { return find_encoder(); }));
  return similar(library, query, {}, call);
}

Answer Api::Impl::add_query_picture(const Call& call) const {
  const auto fetched = TRY(fetch_picture(call));
  const QueryPicture picture = TRY(pictures.add(as_bytes(fetched ? *fetched : call.request.body)));
  Json image;
  if (picture.image) image = *picture.image;
  return answer({{"name", picture.name},
                 {"image", std::move(image)},
                 {"width", picture.width},
                 {"height", picture.height}});
}

Answer Api::Impl::get_query_thumbnail(const Call& call) const {
  TRY(pictures.find(call.name));
  return unchanging(call, call.name, "image/webp", [&]() -> Result<std::vector<uint8_t>> {
    return make_thumbnail(TRY(pictures.read(call.name)), kThumbnailSides[0], options.limits);
  });
}

Answer Api::Impl::search(const Call& call) const {
  struct Asked {
    std::optional<std::string> words, picture;
    std::optional<Region> box;
    double weight = 1;
  };
  std::vector<Asked> asked;
  for (const auto& [key, value] : call.target.query) {
    if (key == "q") asked.push_back({.words = value});
    if (key == "like") asked.push_back({.picture = value});
    if (asked.size() > kMaxParts)
      return Error{ErrorCode::kInvalidArgument,
                   "a search takes at most " + std::to_string(kMaxParts) + " of `q` and `like`"};
    if (key != "weight" && key != "box") continue;
    if (asked.empty() || (key == "box" && !asked.back().picture))
      return Error{ErrorCode::kInvalidArgument, "`" + key + "` must follow what it belongs to: " +
                                                    (key == "box" ? "like" : "q or like")};
    if (key == "box") asked.back().box = TRY(parse_box(value));
    if (key != "weight") continue;
    const auto weight = parse_number<double>(value);
    if (!weight || !(std::abs(*weight) <= kMaxWeight))
      return Error{ErrorCode::kInvalidArgument, "`weight` must be a number from -10 to 10"};
    asked.back().weight = *weight;
  }
  std::vector<QueryPart> parts;
  for (const Asked& one : asked) {
    QueryPart part{.weight = one.weight};
    if (one.words)
      part.words = TRY(parse_query(*one.words));
    else
      part.picture = TRY(pictures.query(*one.picture, one.box));
    parts.push_back(std::move(part));
  }
  const auto found =
      TRY(mixed_search(library, *by_words, parts,
                       {.limit = TRY(call.limit()),
                        .min_similarity = static_cast<float>(TRY(call.target.get_share("min")))}));
  return answer({{"hits", to_json(TRY(by_words->explain(found)))}});
}

}  // namespace mimeme
