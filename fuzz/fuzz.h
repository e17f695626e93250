// What the fuzz targets share.
#ifndef MIMEME_FUZZ_FUZZ_H_
#define MIMEME_FUZZ_FUZZ_H_

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace mimeme {

// Whatever the input: else it is a finding.
inline void require(bool holds) {
  if (!holds) std::abort();
}

inline std::string_view as_text(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// A folder of this process, in memory where there is such.
inline std::filesystem::path scratch() {
  const std::filesystem::path shm = "/dev/shm";
  const auto folder =
      (std::filesystem::exists(shm) ? shm : std::filesystem::temp_directory_path()) /
      ("mimeme-fuzz." + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  static const struct Removed {
    std::filesystem::path folder;
    ~Removed() {
      std::error_code ignored;
      std::filesystem::remove_all(folder, ignored);
    }
  } removed{folder};
  return folder;
}

inline std::string write_input(const char* name, const uint8_t* data, size_t size) {
  const auto path = scratch() / name;
  std::ofstream(path, std::ios::binary) << as_text(data, size);
  return path;
}

}  // namespace mimeme

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

#endif  // MIMEME_FUZZ_FUZZ_H_
