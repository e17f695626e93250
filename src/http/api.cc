#include "http/api.h"

#include <chrono>
#include <limits>
#include <utility>

#include "base/number.h"
#include "http/api_impl.h"
#include "http/assets.h"
#include "http/conditional.h"
#include "http/problem.h"

namespace mimeme {
namespace {

constexpr int kMaxPage = 1000;  // as many as a search by words gives

struct Route {
  const char* method;
  const char* path;  // {}: one segment, any
  Scope needed;
  Answer (Api::Impl::*handler)(const Call&) const;
};

// The contract's operations, as docs/api/openapi.yaml has them.
constexpr Route kRoutes[] = {
    {"GET", "/api/v1/images", Scope::kRead, &Api::Impl::list_images},
    {"POST", "/api/v1/images", Scope::kWrite, &Api::Impl::upload_images},
    {"GET", "/api/v1/images/{}", Scope::kRead, &Api::Impl::get_image},
    {"PATCH", "/api/v1/images/{}", Scope::kWrite, &Api::Impl::edit_image},
    {"DELETE", "/api/v1/images/{}", Scope::kWrite, &Api::Impl::delete_image},
    {"GET", "/api/v1/images/{}/original", Scope::kRead, &Api::Impl::get_original},
    {"GET", "/api/v1/images/{}/thumbnail", Scope::kRead, &Api::Impl::get_thumbnail},
    {"GET", "/api/v1/images/{}/similar", Scope::kRead, &Api::Impl::similar_to_image},
    {"POST", "/api/v1/similar", Scope::kRead, &Api::Impl::similar_to_picture},
    {"POST", "/api/v1/queries", Scope::kRead, &Api::Impl::add_query_picture},
    {"GET", "/api/v1/queries/{}/thumbnail", Scope::kRead, &Api::Impl::get_query_thumbnail},
    {"GET", "/api/v1/search", Scope::kRead, &Api::Impl::search},
    {"GET", "/api/v1/families", Scope::kRead, &Api::Impl::list_families},
    {"GET", "/api/v1/families/unnamed", Scope::kRead, &Api::Impl::list_unnamed},
    {"POST", "/api/v1/families/unnamed", Scope::kWrite, &Api::Impl::name_unnamed},
    {"GET", "/api/v1/suggestions", Scope::kRead, &Api::Impl::list_suggestions},
    {"POST", "/api/v1/suggestions", Scope::kWrite, &Api::Impl::answer_suggestions},
    {"GET", "/api/v1/duplicates", Scope::kRead, &Api::Impl::list_duplicates},
    {"POST", "/api/v1/duplicates", Scope::kWrite, &Api::Impl::tell_duplicates},
    {"GET", "/api/v1/jobs", Scope::kRead, &Api::Impl::list_jobs},
    {"POST", "/api/v1/jobs", Scope::kAdmin, &Api::Impl::start_job},
    {"DELETE", "/api/v1/jobs/{}", Scope::kAdmin, &Api::Impl::cancel_job},
    {"GET", "/api/v1/events", Scope::kRead, &Api::Impl::listen},
    {"GET", "/api/v1/status", Scope::kRead, &Api::Impl::get_status},
    {"GET", "/api/v1/failures", Scope::kRead, &Api::Impl::list_failures},
    {"GET", "/api/v1/session", Scope::kNone, &Api::Impl::get_session},
    {"POST", "/api/v1/session", Scope::kNone, &Api::Impl::sign_in},
    {"DELETE", "/api/v1/session", Scope::kNone, &Api::Impl::sign_out},
    {"GET", "/healthz", Scope::kNone, &Api::Impl::get_health},
    {"GET", "/readyz", Scope::kNone, &Api::Impl::get_readiness},
    {"GET", "/metrics", Scope::kRead, &Api::Impl::get_metrics},
};

// Whether the path is the route's; then `name` is what {} stands for.
bool fits(std::string_view route, const std::vector<std::string>& path, std::string& name) {
  for (const std::string& segment : path) {
    if (!route.starts_with('/')) return false;
    route.remove_prefix(1);
    const std::string_view wanted = route.substr(0, route.find('/'));
    if (wanted == "{}")
      name = segment;
    else if (wanted != segment)
      return false;
    route.remove_prefix(wanted.size());
  }
  return route.empty();
}

}  // namespace

Result<ImageId> Call::id() const {
  const auto number = parse_number<ImageId>(name);
  if (!number || *number < 1) return Error{ErrorCode::kNotFound, "no image has this number"};
  return *number;
}

Result<int> Call::limit() const {
  return static_cast<int>(TRY(target.get_integer("limit", 100, 1, kMaxPage)));
}

Result<int64_t> Call::cursor() const {
  return target.get_integer("cursor", 0, 0, std::numeric_limits<int64_t>::max());
}

HttpResponse answer(Json::Object object) { return {.body = Json(std::move(object)).dump()}; }

Answer unchanging(const Call& call, const std::string& etag, const std::string& content_type,
                  const std::function<Result<std::vector<uint8_t>>()>& bytes) {
  const std::string quoted = '"' + etag + '"';
  HttpResponse response{
      .content_type = content_type,
      .headers = {{"ETag", quoted}, {"Cache-Control", "private, max-age=31536000, immutable"}}};
  if (not_modified(call.request, quoted, response)) return response;
  const std::vector<uint8_t> body = TRY(bytes());
  response.body.assign(body.begin(), body.end());
  return response;
}

Result<Json> parse_object(const std::string& body, std::span<const char* const> members) {
  auto json = Json::parse(body);
  if (!json) return Error{ErrorCode::kInvalidArgument, "the body: " + json.error().message};
  std::string names;
  for (const char* const member : members)
    (names += names.empty() ? "" : ", ") += '`' + std::string(member) + '`';
  if (json->object() == nullptr || json->object()->empty())
    return Error{ErrorCode::kInvalidArgument, "the body must be an object with " + names};
  for (const auto& [key, value] : *json->object()) {
    bool is_known = false;
    for (const char* const member : members) is_known = is_known || key == member;
    if (!is_known)
      return Error{ErrorCode::kInvalidArgument, "`" + key + "` is not known here: " + names};
  }
  return json;
}

Result<Region> parse_box(const std::string& text) {
  double shares[4] = {};
  size_t n = 0, at = 0;
  bool is_right = true;
  for (; is_right && at <= text.size(); ++n) {
    const size_t comma = std::min(text.find(',', at), text.size());
    const auto share = parse_number<double>(text.substr(at, comma - at));
    is_right = n < 4 && share && *share >= 0 && *share <= 1;
    if (is_right) shares[n] = *share;
    at = comma + 1;
  }
  const auto& [left, top, width, height] = shares;
  constexpr double kRounding = 1e-6;
  if (!is_right || n != 4 || width <= 0 || height <= 0 || left + width > 1 + kRounding ||
      top + height > 1 + kRounding)
    return Error{ErrorCode::kInvalidArgument,
                 "`box` must be left,top,width,height as shares of the picture: 0.5,0,0.5,1"};
  return Region{.left = left, .top = top, .width = width, .height = height};
}

namespace {

FetchOptions within(FetchOptions fetch, const DecodeLimits& limits) {
  fetch.max_bytes = limits.max_bytes;
  return fetch;
}

}  // namespace

Api::Impl::Impl(Library& l, Jobs& j, Events& e, ApiOptions o, std::unique_ptr<WordSearch> w,
                Result<std::unique_ptr<ImageEncoder>> loaded)
    : library(l),
      jobs(j),
      events(e),
      options(std::move(o)),
      by_words(std::move(w)),
      encoder(std::move(loaded)),
      thumbnails(l.directory(), options.limits),
      uploads(l, options.limits),
      pictures(l, options.limits, [this] { return find_encoder(); }),
      fetcher(within(options.fetch, options.limits)),
      access(l.access_keys(), options.access) {}

Result<const ImageEncoder*> Api::Impl::find_encoder() const {
  if (!encoder) return encoder.error();
  return encoder->get();
}

Result<Job> Api::Impl::start(const std::string& kind) const {
  const auto work = options.jobs.find(kind);
  if (work == options.jobs.end())
    return Error{ErrorCode::kInvalidArgument, "there is no work called \"" + kind + '"'};
  return jobs.start(kind, work->second);
}

namespace {

Result<std::unique_ptr<ImageEncoder>> open_encoder(const Library& library) {
  auto on_all_cores = TRY(library.open_encoder({.threads = 0}));
  return std::unique_ptr<ImageEncoder>(std::make_unique<ElasticEncoder>(
      std::move(on_all_cores), TRY(library.open_encoder({.threads = 1}))));
}

}  // namespace

Result<std::unique_ptr<Api>> Api::open(Library& library, Jobs& jobs, Events& events,
                                       ApiOptions options) {
  auto by_words = TRY(WordSearch::open(library, WordSearch::Load::kOfUseLater));
  return std::unique_ptr<Api>(new Api(std::make_unique<Impl>(
      library, jobs, events, std::move(options), std::move(by_words), open_encoder(library))));
}

Api::Api(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Api::~Api() = default;

HttpResponse Api::operator()(const HttpRequest& request) const {
  const auto start = std::chrono::steady_clock::now();
  std::string route = "none";  // for the metrics: never what a client made up
  const auto respond = [&]() -> Answer {
    const HttpTarget target = TRY(parse_target(request.target));
    const std::string method = request.method == "HEAD" ? "GET" : request.method;
    std::string allowed;
    for (const Route& one : kRoutes) {
      Call call{.request = request, .target = target, .name = ""};
      if (!fits(one.path, target.path, call.name)) continue;
      route = one.path;
      if (method == one.method) {
        TRY(impl_->access.admit(request, one.needed));
        return (*impl_.*one.handler)(call);
      }
      (allowed += allowed.empty() ? "" : ", ") += one.method;
      if (std::string_view(one.method) == "GET") allowed += ", HEAD";
    }
    if (!allowed.empty()) return method_not_allowed(request.method, allowed);
    return serve_asset(request, target);
  };
  auto answered = respond();
  HttpResponse response = answered ? *std::move(answered) : problem(answered.error());
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  impl_->metrics.count(request.method, route, response.status, took.count());
  return response;
}

}  // namespace mimeme
