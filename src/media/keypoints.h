// Pixels → local features.
#ifndef MIMEME_MEDIA_KEYPOINTS_H_
#define MIMEME_MEDIA_KEYPOINTS_H_

#include <cstdint>
#include <span>

#include "core/local_features.h"

namespace mimeme {

// grey: height × width, row-major, 8 bits. The `limit` strongest keypoints; fewer if the picture
// has no more. Thread-safe.
LocalFeatures find_keypoints(std::span<const uint8_t> grey, int width, int height, int limit);

}  // namespace mimeme

#endif  // MIMEME_MEDIA_KEYPOINTS_H_
