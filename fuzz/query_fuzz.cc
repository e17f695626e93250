// Any text is a query or an error that says what to write; a query that is printed means the same.
#include "core/query.h"
#include "fuzz/fuzz.h"

using namespace mimeme;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto query = parse_query(as_text(data, size));
  if (!query) {
    require(query.error().code == ErrorCode::kInvalidArgument);
    require(!query.error().message.empty());
    return 0;
  }
  for (const auto& term : query->terms) {
    require(!term.text.empty());
    require(!term.is_phrase || term.text.find('"') == std::string::npos);
  }
  const auto again = parse_query(to_string(*query));
  // Printing quotes and spells out, so what was near the limit may be cut the second time.
  require(size > 512 || (again.ok() && *again == *query));
  return 0;
}
