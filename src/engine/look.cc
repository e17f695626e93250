#include "engine/look.h"

#include <utility>

#include "core/half.h"
#include "core/parts.h"
#include "media/keypoints.h"

namespace mimeme {
namespace {

constexpr int kLookSide = 320;  // pixels, of what features are found in
constexpr int kKeypoints = 250;
// What is kept to compare block by block: it still tells one line of words from another (at 96
// pixels it does not always). In steps of brightness that are lost on the comparison, and half of
// the bytes.
constexpr int kKeptSide = 128, kKeptStep = 4;
static_assert(kKeptSide <= 0xFF);

Target inside(int side, const std::optional<Region>& region) {
  return {.width = side, .height = side, .fit = Fit::kInside, .region = region};
}

Look::View view_of(const Decoded& decoded, const Region& region) {
  Look::View view{.region = region, .picture = to_grey(decoded.rgb, decoded.width, decoded.height)};
  view.features = find_keypoints(view.picture.pixels, decoded.width, decoded.height, kKeypoints);
  return view;
}

Result<std::vector<float>> embedding_of(const Region& part, std::span<const uint8_t> bytes,
                                        const DecodeLimits& limits, const ImageEncoder& encoder) {
  Target target = decode_target(encoder.manifest());
  target.region = part;
  return encoder.encode(TRY(decode(bytes, target, limits)).rgb);
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
  if (region) return look;
  for (const Region& part : find_parts(whole.rgb, whole.width, whole.height)) {
    Look::View view = view_of(TRY(decode(bytes, inside(kLookSide, part), limits)), part);
    view.raw = TRY(embedding_of(part, bytes, limits, encoder));
    look.views.push_back(std::move(view));
  }
  return look;
}

Result<Look> look_at_details(std::span<const uint8_t> bytes, const DecodeLimits& limits,
                             const ImageEncoder& encoder) {
  const Decoded whole = TRY(decode(bytes, inside(kLookSide, std::nullopt), limits));
  Look look;
  look.views.push_back(view_of(whole, Region{}));
  for (const Region& part : find_parts(whole.rgb, whole.width, whole.height))
    look.views.push_back({.region = part, .raw = TRY(embedding_of(part, bytes, limits, encoder))});
  return look;
}

StoredFeatures to_stored(const Look& look) {
  const Look::View& whole = look.views.front();
  const Grey kept = shrunk(whole.picture, kKeptSide);
  StoredFeatures stored{.features = to_bytes(whole.features), .picture = {}, .parts = {}};
  stored.picture.push_back(static_cast<uint8_t>(kept.width));
  for (const uint8_t value : kept.pixels)
    stored.picture.push_back(static_cast<uint8_t>(value / kKeptStep * kKeptStep));
  for (size_t i = 1; i < look.views.size(); ++i)
    stored.parts.push_back({look.views[i].region, to_half(look.views[i].raw)});
  return stored;
}

Result<Look> to_look(const StoredFeatures& stored) {
  const std::span<const uint8_t> bytes = stored.picture;
  if (bytes.size() < 2 || bytes[0] == 0 || (bytes.size() - 1) % bytes[0] != 0)
    return Error{ErrorCode::kCorrupt,
                 "features: image " + std::to_string(stored.image) + " has no picture"};
  Look look;
  Look::View& whole = look.views.emplace_back();
  whole.features = TRY(local_features_of(stored.features));
  whole.picture.width = bytes[0];
  whole.picture.height = static_cast<int>(bytes.size() - 1) / bytes[0];
  whole.picture.pixels.assign(bytes.begin() + 1, bytes.end());
  for (const StoredPart& part : stored.parts)
    look.views.push_back({.region = part.region, .raw = to_float(part.embedding)});
  return look;
}

}  // namespace mimeme
