// Requests that need no answer, because the client has it already (RFC 9110, 13.1.2).
#ifndef MIMEME_HTTP_CONDITIONAL_H_
#define MIMEME_HTTP_CONDITIONAL_H_

#include <string>

#include "http/message.h"

namespace mimeme {

// Makes `response` a 304 if If-None-Match names `etag` (with its quotation marks): among others,
// weakly, or by "*". False, and nothing is changed, if it does not.
bool not_modified(const HttpRequest& request, const std::string& etag, HttpResponse& response);

}  // namespace mimeme

#endif  // MIMEME_HTTP_CONDITIONAL_H_
