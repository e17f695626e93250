// Pictures to compare, for tests: discs of many sizes on a shaded ground, from a seed. Like
// photographs they have edges, corners and shades everywhere.
#ifndef MIMEME_CORE_TEST_PICTURE_H_
#define MIMEME_CORE_TEST_PICTURE_H_

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "core/grey.h"

namespace mimeme {

inline Grey test_picture(uint32_t seed, int width, int height) {
  std::mt19937 random(seed);
  const auto between = [&](int least, int most) {
    return least + static_cast<int>(random() % static_cast<uint32_t>(most - least + 1));
  };
  Grey picture{.width = width, .height = height, .pixels = {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      picture.pixels.push_back(static_cast<uint8_t>(90 + 60 * x / width + 40 * y / height));
  for (int disc = 0; disc < 60; ++disc) {
    const int cx = between(0, width), cy = between(0, height);
    const int radius = between(3, std::max(4, std::min(width, height) / 6));
    const auto shade = static_cast<uint8_t>(between(0, 255));
    for (int y = std::max(0, cy - radius); y < std::min(height, cy + radius); ++y)
      for (int x = std::max(0, cx - radius); x < std::min(width, cx + radius); ++x)
        if ((x - cx) * (x - cx) + (y - cy) * (y - cy) < radius * radius)
          picture.pixels[static_cast<size_t>(y) * static_cast<size_t>(width) +
                         static_cast<size_t>(x)] = shade;
  }
  return picture;
}

// Puts `picture` into `into`, its corner at left, top.
inline void paste(const Grey& picture, Grey& into, int left, int top) {
  for (int y = 0; y < picture.height; ++y)
    for (int x = 0; x < picture.width; ++x)
      into.pixels[static_cast<size_t>(top + y) * static_cast<size_t>(into.width) +
                  static_cast<size_t>(left + x)] =
          picture.pixels[static_cast<size_t>(y) * static_cast<size_t>(picture.width) +
                         static_cast<size_t>(x)];
}

inline Grey plain(uint8_t shade, int width, int height) {
  return {.width = width,
          .height = height,
          .pixels = std::vector<uint8_t>(static_cast<size_t>(width) * static_cast<size_t>(height),
                                         shade)};
}

inline std::vector<uint8_t> to_rgb(const Grey& grey) {
  std::vector<uint8_t> rgb;
  for (const uint8_t value : grey.pixels) rgb.insert(rgb.end(), 3, value);
  return rgb;
}

}  // namespace mimeme

#endif  // MIMEME_CORE_TEST_PICTURE_H_
