// The answer to a request that failed: application/problem+json (RFC 9457), whose `code` does not
// change: "invalid_argument", "not_found", "unsupported", "corrupt", "too_large", "busy",
// "unavailable", "conflict", "forbidden", "unreachable", "cancelled", "io", "internal",
// "method_not_allowed". One of 503 says when to try again. Pure.
#ifndef MIMEME_HTTP_PROBLEM_H_
#define MIMEME_HTTP_PROBLEM_H_

#include <string>

#include "base/json.h"
#include "base/result.h"
#include "http/message.h"

namespace mimeme {

HttpResponse problem(const Error& error);
// Its body, for an answer that holds several.
Json::Object problem_to_json(const Error& error);

// allowed: "GET, HEAD".
HttpResponse method_not_allowed(const std::string& method, const std::string& allowed);

}  // namespace mimeme

#endif  // MIMEME_HTTP_PROBLEM_H_
