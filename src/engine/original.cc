#include "engine/original.h"

#include <utility>

#include "media/scan.h"

namespace mimeme {

Result<std::vector<uint8_t>> read_original(const ImageRecord& image, const DecodeLimits& limits) {
  Error last{ErrorCode::kNotFound, "has no file"};
  for (const std::string& path : image.paths) {
    auto file = read_file(path, limits.max_bytes);
    if (file && file->sha256 == image.sha256) return std::move(file->bytes);
    last = file ? Error{ErrorCode::kConflict,
                        "has changed since it was indexed: run `mimeme add` again"}
                : file.error();
  }
  return last;
}

}  // namespace mimeme
