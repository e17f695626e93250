#include "http/problem.h"

#include "base/utf8.h"

namespace mimeme {
namespace {

struct Named {
  int status;
  const char* code;
  const char* title;
};

// The one table from ErrorCode to HTTP.
Named name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return {400, "invalid_argument", "The request makes no sense"};
    case ErrorCode::kNotFound:
      return {404, "not_found", "There is no such thing"};
    case ErrorCode::kUnsupported:
      return {415, "unsupported", "Not a picture that is read here"};
    case ErrorCode::kCorrupt:
      return {422, "corrupt", "The data is damaged"};
    case ErrorCode::kTooLarge:
      return {413, "too_large", "Over a limit"};
    case ErrorCode::kBusy:
      return {503, "busy", "Busy"};
    case ErrorCode::kUnavailable:
      return {503, "unavailable", "A service does not answer"};
    case ErrorCode::kConflict:
      return {409, "conflict", "Does not fit the library's state"};
    case ErrorCode::kForbidden:
      return {403, "forbidden", "Not allowed here"};
    case ErrorCode::kUnauthenticated:
      return {401, "unauthenticated", "It takes a key"};
    case ErrorCode::kRateLimited:
      return {429, "rate_limited", "Too many requests"};
    case ErrorCode::kUnreachable:
      return {422, "unreachable", "Nothing could be fetched from this address"};
    case ErrorCode::kCancelled:
      return {503, "cancelled", "Stopped"};
    case ErrorCode::kIo:
      return {500, "io", "The disk or the system said no"};
    case ErrorCode::kInternal:
      break;
  }
  return {500, "internal", "An error of ours"};
}

Json::Object to_json(const Named& named, const std::string& detail) {
  return {{"type", "about:blank"},
          {"title", named.title},
          {"status", named.status},
          {"code", named.code},
          {"detail", to_utf8(detail)}};
}

HttpResponse problem(const Named& named, const std::string& detail) {
  HttpResponse response{.status = named.status, .content_type = "application/problem+json"};
  if (named.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (named.status == 503 || named.status == 429) response.headers.emplace_back("Retry-After", "1");
  response.body = Json(to_json(named, detail)).dump();
  return response;
}

}  // namespace

Json::Object problem_to_json(const Error& error) {
  return to_json(name_of(error.code), error.message);
}

HttpResponse problem(const Error& error) { return problem(name_of(error.code), error.message); }

HttpResponse method_not_allowed(const std::string& method, const std::string& allowed) {
  HttpResponse response = problem({405, "method_not_allowed", "Not with this method"},
                                  method + " is not known here, but " + allowed);
  response.headers.emplace_back("Allow", allowed);
  return response;
}

}  // namespace mimeme
