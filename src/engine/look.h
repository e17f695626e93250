// What a picture and its parts look like: all that is compared when pictures are. From pixels, or
// from what is kept of an image.
#ifndef MIMEME_ENGINE_LOOK_H_
#define MIMEME_ENGINE_LOOK_H_

#include <optional>
#include <span>
#include <vector>

#include "core/grey.h"
#include "core/local_features.h"
#include "engine/library.h"

namespace mimeme {

struct Look {
  // The whole picture first, then its parts (core/parts.h).
  struct View {
    Region region;
    std::vector<float> raw;  // embedding, as the model gave it; empty: not embedded
    LocalFeatures features;  // none of a part of an image that was, or will be, kept;
    Grey picture;            // and no picture
  };
  std::vector<View> views;
  ImageInfo info;               // empty if it was kept
  std::vector<uint8_t> pixels;  // the whole at the model's input size; empty if it was kept
};

// Errors as decode()'s and the encoder's. region: only this part, as if it were the picture; its
// own parts are not looked for then.
Result<Look> look_at(std::span<const uint8_t> bytes, const std::optional<Region>& region,
                     const DecodeLimits& limits, const ImageEncoder& encoder);

// What is kept of an image whose embedding is known already: only its parts are embedded, and that
// is all that is found of them.
Result<Look> look_at_details(std::span<const uint8_t> bytes, const DecodeLimits& limits,
                             const ImageEncoder& encoder);

// As it is kept, and back. The parts' features are not: those of the whole do.
StoredFeatures to_stored(const Look& look);
Result<Look> to_look(const StoredFeatures& stored);  // kCorrupt

}  // namespace mimeme

#endif  // MIMEME_ENGINE_LOOK_H_
