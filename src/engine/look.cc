#include "engine/look.h"

#include <utility>

#include "core/half.h"
#include "core/parts.h"
#include "media/encode.h"
#include "media/keypoints.h"

namespace mimeme {
namespace {

constexpr int kLookSide = 320;  // pixels, of what features are found in
constexpr int kKeypoints = 250;
// What is kept to compare block by block. 128 still tells one line of words from another.
constexpr int kKeptSide = 128, kKeptQuality = 60;

Target inside(int side, const std::optional<Region>& region) {
  return {.width = side, .height = side, .fit = Fit::kInside, .region = region};
}

Look::View view_of(const Decoded& decoded, const Region& region) {
  Look::View view{.region = region,
                  .picture = to_grey(decoded.rgb, decoded.width, decoded.height)};
  view.features = find_keypoints(view.picture.pixels, decoded.width, decoded.height, kKeypoints);
  return view;
}

Result<> add_parts(Look& look, const Decoded& whole, std::span<const uint8_t> bytes,
                   const DecodeLimits& limits, const ImageEncoder& encoder) {
  for (const Region& part : find_parts(whole.rgb, whole.width, whole.height)) {
    Target target = decode_target(encoder.manifest());
    target.region = part;
    Look::View view = view_of(TRY(decode(bytes, inside(kLookSide, part), limits)), part);
    view.raw = TRY(encoder.encode(TRY(decode(bytes, target, limits)).rgb));
    look.views.push_back(std::move(view));
  }
  return {};
}

// The grey picture that is kept, as RGB for the encoder.
std::vector<uint8_t> to_rgb(const Grey& grey) {
  std::vector<uint8_t> rgb;
  rgb.reserve(grey.pixels.size() * 3);
  for (const uint8_t value : grey.pixels) rgb.insert(rgb.end(), 3, value);
  return rgb;
}

}  // namespace

Result<Look> look_at(std::span<const uint8_t> bytes, const std::optional<Region>& region,
                     const DecodeLimits& limits, const ImageEncoder& encoder) {
  Target target = decode_target(encoder.manifest());
  target.region = region;
  Look look;
  Decoded input = TRY(decode(bytes, target, limits));
  look.info = std::move(input.info);
  look.pixels = std::move(input.rgb);
  const Decoded whole = TRY(decode(bytes, inside(kLookSide, region), limits));
  look.views.push_back(view_of(whole, region.value_or(Region{})));
  look.views.front().raw = TRY(encoder.encode(look.pixels));
  if (!region) TRY(add_parts(look, whole, bytes, limits, encoder));
  return look;
}

Result<Look> look_at_details(std::span<const uint8_t> bytes, const DecodeLimits& limits,
                             const ImageEncoder& encoder) {
  const Decoded whole = TRY(decode(bytes, inside(kLookSide, std::nullopt), limits));
  Look look;
  look.views.push_back(view_of(whole, Region{}));
  TRY(add_parts(look, whole, bytes, limits, encoder));
  return look;
}

Result<StoredFeatures> to_stored(const Look& look) {
  const Look::View& whole = look.views.front();
  const Grey kept = shrunk(whole.picture, kKeptSide);
  StoredFeatures stored{
      .features = to_bytes(whole.features),
      .picture = TRY(encode_webp(to_rgb(kept), kept.width, kept.height, kKeptQuality)),
      .parts = {}};
  for (size_t i = 1; i < look.views.size(); ++i)
    stored.parts.push_back({look.views[i].region, to_half(look.views[i].raw)});
  return stored;
}

Result<Look> to_look(const StoredFeatures& stored) {
  const Decoded picture = TRY(decode(stored.picture, inside(kKeptSide, std::nullopt), {}));
  Look look;
  look.views.push_back({.features = TRY(local_features_of(stored.features)),
                        .picture = to_grey(picture.rgb, picture.width, picture.height)});
  for (const StoredPart& part : stored.parts)
    look.views.push_back({.region = part.region, .raw = to_float(part.embedding)});
  return look;
}

}  // namespace mimeme
