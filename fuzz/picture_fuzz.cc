// Any bytes are a picture of the size that was asked for, or an error.
#include "fuzz/fuzz.h"
#include "media/decode.h"

using namespace mimeme;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  require(init_media().ok());
  const DecodeLimits limits{.max_pixels = 1 << 20, .max_frames = 100};
  for (const Target& target : {Target{.width = 32, .height = 24},
                               Target{.width = 32, .height = 32, .fit = Fit::kCrop, .resize = 40},
                               Target{.width = 50, .height = 50, .fit = Fit::kInside}}) {
    const auto decoded = decode_here({data, size}, target, limits);
    if (!decoded) {
      require(!decoded.error().message.empty());
      return 0;
    }
    require(decoded->rgb.size() ==
            size_t{3} * static_cast<size_t>(decoded->width) * static_cast<size_t>(decoded->height));
    require(decoded->width <= 50 && decoded->height <= 50);
  }
  return 0;
}
