// What a request asks for: "/api/v1/images/7?limit=5" (RFC 3986, and "+" for a blank in the query,
// as forms send it).
#ifndef MIMEME_HTTP_TARGET_H_
#define MIMEME_HTTP_TARGET_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace mimeme {

struct HttpTarget {
  std::vector<std::string> path;                           // its segments, decoded
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order

  // The first of this name, or "".
  std::string get(std::string_view name) const;
  // kInvalidArgument if it is there and no number in least … most.
  Result<int64_t> get_integer(std::string_view name, int64_t otherwise, int64_t least,
                              int64_t most) const;
  Result<double> get_share(std::string_view name) const;  // 0 … 1; 0 if it is not there
};

// kInvalidArgument: a "%" without two hexadecimal digits after it, or no path. Pure.
Result<HttpTarget> parse_target(std::string_view target);

}  // namespace mimeme

#endif  // MIMEME_HTTP_TARGET_H_
