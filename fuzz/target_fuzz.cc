// Any address is segments and a query, or an error; and whatever Access is shown is a caller or
// none.
#include "base/address.h"
#include "fuzz/fuzz.h"
#include "http/target.h"

using namespace mimeme;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(as_text(data, size));
  if (const auto target = parse_target(text)) {
    for (const auto& [name, value] : target->query) {
      (void)target->get(name);
      (void)target->get_share(name);
      (void)target->get_integer(name, 0, 0, 10);
    }
  } else {
    require(target.error().code == ErrorCode::kInvalidArgument);
  }
  if (const auto network = parse_network(text)) require(is_in(network->address, *network));
  return 0;
}
