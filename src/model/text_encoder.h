// Text → embedding: texts of like meaning get vectors that point the same way.
#ifndef MIMEME_MODEL_TEXT_ENCODER_H_
#define MIMEME_MODEL_TEXT_ENCODER_H_

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/encoder_options.h"
#include "model/manifest.h"

namespace mimeme {

// An interface for the same reasons as ImageEncoder. Thread-safe, without a lock.
class TextEncoder {
 public:
  virtual ~TextEncoder() = default;

  virtual const Manifest& manifest() const = 0;

  // Any number of texts, UTF-8, of any length: each is cut off after the manifest's max_tokens.
  // Returns n × dim floats, L2-normalised, in the order of the texts; what a text's vector is does
  // not depend on its neighbours, but for rounding. kInternal if the model fails or gives values
  // that are not finite.
  virtual Result<std::vector<float>> encode(std::span<const std::string> texts) const = 0;
};

// An ONNX Runtime session on the CPU. Checks the ONNX file's size (not its checksum: that is
// verify()'s), the vocabulary's checksum, and the graph's inputs and output. kNotFound, kCorrupt;
// kUnsupported if one differs from the manifest (the message says how).
Result<std::unique_ptr<TextEncoder>> open_text_encoder(const Manifest& manifest,
                                                       const EncoderOptions& options);

}  // namespace mimeme

#endif  // MIMEME_MODEL_TEXT_ENCODER_H_
