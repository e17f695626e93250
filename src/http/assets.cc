#include "http/assets.h"

#include <algorithm>
#include <iterator>
#include <string>

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
constexpr std::string_view kViews[] = {"",         "search", "image",    "upload",
                                       "families", "status", "settings", "share"};

const Asset* find(std::string_view path) {
  const auto all = assets();
  const auto at =
      std::find_if(all.begin(), all.end(), [&](const Asset& a) { return a.path == path; });
  return at == all.end() ? nullptr : &*at;
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
  const std::string etag = '"' + std::string(asset->etag) + '"';
  // What the build put into assets/ bears a hash of its content in its name.
  const bool is_hashed = asset->path.starts_with("/assets/");
  response.headers = {
      {"ETag", etag},
      {"Cache-Control", is_hashed ? "public, max-age=31536000, immutable" : "no-cache"},
      {"Vary", "Accept-Encoding"},
      {"X-Content-Type-Options", "nosniff"},
      {"Referrer-Policy", "no-referrer"},
      {"Content-Security-Policy", kPolicy}};
  if (!is_nothing && not_modified(request, etag, response)) return response;
  const bool compressed = request.header("Accept-Encoding").find("gzip") != std::string::npos;
  if (compressed) response.headers.emplace_back("Content-Encoding", "gzip");
  response.body = compressed ? asset->gzip : asset->identity;
  return response;
}

}  // namespace mimeme
