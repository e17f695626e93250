// What a picture looks like in its details: SIFT keypoints with binary descriptors, and how those
// of two pictures lie to one another. Pure.
//
// D. Lowe, Distinctive Image Features from Scale-Invariant Keypoints, IJCV 2004. The descriptor's
// 128 numbers are kept as one bit each, above or below their median (W. Zhou et al., Scalar
// Quantization for Large Scale Image Search, ACM MM 2012): an eighth of the bytes, compared by
// counting bits.
#ifndef MIMEME_CORE_LOCAL_FEATURES_H_
#define MIMEME_CORE_LOCAL_FEATURES_H_

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"

namespace mimeme {

struct Keypoint {
  float x = 0, y = 0;  // pixels: x to the right, y down
  float scale = 1;     // pixels
  float angle = 0;     // of the gradient, in radians, from x towards y
  // Bit o + 8 (c + 4 r): orientation o of the cell in column c and row r of the 4 × 4 around the
  // keypoint, turned by its angle.
  std::array<uint64_t, 2> descriptor{};
};

struct LocalFeatures {
  int width = 0, height = 0;  // pixels, of the picture that they were found in
  std::vector<Keypoint> keypoints;
};

// What would have been found in the picture turned left to right, and in its negative: the same
// keypoints with their descriptors' cells in another order, so nothing has to be looked at again.
LocalFeatures mirrored(const LocalFeatures& features);
LocalFeatures negated(const LocalFeatures& features);

// As bytes, 22 for each keypoint; places to 1/64 pixel, REQUIRES: sides of at most 1,000 pixels.
std::vector<uint8_t> to_bytes(const LocalFeatures& features);
Result<LocalFeatures> local_features_of(std::span<const uint8_t> bytes);  // kCorrupt

// (x, y) → (xx x + xy y + x0, yx x + yy y + y0)
struct Affine {
  double xx = 1, xy = 0, x0 = 0;
  double yx = 0, yy = 1, y0 = 0;
  double determinant() const { return xx * yy - xy * yx; }
  Affine inverse() const;  // REQUIRES: determinant() ≠ 0
};

struct Alignment {
  Affine map;       // pixels of the one → pixels of the other
  int inliers = 0;  // pairs of keypoints that it brings together
};

// The map that brings most keypoints of `from` to their like in `to`; none if fewer than
// kMinInliers agree on one. It keeps the handedness: a mirrored picture is asked about with
// mirrored() features.
inline constexpr int kMinInliers = 5;
std::optional<Alignment> align(const LocalFeatures& from, const LocalFeatures& to);

}  // namespace mimeme

#endif  // MIMEME_CORE_LOCAL_FEATURES_H_
