// The file of an image, as long as it still is that image.
#ifndef MIMEME_ENGINE_ORIGINAL_H_
#define MIMEME_ENGINE_ORIGINAL_H_

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "media/decode.h"
#include "store/catalog.h"

namespace mimeme {

// The image's bytes from the first of its files that still has them. A file that has changed since
// is no longer this image: the next `add` of its folder finds that out. The error is the last
// file's: read_file()'s (media/scan.h), or kConflict for one that has changed; kNotFound if there
// is none.
Result<std::vector<uint8_t>> read_original(const ImageRecord& image, const DecodeLimits& limits);

}  // namespace mimeme

#endif  // MIMEME_ENGINE_ORIGINAL_H_
