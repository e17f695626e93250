// Any mimeme.toml is settings, or an error that names the file and the line.
#include "app/config.h"
#include "fuzz/fuzz.h"

using namespace mimeme;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  write_input("mimeme.toml", data, size);
  const auto config = read_config(scratch());
  if (!config) require(config.error().message.find("mimeme.toml:") != std::string::npos);
  return 0;
}
