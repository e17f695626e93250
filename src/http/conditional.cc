#include "http/conditional.h"

#include <string_view>

namespace mimeme {

namespace {

bool has_etag(const HttpRequest& request, const std::string& etag) {
  const std::string known = request.header("If-None-Match");
  std::string_view rest = known;
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    std::string_view one = rest.substr(0, comma);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one == etag || one == "*") return true;
  }
  return false;
}

}  // namespace

bool not_modified(const HttpRequest& request, const std::string& etag, HttpResponse& response) {
  if (!has_etag(request, etag)) return false;
  response.status = 304;
  response.content_type.clear();
  return true;
}

}  // namespace mimeme
