// Pictures in a picture: what a screenshot, a letterbox or a caption bar frames, and the panels of
// a collage. Pure.
#ifndef MIMEME_CORE_PARTS_H_
#define MIMEME_CORE_PARTS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "core/types.h"

namespace mimeme {

inline constexpr int kMaxParts = 7;
// rgb: height × width × 3, of a few hundred pixels: noise is gone there, and a frame's lines are
// still lines. What is framed comes first, if anything is; then the
// panels, in reading order. Empty for a picture that is one.
std::vector<Region> find_parts(std::span<const uint8_t> rgb, int width, int height);

}  // namespace mimeme

#endif  // MIMEME_CORE_PARTS_H_
