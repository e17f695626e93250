#include "core/text_mask.h"

#include <algorithm>
#include <cmath>

namespace mimeme {
namespace {

constexpr int kLast = TextMask::kSide - 1;

}  // namespace

bool TextMask::covers(double x, double y) const {
  const auto cell = [](double share) {
    return std::clamp(static_cast<int>(share * kSide), 0, kLast);
  };
  return rows[static_cast<size_t>(cell(y))] >> cell(x) & 1;
}

TextMask text_mask(std::span<const TextLine> lines, int width, int height) {
  TextMask mask;
  if (width < 1 || height < 1) return mask;
  for (const TextLine& line : lines) {
    const auto [left, right] = std::ranges::minmax(line.corners, {}, &Point::x);
    const auto [top, bottom] = std::ranges::minmax(line.corners, {}, &Point::y);
    // The cells that the line's bounds touch.
    const auto first = [](double place, int length) {
      return std::clamp(static_cast<int>(std::floor(place / length * TextMask::kSide)), 0, kLast);
    };
    const auto last = [](double place, int length) {
      return std::clamp(static_cast<int>(std::ceil(place / length * TextMask::kSide)) - 1, 0,
                        kLast);
    };
    for (int y = first(top.y, height); y <= last(bottom.y, height); ++y)
      for (int x = first(left.x, width); x <= last(right.x, width); ++x)
        mask.rows[static_cast<size_t>(y)] |= static_cast<uint16_t>(1U << x);
  }
  return mask;
}

TextMask mirrored(const TextMask& mask) {
  TextMask result;
  for (size_t y = 0; y < mask.rows.size(); ++y)
    for (int x = 0; x < TextMask::kSide; ++x)
      if (mask.rows[y] >> x & 1) result.rows[y] |= static_cast<uint16_t>(1U << (kLast - x));
  return result;
}

}  // namespace mimeme
