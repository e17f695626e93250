#include "http/api.h"

#include <strings.h>

#include <limits>
#include <utility>
#include <vector>

#include "base/number.h"
#include "base/utf8.h"
#include "core/sha256.h"
#include "engine/edit.h"
#include "engine/search.h"
#include "engine/words.h"
#include "http/answers.h"
#include "http/problem.h"
#include "http/target.h"
#include "media/scan.h"

namespace mimeme {
namespace {

constexpr int kMaxPage = 1000;  // as many as a search by words gives

HttpResponse answer(Json::Object object) { return {.body = Json(std::move(object)).dump()}; }

std::string media_type(const std::string& format) {
  return format.empty() ? "application/octet-stream" : "image/" + format;
}

// Everything known of one image.
Result<HttpResponse> show(Library& library, ImageId id) {
  Json::Object object = to_json(TRY(library.catalog().image(id)));
  const auto texts = TRY(library.catalog().texts({&id, 1}));
  for (const ImageText& text : texts) append_words(object, text);
  return answer(std::move(object));
}

Result<HttpResponse> list(Library& library, const HttpTarget& target) {
  const auto after = TRY(target.get_integer("after", 0, 0, std::numeric_limits<int64_t>::max()));
  const auto limit = TRY(target.get_integer("limit", 100, 1, kMaxPage));
  const auto page = TRY(library.catalog().images(after, static_cast<int>(limit)));
  Json next;
  if (static_cast<int64_t>(page.size()) == limit) next = page.back().id;
  return answer({{"images", to_json(page)}, {"next", std::move(next)}});
}

// Its bytes, as they lie on the disk. An image is its bytes, so this may be cached for ever; only
// what was indexed is ever sent: a file that has changed since is not.
Result<HttpResponse> original(Library& library, ImageId id, const DecodeLimits& limits,
                              const HttpRequest& request) {
  const ImageRecord image = TRY(library.catalog().image(id));
  HttpResponse response{.content_type = media_type(image.info.format)};
  const std::string etag = '"' + to_hex(image.sha256) + '"';
  response.headers = {{"ETag", etag},
                      {"Cache-Control", "private, max-age=31536000, immutable"},
                      {"X-Content-Type-Options", "nosniff"}};
  for (const auto& [name, value] : request.headers) {
    if (value != etag || strcasecmp(name.c_str(), "If-None-Match") != 0) continue;
    response.status = 304;
    return response;
  }
  for (const std::string& path : image.paths) {
    const auto file = read_file(path, limits.max_bytes);
    if (!file || file->sha256 != image.sha256) continue;
    response.body.assign(file->bytes.begin(), file->bytes.end());
    return response;
  }
  return Error{ErrorCode::kNotFound,
               "the file of image " + std::to_string(id) + " is gone or has changed"};
}

Result<HttpResponse> similar(Library& library, const Query& query, std::vector<ImageId> exclude,
                             const HttpTarget& target) {
  const SimilarOptions options{
      .limit = static_cast<int>(TRY(target.get_integer("limit", 20, 1, kMaxPage))),
      .min_similarity = static_cast<float>(TRY(target.get_share("min"))),
      .exclude = std::move(exclude)};
  const auto hits = TRY(with_images(library, TRY(nearest(library, query, options))));
  return answer({{"hits", to_json(hits)}});
}

Result<HttpResponse> search(const WordSearch& by_words, const HttpTarget& target) {
  const std::string text = target.get("q");
  const auto found = TRY(
      by_words.search(TRY(parse_query(text)),
                      {.limit = static_cast<int>(TRY(target.get_integer("limit", 20, 1, kMaxPage))),
                       .min_similarity = static_cast<float>(TRY(target.get_share("min")))}));
  const auto hits = TRY(by_words.explain(found));
  return answer({{"query", to_utf8(text)}, {"hits", to_json(hits)}});
}

// {"description"?, "category"?}; null or "" takes it away.
Result<HttpResponse> edit(Library& library, ImageId id, const std::string& body) {
  auto json = Json::parse(body);
  if (!json) return Error{ErrorCode::kInvalidArgument, "the body: " + json.error().message};
  if (json->object() == nullptr || json->object()->empty())
    return Error{ErrorCode::kInvalidArgument,
                 "the body must be an object with `description`, `category` or both"};
  for (const auto& [key, value] : *json->object()) {  // all is looked at before anything is done
    if (key != "description" && key != "category")
      return Error{ErrorCode::kInvalidArgument,
                   "`" + key + "` cannot be edited: description, category"};
    if (!value.is_null() && value.string() == nullptr)
      return Error{ErrorCode::kInvalidArgument, "`" + key + "` must be a text or null"};
  }
  const int64_t before = TRY(library.catalog().text_seq());
  for (const auto& [key, value] : *json->object()) {
    const std::string text = value.string() ? *value.string() : "";
    if (key == "description") TRY(describe(library, id, text));
    if (key == "category") TRY(name_category(library, id, text));
  }
  TRY(embed_texts(library, before));
  return show(library, id);
}

Result<HttpResponse> forget(Library& library, ImageId id) {
  TRY(library.catalog().image(id));
  TRY(library.catalog().remove_images({&id, 1}));
  TRY(library.refresh());
  return HttpResponse{.status = 204, .content_type = ""};
}

Result<HttpResponse> status(Library& library) {
  const CatalogCounts counts = TRY(library.catalog().counts());
  const WordCounts words = TRY(library.catalog().word_counts());
  return answer({{"images", counts.images},
                 {"files", counts.files},
                 {"failed_files", counts.failed_files},
                 {"bytes", counts.bytes},
                 {"embedded", counts.embedded},
                 {"read", words.read},
                 {"described", words.described},
                 {"with_category", words.with_category},
                 {"with_suggestion", words.with_suggestion}});
}

}  // namespace

Result<std::unique_ptr<Api>> Api::open(Library& library, const DecodeLimits& limits) {
  auto by_words = TRY(WordSearch::open(library));
  return std::unique_ptr<Api>(
      new Api(library, limits, std::move(by_words), library.open_encoder({.threads = 0})));
}

HttpResponse Api::operator()(const HttpRequest& request) const {
  const auto respond = [&]() -> Result<HttpResponse> {
    const HttpTarget target = TRY(parse_target(request.target));
    const auto& path = target.path;
    const bool reads = request.method == "GET" || request.method == "HEAD";
    const auto only = [&](const char* methods) {
      return method_not_allowed(request.method, methods);
    };
    if (path == std::vector<std::string>{"healthz"} || path == std::vector<std::string>{"readyz"})
      return reads ? answer({{"status", "ok"}}) : only("GET, HEAD");
    const Error none{ErrorCode::kNotFound, "no such address"};
    if (path.size() < 3 || path[0] != "api" || path[1] != "v1") return none;
    if (path.size() == 3) {
      if (path[2] == "status") return reads ? status(library_) : only("GET, HEAD");
      if (path[2] == "images") return reads ? list(library_, target) : only("GET, HEAD");
      if (path[2] == "search") return reads ? search(*by_words_, target) : only("GET, HEAD");
      if (path[2] != "similar") return none;
      if (request.method != "POST") return only("POST");
      const auto encoder = [&]() -> Result<const ImageEncoder*> {
        if (!encoder_) return encoder_.error();
        return encoder_->get();
      };
      const std::string& sent = request.body;
      const Query query =
          TRY(query_by_bytes(library_, {reinterpret_cast<const uint8_t*>(sent.data()), sent.size()},
                             sha256(sent.data(), sent.size()), limits_, encoder));
      return similar(library_, query, {}, target);
    }
    if (path[2] != "images" || path.size() > 5) return none;
    const ImageId id = parse_number<ImageId>(path[3]).value_or(0);
    if (id < 1) return Error{ErrorCode::kNotFound, "no image has this number"};
    if (path.size() == 4) {
      if (reads) return show(library_, id);
      if (request.method == "PATCH") return edit(library_, id, request.body);
      if (request.method == "DELETE") return forget(library_, id);
      return only("GET, HEAD, PATCH, DELETE");
    }
    if (path[4] != "original" && path[4] != "similar") return none;
    if (!reads) return only("GET, HEAD");
    if (path[4] == "original") return original(library_, id, limits_, request);
    // Its neighbours are asked for.
    return similar(library_, TRY(query_by_id(library_, id)), {id}, target);
  };
  auto response = respond();
  return response ? *std::move(response) : problem(response.error());
}

}  // namespace mimeme
