// Any form is parts of the body that was given, or an error. The first line is the Content-Type.
#include <algorithm>

#include "fuzz/fuzz.h"
#include "http/multipart.h"

using namespace mimeme;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input = as_text(data, size);
  const size_t line = std::min(input.find('\n'), size);
  const std::string_view body = input.substr(std::min(line + 1, size));
  const auto parts = parse_form(input.substr(0, line), body);
  if (!parts) {
    require(!parts.error().message.empty());
    return 0;
  }
  for (const FormPart& part : *parts)
    require(part.body.data() >= body.data() &&
            part.body.data() + part.body.size() <= body.data() + body.size());
  return 0;
}
