#include "media/encode.h"

#include <vips/vips.h>

#include <memory>
#include <string>
#include <utility>

namespace mimeme {
namespace {

struct Unref {
  void operator()(VipsImage* image) const { g_object_unref(image); }
};

// As in decode.cc: libvips wants to be told of a thread's end.
struct ThreadCleaner {
  ~ThreadCleaner() { vips_thread_shutdown(); }
};

// format: as libvips has it, ".jpg"; options: besides the quality.
Result<std::vector<uint8_t>> encode(std::span<const uint8_t> rgb, int width, int height,
                                    int quality, const char* format, int max_side,
                                    const char* options) {
  static thread_local const ThreadCleaner cleaner;
  if (width < 1 || height < 1 || width > max_side || height > max_side || quality < 1 ||
      quality > 100 || std::cmp_not_equal(rgb.size(), int64_t{width} * height * 3))
    return Error{ErrorCode::kInvalidArgument,
                 std::string("no such picture can be written as ") + format};
  // Three bands of bytes are taken as sRGB; the pixels are not copied.
  const std::unique_ptr<VipsImage, Unref> image(
      vips_image_new_from_memory(rgb.data(), rgb.size(), width, height, 3, VIPS_FORMAT_UCHAR));
  const std::string how =
      std::string(format) + "[strip,Q=" + std::to_string(quality) + options + "]";
  void* data = nullptr;
  size_t size = 0;
  const bool failed =
      !image || vips_image_write_to_buffer(image.get(), how.c_str(), &data, &size, nullptr) != 0;
  const std::unique_ptr<void, void (*)(void*)> file(data, &g_free);
  if (failed) {
    vips_error_clear();
    return Error{ErrorCode::kInternal, std::string("libvips does not write ") + format};
  }
  const auto* first = static_cast<const uint8_t*>(file.get());
  return std::vector<uint8_t>(first, first + size);
}

}  // namespace

Result<std::vector<uint8_t>> encode_jpeg(std::span<const uint8_t> rgb, int width, int height,
                                         int quality) {
  return encode(rgb, width, height, quality, ".jpg", 65'535, "");
}

Result<std::vector<uint8_t>> encode_webp(std::span<const uint8_t> rgb, int width, int height,
                                         int quality) {
  // Effort 2 of 6: a thumbnail is waited for.
  return encode(rgb, width, height, quality, ".webp", 16'383, ",effort=2");
}

}  // namespace mimeme
