#include "http/guard.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.h"
#include "base/utf8.h"
#include "http/problem.h"

namespace mimeme {
namespace {

// "Memes.example:8080" → "memes.example", "[::1]:8080" → "::1".
std::string name_in(const std::string& host) {
  if (host.starts_with('[')) return host.substr(1, host.find(']') - 1);
  return lower_ascii(host.substr(0, host.find(':')));
}

// But none that leads here from everywhere: 0.0.0.0 is this machine, and browsers do not treat it
// so.
bool is_address(const std::string& name) {
  std::array<uint8_t, 16> bytes{};
  if (inet_pton(AF_INET, name.c_str(), bytes.data()) == 1) return bytes[0] != 0;
  return inet_pton(AF_INET6, name.c_str(), bytes.data()) == 1 && (bytes[0] != 0 || name == "::1");
}

// Whether a page of another site may have had it sent.
bool is_foreign(const HttpRequest& request) {
  const std::string site = request.header("Sec-Fetch-Site");
  if (!site.empty()) {
    // A service worker that passes a link on leaves out where it leads.
    const std::string destination = request.header("Sec-Fetch-Dest");
    const bool is_link = request.is_read() && request.header("Sec-Fetch-Mode") == "navigate" &&
                         (destination == "document" || destination == "empty");
    return site != "same-origin" && site != "none" && !is_link;
  }
  const std::string origin = lower_ascii(request.header("Origin"));
  const size_t host = origin.find("://");
  return !origin.empty() &&
         (host == origin.npos || origin.substr(host + 3) != lower_ascii(request.header("Host")));
}

Result<> check(const std::vector<std::string>& hosts, const HttpRequest& request) {
  const std::string name = name_in(request.header("Host"));
  if (name != "localhost" && !is_address(name) &&
      std::find(hosts.begin(), hosts.end(), name) == hosts.end())
    return Error{ErrorCode::kForbidden,
                 "this server is not called \"" + printable(name) +
                     "\"; if it is, name it in the library's mimeme.toml: [serve] hosts"};
  if (is_foreign(request))
    return Error{ErrorCode::kForbidden, "a page of another site has no business here"};
  return {};
}

}  // namespace

HttpHandler guarded(std::vector<std::string> hosts, HttpHandler handler) {
  return [hosts = std::move(hosts), handler = std::move(handler)](const HttpRequest& request) {
    const auto checked = check(hosts, request);
    HttpResponse response = checked ? handler(request) : problem(checked.error());
    const std::pair<const char*, const char*> kept[] = {
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        // The web app brings its own. A picture that a tab shows is laid out by an inline style.
        {"Content-Security-Policy",
         "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"}};
    for (const auto& [name, value] : kept) {
      const bool is_there = std::any_of(response.headers.begin(), response.headers.end(),
                                        [&](const auto& header) { return header.first == name; });
      if (!is_there) response.headers.emplace_back(name, value);
    }
    return response;
  };
}

}  // namespace mimeme
