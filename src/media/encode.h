// Pixels → a file, for whoever wants a picture as one: a vision model, a browser.
//
// Thread-safe after init_media() (decode.h).
#ifndef MIMEME_MEDIA_ENCODE_H_
#define MIMEME_MEDIA_ENCODE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace mimeme {

// rgb: height × width × 3, row-major, 8-bit sRGB, as decode() gives it. quality: 1 … 100. No
// metadata is written. kInvalidArgument: the size is not that of the pixels, or beyond what the
// format takes (JPEG: 65,535; WebP: 16,383), or another quality.
Result<std::vector<uint8_t>> encode_jpeg(std::span<const uint8_t> rgb, int width, int height,
                                         int quality);
Result<std::vector<uint8_t>> encode_webp(std::span<const uint8_t> rgb, int width, int height,
                                         int quality);

}  // namespace mimeme

#endif  // MIMEME_MEDIA_ENCODE_H_
