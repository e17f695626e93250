#include "http/guard.h"

#include <gtest/gtest.h>

namespace mimeme {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

// The status of the answer; the handler behind the guard says 200.
int ask(const std::string& method, Headers headers) {
  const HttpHandler handler =
      guarded({"memes.example"}, [](const HttpRequest&) { return HttpResponse{}; });
  return handler({.method = method, .target = "/", .headers = std::move(headers)}).status;
}

TEST(Guard, AnswersToItsNamesOnly) {
  for (const char* host : {"localhost", "localhost:8080", "LOCALHOST:8080", "127.0.0.1:8080",
                           "[::1]:8080", "192.168.1.7", "memes.example", "Memes.Example:443"})
    EXPECT_EQ(ask("GET", {{"Host", host}}), 200) << host;
  for (const char* host :
       {"evil.example", "memes.example.evil.example", "127.0.0.1.evil.example:8080",
        "xmemes.example", "localhost.evil.example", "[evil.example]", "[", ":", "", "0.0.0.0:8080",
        "[::]:8080", "[::ffff:127.0.0.1]"})
    EXPECT_EQ(ask("GET", {{"Host", host}}), 403) << host;
  EXPECT_EQ(ask("GET", {}), 403);
}

TEST(Guard, RefusesWhatPagesOfOtherSitesSend) {
  for (const char* method : {"GET", "POST", "PATCH", "DELETE"}) {
    for (const char* site : {"same-origin", "none"})
      EXPECT_EQ(ask(method, {{"Host", "localhost"}, {"Sec-Fetch-Site", site}}), 200) << method;
    for (const char* site : {"cross-site", "same-site", "new-site"})
      EXPECT_EQ(ask(method, {{"Host", "localhost"}, {"Sec-Fetch-Site", site}}), 403) << method;
  }
}

TEST(Guard, LinksMayBeFollowedButNotFramedOrPosted) {
  const auto follow = [](const char* method, const char* destination) {
    return ask(method, {{"Host", "localhost"},
                        {"Sec-Fetch-Site", "cross-site"},
                        {"Sec-Fetch-Mode", "navigate"},
                        {"Sec-Fetch-Dest", destination}});
  };
  EXPECT_EQ(follow("GET", "document"), 200);
  EXPECT_EQ(follow("GET", "empty"), 200);  // by way of the web app's service worker
  EXPECT_EQ(follow("GET", "iframe"), 403);
  EXPECT_EQ(follow("POST", "document"), 403);
}

TEST(Guard, BrowsersWithoutFetchMetadataAreToldByOrigin) {
  const auto post = [](const char* origin) {
    return ask("POST", {{"Host", "memes.example:81"}, {"Origin", origin}});
  };
  EXPECT_EQ(post("http://memes.example:81"), 200);
  EXPECT_EQ(post("https://Memes.example:81"), 200);  // a proxy takes the TLS off
  for (const char* origin :
       {"http://evil.example", "http://memes.example:82", "null", "memes.example:81"})
    EXPECT_EQ(post(origin), 403) << origin;
  EXPECT_EQ(ask("POST", {{"Host", "localhost"}}), 200);  // no browser
}

TEST(Guard, AnswersAreKeptFromOtherSites) {
  for (const char* host : {"localhost", "evil.example"}) {
    const HttpResponse response = guarded({}, [](const HttpRequest&) {
      return HttpResponse{.headers = {{"Content-Security-Policy", "default-src 'self'"}}};
    })({.headers = {{"Host", host}}});
    const auto header = [&](const std::string& name) {
      return HttpRequest{.headers = response.headers}.header(name);
    };
    EXPECT_EQ(header("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(header("Cross-Origin-Resource-Policy"), "same-origin");
    EXPECT_EQ(
        header("Content-Security-Policy"),
        response.status == 200
            ? "default-src 'self'"
            : "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox");
  }
}

}  // namespace
}  // namespace mimeme
