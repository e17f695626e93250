#include "engine/details.h"

#include <algorithm>

#include "core/parts.h"
#include "engine/look.h"

namespace mimeme {

Result<std::vector<StoredFeatures>> Details::get(std::span<const ImageId> images) const {
  if (file_) return file_->get(images);
  auto details = TRY(catalog_->details(images));
  TRY(add_text_masks(*catalog_, details));
  return details;
}

Result<std::vector<StoredPart>> Details::parts(ImageId image, ModelId model) const {
  return file_ ? file_->parts(image, model) : catalog_->detail_parts(image, model);
}

Result<std::vector<ImageId>> Details::images(ImageId after, int limit) const {
  return file_ ? file_->images(after, limit)
               : catalog_->images_with_details(Catalog::Details::kAny, after, limit);
}

Result<std::vector<ImageId>> Details::images_read(ImageId after, int limit) const {
  return file_ ? file_->images_read(after, limit)
               : catalog_->images_with_details(Catalog::Details::kRead, after, limit);
}

Result<FeatureStore::PartRows> Details::parts_since(int64_t seq, int limit, ModelId model,
                                                    int dim) const {
  if (file_) return file_->parts_since(seq, limit, model);
  FeatureStore::PartRows rows{.ids = {}, .rows = {}, .seq = seq};
  while (rows.ids.empty()) {  // a page of pictures without parts is not the end
    const auto page = TRY(catalog_->details_since(rows.seq, limit, model, Catalog::Whole::kParts));
    if (page.details.empty()) break;
    rows.seq = page.seq;
    for (const StoredFeatures& one : page.details) {
      for (size_t n = 0; n < std::min<size_t>(one.parts.size(), kMaxParts); ++n) {
        const std::vector<Half>& row = one.parts[n].embedding;
        if (std::cmp_not_equal(row.size(), dim)) continue;
        rows.ids.push_back(part_id(one.image, n));
        rows.rows.insert(rows.rows.end(), row.begin(), row.end());
      }
    }
  }
  return rows;
}

Result<Catalog::Removals> Details::part_removals_since(int64_t seq) const {
  if (file_) {
    auto removals = TRY(file_->removals_since(seq));
    return Catalog::Removals{.ids = std::move(removals.ids), .seq = removals.seq};
  }
  const auto gone = TRY(catalog_->detail_removals_since(seq));
  std::vector<ImageId> images = gone.ids;
  // What was looked at again may have fewer parts than before.
  if (seq > 0 && gone.seq > seq) {
    const auto changed = TRY(catalog_->details_changed_since(seq));
    images.insert(images.end(), changed.begin(), changed.end());
  }
  Catalog::Removals parts{.ids = {}, .seq = gone.seq};
  for (const ImageId id : images)
    for (size_t n = 0; n < kMaxParts; ++n) parts.ids.push_back(part_id(id, n));
  return parts;
}

}  // namespace mimeme
