// Untrusted bytes → pixels, by libvips.
//
// All functions are thread-safe after init_media(). libvips runs single-threaded here (the
// pipeline's own threads give the parallelism) and caches nothing.
#ifndef MIMEME_MEDIA_DECODE_H_
#define MIMEME_MEDIA_DECODE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/types.h"

namespace mimeme {

// What is refused before any pixel is decoded.
struct DecodeLimits {
  int64_t max_bytes = 256 << 20;
  int64_t max_pixels = 100'000'000;  // of one frame
  int max_frames = 10'000;           // of an animation
};

// How a picture is brought to a model's input size.
enum class Fit {
  kStretch,  // to width × height, whatever its shape
  kCrop,     // shorter side to `resize`, then the middle width × height (torchvision's evaluation
             // transform)
  kInside,   // made smaller until it is no larger than width × height; keeps its shape
};

struct Target {
  int width = 0;
  int height = 0;
  Fit fit = Fit::kStretch;
  int resize = 0;                     // kCrop only
  std::optional<Region> region = {};  // only this part, as if it were the picture; at least a pixel
  int ground = 128;                   // the grey, 0 … 255, that shows through transparent pixels
};

struct Decoded {
  ImageInfo info;            // of the original
  std::vector<uint8_t> rgb;  // height × width × 3, row-major, 8-bit sRGB
  int width = 0;             // the target's; with kInside, at most that
  int height = 0;
};

// Starts libvips and blocks every loader it marks untrusted (SVG, PDF, ImageMagick…). Idempotent;
// call it once in main.
Result<> init_media();

// The format by its first bytes ("jpeg", "png", …), whatever the file is called; nullopt if it is
// none we read. 32 bytes are enough.
std::optional<std::string_view> sniff(std::span<const uint8_t> head);

// Decodes the first frame at the target's size: shrink-on-load where the format has it, EXIF
// orientation applied, ICC, CMYK, grey, palette and 16-bit brought to 8-bit sRGB, alpha flattened
// on grey.
//
// kUnsupported: not a format we read (the message says what it looks like: empty file, SVG, text…).
// kTooLarge: over a limit, found in the header before any pixel is decoded.
// kCorrupt: truncated or malformed; a picture whose data ends early is refused, not half shown.
//
// In a process of its own, if isolate_decoding() was called (isolation.h; its errors too).
Result<Decoded> decode(std::span<const uint8_t> bytes, const Target& target,
                       const DecodeLimits& limits);
// In this one.
Result<Decoded> decode_here(std::span<const uint8_t> bytes, const Target& target,
                            const DecodeLimits& limits);

}  // namespace mimeme

#endif  // MIMEME_MEDIA_DECODE_H_
