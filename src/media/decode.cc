#include "media/decode.h"

#include <vips/vips.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include "base/base64.h"

namespace mimeme {
namespace {

// The longest side of a picture before kCrop cuts it. A needle that would be longer is squashed to
// it: its middle is what remains either way, and it is still read to its end.
constexpr int kMaxScaledSide = 16'384;

struct Unref {
  void operator()(VipsImage* image) const { g_object_unref(image); }
};
using Image = std::unique_ptr<VipsImage, Unref>;

// Replaces `image` by what a libvips operation makes of it; false if that fails.
template <typename Operation, typename... Arguments>
bool step(Image& image, Operation operation, Arguments... arguments) {
  VipsImage* out = nullptr;
  if (operation(image.get(), &out, arguments..., nullptr) != 0) return false;
  image.reset(out);
  return true;
}

// libvips keeps buffers for each thread that used it, and wants to be told of the thread's end.
struct ThreadCleaner {
  ~ThreadCleaner() { vips_thread_shutdown(); }
};

std::string_view as_text(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// --- Errors. libvips' own words are of no use: all threads share its error buffer.

Error too_large(const std::string& what, int64_t limit, const char* flag) {
  return {ErrorCode::kTooLarge,
          what + ", over the limit of " + std::to_string(limit) + " (" + flag + ")"};
}

// Names what a file is that is none of ours.
Error unsupported(std::span<const uint8_t> bytes) {
  const std::string_view head = as_text(bytes.first(std::min<size_t>(bytes.size(), 1024)));
  if (head.empty()) return {ErrorCode::kUnsupported, "empty file"};
  const auto error = [](std::string_view what) {
    return Error{ErrorCode::kUnsupported, "not a picture: " + std::string(what)};
  };
  static constexpr std::pair<std::string_view, std::string_view> kKinds[] = {
      {"%PDF", "PDF is not read"},         {"BM", "BMP is not read"},
      {"8BPS", "Photoshop is not read"},   {"PK\3\4", "a zip archive"},
      {"\xFF\x0A", "JPEG XL is not read"}, {"\x1A\x45\xDF\xA3", "a video"}};
  for (const auto& [magic, kind] : kKinds)
    if (head.starts_with(magic)) return error(kind);
  if (head.size() >= 12 && head.substr(4, 4) == "ftyp") return error("a video");
  if (head.find("<svg") != head.npos) return error("SVG is not read");
  const bool is_text = std::all_of(head.begin(), head.end(),
                                   [](unsigned char c) { return c >= ' ' || std::isspace(c); });
  return error(is_text ? "text" : "unknown format");
}

// The end of the file tells the commonest damage from the rest.
Error damaged(std::span<const uint8_t> bytes, std::string_view format) {
  vips_error_clear();
  const std::string_view text = as_text(bytes);
  const auto error = [](bool truncated, const char* name) {
    return Error{ErrorCode::kCorrupt, std::string(truncated ? "truncated " : "damaged ") + name};
  };
  if (format == "jpeg") {  // the end of the image comes after the start of its last scan
    const size_t end = text.rfind("\xFF\xD9"), scan = text.rfind("\xFF\xDA");
    return error(end == text.npos || (scan != text.npos && end < scan), "JPEG");
  }
  if (format == "png") return error(text.rfind("IEND") == text.npos, "PNG");
  if (format == "gif") return error(text.back() != ';', "GIF");
  if (format == "webp") {  // a RIFF file begins with its size
    const uint32_t size = bytes[4] | bytes[5] << 8 | bytes[6] << 16 | uint32_t{bytes[7]} << 24;
    return error(bytes.size() < uint64_t{size} + 8, "WebP");
  }
  std::string name(format);
  for (char& c : name) c = static_cast<char>(std::toupper(c));
  return {ErrorCode::kCorrupt, "truncated or damaged " + name};
}

// --- Reading.

// Frames of a GIF, by its blocks: libvips stops counting at 4,097.
int count_gif_frames(std::span<const uint8_t> bytes) {
  int frames = 0;
  const auto at = [&](size_t i) { return i < bytes.size() ? size_t{bytes[i]} : 0; };
  const auto colours = [&](size_t flags) {
    return at(flags) & 0x80 ? size_t{6} << (at(flags) & 7) : 0;
  };
  for (size_t i = 13 + colours(10); i < bytes.size();) {
    if (at(i) == ',') {  // an image: descriptor, colours, code size
      ++frames;
      i += 11 + colours(i + 9);
    } else if (at(i) == '!') {  // an extension: its kind
      i += 2;
    } else {
      break;
    }
    while (at(i) != 0) i += 1 + at(i);  // the data, in blocks that begin with their sizes
    ++i;
  }
  return frames;
}

// Reads the header only; pixels are decoded when they are asked for, line by line.
Image open(std::span<const uint8_t> bytes, const std::string& options = "") {
  return Image(vips_image_new_from_buffer(bytes.data(), bytes.size(), options.c_str(), "access",
                                          VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_ERROR,
                                          nullptr));
}

// Has the decoder do the coarse part of a reduction by `factor`, where it can. (vips_thumbnail
// would too, but ignores fail_on, and takes embedded thumbnails and later pages for the picture.)
Image open_shrunk(std::span<const uint8_t> bytes, std::string_view format, Image header,
                  double factor) {
  if (format == "jpeg" && factor >= 2)
    return open(bytes, factor >= 8 ? "[shrink=8]" : factor >= 4 ? "[shrink=4]" : "[shrink=2]");
  if (format == "webp" && factor > 1)
    return open(bytes, "[scale=" + std::to_string(1 / factor) + "]");
  return header;
}

// --- Pixels.

// To what a resize may mix: 8 bits, RGB or grey, opaque.
bool flatten(Image& image, int grey) {
  const VipsInterpretation space = vips_image_get_interpretation(image.get());
  const bool is_grey = space == VIPS_INTERPRETATION_B_W || space == VIPS_INTERPRETATION_GREY16;
  if (!step(image, vips_colourspace,
            is_grey ? VIPS_INTERPRETATION_B_W : VIPS_INTERPRETATION_sRGB) ||
      !step(image, vips_cast_uchar))
    return false;
  if (!vips_image_hasalpha(image.get())) return true;
  const std::unique_ptr<VipsArrayDouble, void (*)(VipsArrayDouble*)> ground(
      vips_array_double_newv(1, static_cast<double>(grey)),
      [](VipsArrayDouble* array) { vips_area_unref(VIPS_AREA(array)); });
  return step(image, vips_flatten, "background", ground.get());
}

// Whether the picture's profile has to be applied after flatten(): that of CMYK or Lab already is,
// and sRGB, by far the commonest, asks for nothing (a transform costs as much as the decoding).
bool needs_profile(VipsImage* image) {
  switch (vips_image_get_interpretation(image)) {
    case VIPS_INTERPRETATION_sRGB:
    case VIPS_INTERPRETATION_RGB16:
    case VIPS_INTERPRETATION_B_W:
    case VIPS_INTERPRETATION_GREY16:
      break;
    default:
      return false;
  }
  const void* data = nullptr;
  size_t size = 0;
  if (!vips_image_get_typeof(image, VIPS_META_ICC_NAME) ||
      vips_image_get_blob(image, VIPS_META_ICC_NAME, &data, &size) != 0)
    return false;
  const std::string_view profile(static_cast<const char*>(data), size);
  static constexpr std::string_view kUtf16("s\0R\0G\0B", 7);
  return profile.find("sRGB") == profile.npos && profile.find(kUtf16) == profile.npos;
}

// `image` at width × height, 8-bit sRGB, in memory. Reads it to its last line, so that whatever is
// missing is missed.
bool render(Image& image, int width, int height, int ground) {
  const bool has_profile = needs_profile(image.get());
  if (!flatten(image, ground)) return false;
  const double across = 1.0 * width / vips_image_get_width(image.get());
  const double down = 1.0 * height / vips_image_get_height(image.get());
  if (!step(image, vips_resize, across, "vscale", down, "kernel", VIPS_KERNEL_LINEAR)) return false;
  // A profile that makes no sense is passed over: the colours are then a little off.
  if (has_profile) step(image, vips_icc_transform, "srgb", "embedded", TRUE);
  if (!step(image, vips_colourspace, VIPS_INTERPRETATION_sRGB)) return false;
  image.reset(vips_image_copy_memory(image.get()));
  return image && vips_image_get_bands(image.get()) == 3;
}

// The part of `image` as it is displayed.
bool cut_out(Image& image, const Region& part) {
  image.reset(vips_image_copy_memory(image.get()));  // turning and cutting read it out of order
  if (!image || !step(image, vips_autorot)) return false;
  const int across = vips_image_get_width(image.get()), down = vips_image_get_height(image.get());
  const auto from = [](double share, int side) {
    return std::clamp(static_cast<int>(std::lrint(share * side)), 0, side - 1);
  };
  const auto size = [](double share, int first, int side) {
    return std::clamp(static_cast<int>(std::lrint(share * side)), 1, side - first);
  };
  const int left = from(part.left, across), top = from(part.top, down);
  return step(image, vips_crop, left, top, size(part.width, left, across),
              size(part.height, top, down));
}

// The picture as 4 × 4 pixels, each the mean of its part, as a 16-bit BMP has them: row-major, five
// bits each of red, green and blue, little-endian.
std::string preview_of(const Decoded& picture) {
  constexpr int kSide = 4;
  const auto from = [](int side, int part) { return side * part / kSide; };
  const auto to = [&](int side, int part) {
    return std::max(from(side, part + 1), from(side, part) + 1);
  };
  std::vector<uint8_t> pixels;
  for (int part = 0; part < kSide * kSide; ++part) {
    const int row = part / kSide, column = part % kSide;
    uint64_t sums[3] = {}, count = 0;
    for (int y = from(picture.height, row); y < to(picture.height, row); ++y)
      for (int x = from(picture.width, column); x < to(picture.width, column); ++x, ++count)
        for (int i = 0; i < 3; ++i)
          sums[i] += picture.rgb[static_cast<size_t>((int64_t{y} * picture.width + x) * 3 + i)];
    uint64_t pixel = 0;
    for (const uint64_t sum : sums) pixel = pixel << 5 | sum / count >> 3;
    pixels.push_back(static_cast<uint8_t>(pixel));
    pixels.push_back(static_cast<uint8_t>(pixel >> 8));
  }
  return base64(pixels);
}

}  // namespace

Result<> init_media() {
  static const bool started = [] {
    if (VIPS_INIT("mimeme") != 0) return false;
    vips_block_untrusted_set(TRUE);
    vips_concurrency_set(1);
    vips_cache_set_max(0);
    // What matters comes back as an error; the rest is not for the user's terminal.
    const auto levels = static_cast<GLogLevelFlags>(G_LOG_LEVEL_MASK);
    g_log_set_handler(
        "VIPS", levels, [](auto...) {}, nullptr);
    return true;
  }();
  if (!started) return Error{ErrorCode::kInternal, "libvips does not start"};
  return {};
}

std::optional<std::string_view> sniff(std::span<const uint8_t> head) {
  const std::string_view text = as_text(head.first(std::min<size_t>(head.size(), 32)));
  if (text.starts_with("\xFF\xD8\xFF")) return "jpeg";
  if (text.starts_with("\x89PNG\r\n\x1A\n")) return "png";
  if (text.starts_with("GIF87a") || text.starts_with("GIF89a")) return "gif";
  if (text.starts_with(std::string_view("II*\0", 4))) return "tiff";
  if (text.starts_with(std::string_view("MM\0*", 4))) return "tiff";
  if (text.size() < 12) return std::nullopt;
  if (text.starts_with("RIFF") && text.substr(8, 4) == "WEBP") return "webp";
  if (text.substr(4, 4) == "ftyp")  // ISO/IEC 14496-12: a brand, a version, compatible brands
    for (size_t i = 8; i + 4 <= text.size(); i += 4) {
      const std::string_view brand = text.substr(i, 4);
      if (brand == "avif" || brand == "avis") return "avif";
      if (brand == "heic" || brand == "heix") return "heic";
    }
  return std::nullopt;
}

Result<Decoded> decode_here(std::span<const uint8_t> bytes, const Target& target,
                            const DecodeLimits& limits) {
  static thread_local const ThreadCleaner cleaner;
  if (std::cmp_greater(bytes.size(), limits.max_bytes))
    return too_large(std::to_string(bytes.size()) + " bytes", limits.max_bytes, "--max-bytes");
  const auto format = sniff(bytes);
  if (!format) return unsupported(bytes);
  Image image = open(bytes);
  if (!image) return damaged(bytes, *format);

  int across = vips_image_get_width(image.get()), down = vips_image_get_height(image.get());
  int frames = 1;
  if (format == "gif")
    frames = count_gif_frames(bytes);
  else if (vips_image_get_typeof(image.get(), VIPS_META_N_PAGES))
    vips_image_get_int(image.get(), VIPS_META_N_PAGES, &frames);
  if (int64_t{across} * down > limits.max_pixels)
    return too_large(std::to_string(across) + "×" + std::to_string(down) + " pixels",
                     limits.max_pixels, "--max-pixels");
  if (frames > limits.max_frames)
    return too_large(std::to_string(frames) + " frames", limits.max_frames, "--max-frames");

  int width = target.width, height = target.height;  // before the cut
  const bool lies_on_its_side = vips_image_get_orientation_swap(image.get());
  if (lies_on_its_side) std::swap(across, down);
  Decoded decoded{.info = {std::string(*format), across, down, frames},
                  .width = target.width,
                  .height = target.height};
  if (target.region) {
    across = std::max(static_cast<int>(across * target.region->width), 1);
    down = std::max(static_cast<int>(down * target.region->height), 1);
  }
  if (target.fit == Fit::kCrop) {
    const auto scaled = [&, shorter = std::min(across, down)](int64_t side) {
      return static_cast<int>(std::min<int64_t>(side * target.resize / shorter, kMaxScaledSide));
    };
    width = scaled(across);
    height = scaled(down);
  } else if (target.fit == Fit::kInside) {
    const double scale = std::min({1.0, 1.0 * width / across, 1.0 * height / down});
    const auto scaled = [&](int side) {
      return std::max(static_cast<int>(std::lrint(side * scale)), 1);
    };
    decoded.width = width = scaled(across);
    decoded.height = height = scaled(down);
  }
  // lrint rounds halves to even, as Python does.
  const auto left = static_cast<int>(std::lrint((width - decoded.width) / 2.0));
  const auto top = static_cast<int>(std::lrint((height - decoded.height) / 2.0));
  const double factor = std::min(1.0 * across / width, 1.0 * down / height);
  if (lies_on_its_side && !target.region) std::swap(width, height);

  image = open_shrunk(bytes, *format, std::move(image), factor);
  if (image && target.region && !cut_out(image, *target.region)) image = nullptr;
  if (!image || !render(image, width, height, target.ground) || !step(image, vips_autorot) ||
      !step(image, vips_crop, left, top, decoded.width, decoded.height))
    return damaged(bytes, *format);
  size_t size = 0;
  const std::unique_ptr<void, void (*)(void*)> pixels(
      vips_image_write_to_memory(image.get(), &size), &g_free);
  if (!pixels) return damaged(bytes, *format);
  const auto* first = static_cast<const uint8_t*>(pixels.get());
  decoded.rgb.assign(first, first + size);
  decoded.info.preview = preview_of(decoded);
  return decoded;
}

}  // namespace mimeme
