#include "media/encode.h"

#include <vips/vips.h>

#include <memory>
#include <utility>

namespace mimeme {
namespace {

constexpr int kMaxSide = 65'535;

struct Unref {
  void operator()(VipsImage* image) const { g_object_unref(image); }
};

// As in decode.cc: libvips wants to be told of a thread's end.
struct ThreadCleaner {
  ~ThreadCleaner() { vips_thread_shutdown(); }
};

}  // namespace

Result<std::vector<uint8_t>> encode_jpeg(std::span<const uint8_t> rgb, int width, int height,
                                         int quality) {
  static thread_local const ThreadCleaner cleaner;
  if (width < 1 || height < 1 || width > kMaxSide || height > kMaxSide || quality < 1 ||
      quality > 100 || std::cmp_not_equal(rgb.size(), int64_t{width} * height * 3))
    return Error{ErrorCode::kInvalidArgument, "no such picture can be written as JPEG"};
  // Three bands of bytes are taken as sRGB; the pixels are not copied.
  const std::unique_ptr<VipsImage, Unref> image(
      vips_image_new_from_memory(rgb.data(), rgb.size(), width, height, 3, VIPS_FORMAT_UCHAR));
  void* data = nullptr;
  size_t size = 0;
  const bool failed = !image || vips_jpegsave_buffer(image.get(), &data, &size, "Q", quality,
                                                     "strip", TRUE, nullptr) != 0;
  const std::unique_ptr<void, void (*)(void*)> jpeg(data, &g_free);
  if (failed) {
    vips_error_clear();
    return Error{ErrorCode::kInternal, "libvips does not write a JPEG"};
  }
  const auto* first = static_cast<const uint8_t*>(jpeg.get());
  return std::vector<uint8_t>(first, first + size);
}

}  // namespace mimeme
