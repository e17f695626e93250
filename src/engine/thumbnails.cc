#include "engine/thumbnails.h"

#include <filesystem>

#include "base/file.h"
#include "base/log.h"
#include "engine/original.h"
#include "media/encode.h"
#include "media/scan.h"

namespace mimeme {
namespace {

constexpr int kQuality = 80;
constexpr int kGround = 255;  // drawings with nothing behind them are mostly made for white

// A RIFF file says how long it is: one that a crash or a full disk cut off is not taken.
bool is_whole(std::span<const uint8_t> webp) {
  if (sniff(webp) != "webp") return false;
  const uint32_t size = webp[4] | webp[5] << 8 | webp[6] << 16 | uint32_t{webp[7]} << 24;
  return webp.size() == uint64_t{size} + 8;
}

}  // namespace

Result<std::vector<uint8_t>> find_original(const ImageRecord& image, const DecodeLimits& limits) {
  auto bytes = read_original(image, limits);
  if (bytes) return bytes;
  return Error{ErrorCode::kNotFound,
               "the file of image " + std::to_string(image.id) + " is gone or has changed"};
}

Result<std::vector<uint8_t>> make_thumbnail(std::span<const uint8_t> picture, int side,
                                            const DecodeLimits& limits) {
  const Decoded small = TRY(decode(
      picture, {.width = side, .height = side, .fit = Fit::kInside, .ground = kGround}, limits));
  return encode_webp(small.rgb, small.width, small.height, kQuality);
}

Result<std::vector<uint8_t>> Thumbnails::get(const ImageRecord& image, int side) const {
  const std::string path = path_of(image.sha256, side);
  if (auto kept = read_file(path, limits_.max_bytes); kept && is_whole(kept->bytes))
    return std::move(kept->bytes);
  auto made = TRY(make_thumbnail(TRY(find_original(image, limits_)), side, limits_));
  if (const auto written = write_file(path, made, Durability::kCache); !written)
    log(LogLevel::kDebug, "thumbnail not kept: " + written.error().message);
  return made;
}

void Thumbnails::forget(const Sha256& sha256) const {
  std::error_code ignored;
  for (const int side : kThumbnailSides) std::filesystem::remove(path_of(sha256, side), ignored);
}

// 256 folders, so that none holds too many files.
std::string Thumbnails::path_of(const Sha256& sha256, int side) const {
  const std::string name = to_hex(sha256);
  return directory_ + '/' + name.substr(0, 2) + '/' + name + '.' + std::to_string(side) + ".webp";
}

}  // namespace mimeme
