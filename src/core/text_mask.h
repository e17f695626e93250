// Where words stand in a picture, coarsely. Pure.
#ifndef MIMEME_CORE_TEXT_MASK_H_
#define MIMEME_CORE_TEXT_MASK_H_

#include <array>
#include <cstdint>
#include <span>

#include "core/types.h"

namespace mimeme {

// Cells over the whole of a picture, set where words stand.
struct TextMask {
  static constexpr int kSide = 16;     // cells
  std::array<uint16_t, kSide> rows{};  // bit x of row y

  // x, y: shares of the picture's width and height, 0..1.
  bool covers(double x, double y) const;
  bool operator==(const TextMask&) const = default;
};

// Of lines that were read in a picture of this many pixels. What lies outside of it is at its edge.
TextMask text_mask(std::span<const TextLine> lines, int width, int height);
TextMask mirrored(const TextMask& mask);

}  // namespace mimeme

#endif  // MIMEME_CORE_TEXT_MASK_H_
