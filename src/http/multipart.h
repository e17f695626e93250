// The parts of a form that was sent (multipart/form-data, RFC 7578).
#ifndef MIMEME_HTTP_MULTIPART_H_
#define MIMEME_HTTP_MULTIPART_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mimeme {

struct FormPart {
  std::string name;
  std::string file_name;  // as the browser sent it; untrusted
  std::string_view body;  // of the body that was given
};

// content_type: of the request. kUnsupported: no form. kInvalidArgument: one that ends early or
// makes no sense. Pure.
Result<std::vector<FormPart>> parse_form(std::string_view content_type, std::string_view body);

}  // namespace mimeme

#endif  // MIMEME_HTTP_MULTIPART_H_
