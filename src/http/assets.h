// The files of the web app, the contract and its page, built into the program by tools/embed.mjs.
#ifndef MIMEME_HTTP_ASSETS_H_
#define MIMEME_HTTP_ASSETS_H_

#include <cstddef>
#include <span>
#include <string_view>

#include "base/result.h"
#include "http/message.h"
#include "http/target.h"

namespace mimeme {

struct Asset {
  std::string_view path;  // "/index.html"
  std::string_view content_type;
  std::string_view etag;
  std::string_view gzip;  // its bytes, compressed
  std::string_view identity;
};
std::span<const Asset> assets();  // generated

// The file at this address, compressed if the client takes that; the web app's page for any of its
// views, and, with status 404, for whatever else a browser asks for. kNotFound.
Result<HttpResponse> serve_asset(const HttpRequest& request, const HttpTarget& target);

}  // namespace mimeme

#endif  // MIMEME_HTTP_ASSETS_H_
