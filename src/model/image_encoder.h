// Pixels → embedding.
#ifndef MIMEME_MODEL_IMAGE_ENCODER_H_
#define MIMEME_MODEL_IMAGE_ENCODER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "model/encoder_options.h"
#include "model/manifest.h"

namespace mimeme {

// An interface because the real one is slow, and because tests need one that fails on demand.
// Thread-safe: encode() may be called from any number of threads at once, without a lock between
// them.
class ImageEncoder {
 public:
  virtual ~ImageEncoder() = default;

  // What is encoded and how pictures must be brought to size.
  virtual const Manifest& manifest() const = 0;

  // rgb: n × height × width × 3, n ≥ 1, 8-bit sRGB, row-major. Returns n × dim floats, as the model
  // gave them (not normalised). kInternal if the model fails or gives values beyond half precision
  // (65,504).
  virtual Result<std::vector<float>> encode(std::span<const uint8_t> rgb) const = 0;
};

// An ONNX Runtime session on the CPU. Checks the file's size against the manifest (not its
// checksum: that is verify()'s and costs a read of it all) and the graph's input and output: types
// and shapes. kNotFound, kCorrupt; kUnsupported if one differs from the manifest (the message says
// how).
Result<std::unique_ptr<ImageEncoder>> open_image_encoder(const Manifest& manifest,
                                                         const EncoderOptions& options);

}  // namespace mimeme

#endif  // MIMEME_MODEL_IMAGE_ENCODER_H_
