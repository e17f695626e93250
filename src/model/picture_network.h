// A network that sees pictures, as the manifests of OCR and object detection describe one (those of
// image encoders: manifest.h). Internal to model/.
#ifndef MIMEME_MODEL_PICTURE_NETWORK_H_
#define MIMEME_MODEL_PICTURE_NETWORK_H_

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "model/session.h"

namespace mimeme {

// A manifest of format 1 for `task`. kNotFound; kCorrupt if it is not JSON; kUnsupported if it is
// for something else.
Result<Json> read_network_manifest(const std::string& path, std::string_view task);

class PictureNetwork {
 public:
  // Of the input and the output; -1: must vary.
  struct Shapes {
    std::vector<int64_t> input, output;
  };
  // `json` has file, bytes, input and output (docs/models.md); the file lies in `folder`.
  // kNotFound; kCorrupt if a field or the size is not right; kUnsupported if the graph has no such
  // input or output.
  static Result<PictureNetwork> open(const Json& json, const std::filesystem::path& folder,
                                     const Shapes& shapes, int threads);

  // rgb: height × width × 3 bytes, row-major. Returns the output, whose shape must be `shape`.
  // Thread-safe, without a lock. kInternal.
  Result<std::vector<float>> run(std::span<const uint8_t> rgb, int height, int width,
                                 const std::vector<int64_t>& shape) const;

 private:
  PictureNetwork() = default;
  std::unique_ptr<Session> session_;
  // A plane of the input for each colour: which byte of a pixel it is, and each byte's value.
  struct Plane {
    size_t byte = 0;
    std::array<float, 256> values{};
  };
  std::array<Plane, 3> planes_;
};

}  // namespace mimeme

#endif  // MIMEME_MODEL_PICTURE_NETWORK_H_
