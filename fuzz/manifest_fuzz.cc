// Any manifest is one that can be told, or an error that names the file.
#include "fuzz/fuzz.h"
#include "model/manifest.h"

using namespace mimeme;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string path = write_input("manifest.json", data, size);
  const auto manifest = read_manifest(path);
  if (manifest)
    require(manifest->digest().size() == 64);
  else
    require(manifest.error().message.find("manifest.json") != std::string::npos);
  return 0;
}
