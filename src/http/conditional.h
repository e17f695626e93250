// Requests that need no answer, because the client has it already (RFC 9110, 13.1.2).
#ifndef MIMEME_HTTP_CONDITIONAL_H_
#define MIMEME_HTTP_CONDITIONAL_H_

#include <string>

#include "http/message.h"

namespace mimeme {

// Whether If-None-Match names `etag` (with its quotation marks): among others, weakly, or by "*".
bool has_etag(const HttpRequest& request, const std::string& etag);

}  // namespace mimeme

#endif  // MIMEME_HTTP_CONDITIONAL_H_
