#include "engine/look.h"

#include <unordered_map>
#include <utility>

#include "core/half.h"
#include "core/parts.h"
#include "core/text_mask.h"
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

Grey grey_of(const Decoded& decoded) { return to_grey(decoded.rgb, decoded.width, decoded.height); }

LocalFeatures features_of(const Grey& picture) {
  return find_keypoints(picture.pixels, picture.width, picture.height, kKeypoints);
}

Result<std::vector<float>> embedding_of(const Region& part, std::span<const uint8_t> bytes,
                                        const DecodeLimits& limits, const ImageEncoder& encoder) {
  Target target = decode_target(encoder.manifest());
  target.region = part;
  return encoder.encode(TRY(decode(bytes, target, limits)).rgb);
}

}  // namespace

Result<Look> look_at_details(std::span<const uint8_t> bytes, const DecodeLimits& limits,
                             const ImageEncoder& encoder) {
  const Decoded whole = TRY(decode(bytes, inside(kLookSide, std::nullopt), limits));
  Look look;
  Grey picture = grey_of(whole);
  look.views.push_back({.features = features_of(picture), .picture = std::move(picture)});
  for (const Region& part : find_parts(whole.rgb, whole.width, whole.height))
    look.views.push_back({.region = part, .raw = TRY(embedding_of(part, bytes, limits, encoder))});
  return look;
}

Result<std::shared_ptr<const QueryLook>> QueryLook::at(std::span<const uint8_t> bytes,
                                                       const std::optional<Region>& region,
                                                       const DecodeLimits& limits,
                                                       const ImageEncoder& encoder, Read read) {
  Target target = decode_target(encoder.manifest());
  target.region = region;
  Look look;
  Decoded input = TRY(decode(bytes, target, limits));
  look.info = std::move(input.info);
  look.pixels = std::move(input.rgb);
  const Decoded whole = TRY(decode(bytes, inside(kLookSide, region), limits));
  look.views.push_back({.region = region.value_or(Region{}),
                        .raw = TRY(encoder.encode(look.pixels)),
                        .picture = grey_of(whole)});
  if (!region) {
    for (const Region& part : find_parts(whole.rgb, whole.width, whole.height))
      look.views.push_back({.region = part});
  }
  if (!read && look.views.size() > 1)
    read = [copy = std::vector<uint8_t>(bytes.begin(), bytes.end())] { return copy; };
  return std::shared_ptr<const QueryLook>(
      new QueryLook(std::move(look), std::move(read), limits, encoder));
}

std::shared_ptr<const LocalFeatures> QueryLook::features() const {
  if (auto known = features_.get()) return known;
  const Look::View& whole = look_.views.front();
  auto found = std::make_shared<const LocalFeatures>(is_kept() ? whole.features
                                                               : features_of(whole.picture));
  features_.set(found);
  return found;
}

Result<std::shared_ptr<const std::vector<Look::View>>> QueryLook::parts() const {
  if (auto known = parts_.get()) return known;
  std::vector<Look::View> parts(look_.views.begin() + 1, look_.views.end());
  if (!is_kept() && !parts.empty()) {
    const std::vector<uint8_t> bytes = TRY(read_());
    for (Look::View& part : parts) {
      part.raw = TRY(embedding_of(part.region, bytes, limits_, *encoder_));
      part.picture = grey_of(TRY(decode(bytes, inside(kLookSide, part.region), limits_)));
      part.features = features_of(part.picture);
    }
  }
  auto found = std::make_shared<const std::vector<Look::View>>(std::move(parts));
  parts_.set(found);
  return found;
}

Result<std::shared_ptr<const std::vector<float>>> QueryLook::negative() const {
  if (auto known = negative_.get()) return known;
  std::vector<uint8_t> pixels = look_.pixels;
  for (uint8_t& value : pixels) value = static_cast<uint8_t>(255 - value);
  auto found = std::make_shared<const std::vector<float>>(TRY(encoder_->encode(pixels)));
  negative_.set(found);
  return found;
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

Result<> add_text_masks(Catalog& catalog, std::span<StoredFeatures> details) {
  std::unordered_map<ImageId, StoredFeatures*> of;
  std::vector<ImageId> ids;
  for (StoredFeatures& one : details) {
    of[one.image] = &one;
    ids.push_back(one.image);
  }
  std::unordered_map<ImageId, ImageInfo> infos;
  for (ImageRecord& image : TRY(catalog.images_by_id(ids))) infos[image.id] = image.info;
  const auto readings = TRY(catalog.readings(ids));
  for (const auto& [id, lines] : readings)
    of.at(id)->words = text_mask(lines, infos[id].width, infos[id].height);
  return {};
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
  whole.picture.words = stored.words.value_or(TextMask{});
  look.is_read = stored.words.has_value();
  for (const StoredPart& part : stored.parts)
    look.views.push_back({.region = part.region, .raw = to_float(part.embedding)});
  return look;
}

}  // namespace mimeme
