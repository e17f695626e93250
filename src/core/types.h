// The plain data that every layer speaks in.
#ifndef MIMEME_CORE_TYPES_H_
#define MIMEME_CORE_TYPES_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mimeme {

// Given once, never used again, even after the image is gone. 0 means none.
using ImageId = int64_t;

// SHA-256 of a file's bytes: the identity of an image. Two files with the same bytes are one image
// with two paths.
using Sha256 = std::array<uint8_t, 32>;
std::string to_hex(const Sha256& digest);
std::optional<Sha256> from_hex(std::string_view hex);  // nullopt: not 64 hexadecimal digits

// What was learnt of a picture by decoding it.
struct ImageInfo {
  std::string format;  // "jpeg", "png", "webp", "gif", "avif", "heic", "tiff"
  int width = 0;       // pixels, as displayed (EXIF orientation applied)
  int height = 0;
  int frames = 1;
  std::string preview;  // 4 × 4 pixels in base64 (docs/format.md); empty if it was never made
};

// IEEE 754 binary16 bits, the form in which raw embeddings are kept (relative error 2^-11).
using Half = uint16_t;

// In pixels of a picture: x to the right, y down, 0,0 the outer corner of its first pixel.
struct Point {
  float x = 0;
  float y = 0;
};

// A part of a picture, as shares of its width and height.
struct Region {
  double left = 0, top = 0, width = 1, height = 1;
};

// Clockwise, from the top left corner of what it bounds, as that is read.
using Quad = std::array<Point, 4>;

// A line of text that was read in a picture.
struct TextLine {
  std::string text;      // UTF-8
  float confidence = 0;  // 0..1
  Quad corners;
};

struct Hit {
  ImageId id = 0;
  float similarity = 0;  // 0..1, 1 identical
  // Where in the image the query's picture lies, if it shows only a part of it (and that is known).
  std::optional<Region> part = {};
};

}  // namespace mimeme

#endif  // MIMEME_CORE_TYPES_H_
