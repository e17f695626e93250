// A request and its answer, as the handlers see them: plain data, no socket (RFC 9110).
#ifndef MIMEME_HTTP_MESSAGE_H_
#define MIMEME_HTTP_MESSAGE_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mimeme {

struct HttpRequest {
  std::string method = "GET";
  std::string target;  // path and query as they came: "/api/v1/search?q=%22a%20b%22"
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string peer;  // the address that it came from: "127.0.0.1", "2001:db8::1"

  bool is_read() const { return method == "GET" || method == "HEAD"; }

  // The value of the first field of this name, in whatever case, or "".
  std::string header(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;  // besides Content-Type and -Length
  std::string body;
  // An event stream: after the body comes what Server::publish() sends.
  bool stays_open = false;
};

std::string_view trimmed(std::string_view text);  // without the blanks around it

// The members of a field that lists them (RFC 9110, 5.6.1), without the blanks around each; views
// of `field`.
std::vector<std::string_view> split_list(std::string_view field, char separator = ',');

// A body, or a part of one, as the decoders take it.
inline std::span<const uint8_t> as_bytes(std::string_view body) {
  return {reinterpret_cast<const uint8_t*>(body.data()), body.size()};
}

// Called on several threads at once. Does not throw but for our own bugs (a 500).
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

}  // namespace mimeme

#endif  // MIMEME_HTTP_MESSAGE_H_
