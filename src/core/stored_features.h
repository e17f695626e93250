// What an image looks like in its details, as it is kept (engine/look.h makes it and reads it).
#ifndef MIMEME_CORE_STORED_FEATURES_H_
#define MIMEME_CORE_STORED_FEATURES_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "core/text_mask.h"
#include "core/types.h"

namespace mimeme {

// A part of an image (core/parts.h), as the image's model sees it.
struct StoredPart {
  Region region;
  std::vector<Half> embedding;  // raw
};

struct StoredFeatures {
  ImageId image = 0;
  Sha256 sha256{};                // of the image's file: tells whether the rest is of this image
  std::vector<uint8_t> features;  // to_bytes() of LocalFeatures
  std::vector<uint8_t> picture;   // a small grey one: its width, then its pixels
  std::optional<TextMask> words;  // where they stand in it; none: it has not been read yet
  std::vector<StoredPart> parts;  // kMaxParts at most
};

}  // namespace mimeme

#endif  // MIMEME_CORE_STORED_FEATURES_H_
