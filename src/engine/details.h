// What images look like in their details, for whoever searches, wherever that is kept: in a file of
// this process (index/feature_store.h), or in the catalog on a server that is searched in.
// Thread-safe. Errors: as of those.
#ifndef MIMEME_ENGINE_DETAILS_H_
#define MIMEME_ENGINE_DETAILS_H_

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/result.h"
#include "core/stored_features.h"
#include "index/feature_store.h"
#include "store/catalog.h"

namespace mimeme {

class Details {
 public:
  explicit Details(std::shared_ptr<const FeatureStore> file) : file_(std::move(file)) {}
  // REQUIRES: the catalog outlives this, and is on a server.
  explicit Details(Catalog& catalog) : catalog_(&catalog) {}

  // In the order asked for; those that are not there are left out. Without parts.
  Result<std::vector<StoredFeatures>> get(std::span<const ImageId> images) const;
  // Of one image, with embeddings of this model.
  Result<std::vector<StoredPart>> parts(ImageId image, ModelId model) const;
  // By id, after `after`: of which there is something; of which the words are known, too.
  Result<std::vector<ImageId>> images(ImageId after, int limit) const;
  Result<std::vector<ImageId>> images_read(ImageId after, int limit) const;

  // For an index that follows the parts, as the catalog's vectors_since and removals_since: ids by
  // part_id(). dim: of the model; what has another length in the catalog is left out.
  Result<FeatureStore::PartRows> parts_since(int64_t seq, int limit, ModelId model, int dim) const;
  Result<Catalog::Removals> part_removals_since(int64_t seq) const;

 private:
  const std::shared_ptr<const FeatureStore> file_;  // one of the two
  Catalog* const catalog_ = nullptr;
};

}  // namespace mimeme

#endif  // MIMEME_ENGINE_DETAILS_H_
