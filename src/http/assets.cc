#include "http/assets.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>

#include "base/ascii.h"
#include "base/number.h"
#include "http/conditional.h"
#include "http/problem.h"

namespace mimeme {
namespace {

// Nothing from elsewhere, no script but the app's own. Styles may stand on elements: the wall
// places its pictures so.
constexpr const char* kPolicy =
    "default-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

// The views of the web app: ui/src/lib/router.
constexpr std::string_view kViews[] = {"",           "search", "image",    "upload", "families",
                                       "duplicates", "status", "settings", "share"};

const Asset* find(std::string_view path) {
  const auto all = assets();
  const auto at =
      std::find_if(all.begin(), all.end(), [&](const Asset& a) { return a.path == path; });
  return at == all.end() ? nullptr : &*at;
}

// RFC 9110, 12.5.3; `gzip;q=0` refuses it, and what names gzip goes before `*`.
bool accepts_gzip(const HttpRequest& request) {
  const std::string field = lower_ascii(request.header("Accept-Encoding"));
  std::optional<bool> named, any;
  for (const std::string_view one : split_list(field)) {
    const std::string_view coding = trimmed(one.substr(0, one.find(';')));
    const size_t q = one.find("q=");
    const bool wanted =
        q == one.npos || parse_number<double>(std::string(trimmed(one.substr(q + 2)))) > 0.0;
    if (coding == "gzip" || coding == "x-gzip") named = wanted;
    if (coding == "*") any = wanted;
  }
  return named.value_or(any.value_or(false));
}

}  // namespace

Result<HttpResponse> serve_asset(const HttpRequest& request, const HttpTarget& target) {
  std::string path;
  for (const std::string& segment : target.path) path += '/' + segment;
  const Asset* asset = find(path == "/docs" ? "/docs.html" : path);
  const std::string_view first =
      target.path.empty() ? std::string_view() : std::string_view(target.path.front());
  if (!asset && std::find(std::begin(kViews), std::end(kViews), first) != std::end(kViews))
    asset = find("/index.html");
  // A browser is told that there is nothing by the app, with its way back.
  const bool is_nothing = !asset;
  if (!asset && first != "api" && request.header("Accept").find("text/html") != std::string::npos)
    asset = find("/index.html");
  if (!asset) return Error{ErrorCode::kNotFound, "no such address"};
  if (request.method != "GET" && request.method != "HEAD")
    return method_not_allowed(request.method, "GET, HEAD");

  HttpResponse response{.status = is_nothing ? 404 : 200,
                        .content_type = std::string(asset->content_type)};
  const bool compressed = accepts_gzip(request);
  const std::string etag = '"' + std::string(asset->etag) + (compressed ? "-gzip\"" : "\"");
  // What the build put into assets/ bears a hash of its content in its name.
  const bool is_hashed = asset->path.starts_with("/assets/");
  response.headers = {
      {"ETag", etag},
      {"Cache-Control", is_hashed ? "public, max-age=31536000, immutable" : "no-cache"},
      {"Vary", "Accept-Encoding"},
      {"Content-Security-Policy", kPolicy}};
  if (!is_nothing && not_modified(request, etag, response)) return response;
  if (compressed) response.headers.emplace_back("Content-Encoding", "gzip");
  response.body = compressed ? asset->gzip : asset->identity;
  return response;
}

}  // namespace mimeme
