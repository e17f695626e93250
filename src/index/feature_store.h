// What images look like in their details, by image: the store behind geometric matching. One SQLite
// file, read at random, a few dozen images a search. Derived: what is missing is found again by
// decoding the image.
//
// Threads: every method may be called from any thread; readers do not wait for a writer. Errors:
// kCorrupt, kBusy, kIo.
#ifndef MIMEME_INDEX_FEATURE_STORE_H_
#define MIMEME_INDEX_FEATURE_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "core/stored_features.h"
#include "core/text_mask.h"
#include "core/types.h"

namespace mimeme {

namespace sqlite {
class Database;
}

// The number of part n of an image, in an index of parts.
constexpr int64_t part_id(ImageId image, size_t n) { return image * 8 + static_cast<int64_t>(n); }
constexpr ImageId image_of_part(int64_t id) { return id / 8; }

class FeatureStore {
 public:
  // An empty one, in place of whatever lay there.
  static Result<std::unique_ptr<FeatureStore>> create(const std::string& path);
  // kNotFound; kCorrupt for anything else than a store of this version.
  static Result<std::unique_ptr<FeatureStore>> open(const std::string& path);
  ~FeatureStore();

  // All or nothing; replaces what was there of these images. model: of the parts' embeddings.
  Result<> put(std::span<const StoredFeatures> images, int64_t model);
  Result<> remove(std::span<const ImageId> images);
  // Of images that have been read since; those that are not there are passed over.
  struct Words {
    ImageId image = 0;
    TextMask words;
  };
  Result<> put_words(std::span<const Words> read);

  // Up to where a catalog on a server has been followed, whose numbers these are; 0 at first.
  Result<int64_t> followed() const;
  Result<> set_followed(int64_t seq);

  // What there is something of: which file it was found in, and by which model its parts are
  // embedded. By id: after `after`, up to `last`.
  struct Known {
    ImageId image = 0;
    Sha256 sha256{};
    int64_t model = 0;
  };
  Result<std::vector<Known>> known(ImageId after, ImageId last) const;
  // Reads all of it; kCorrupt if its pages are damaged.
  Result<> verify() const;
  // By id, after `after`.
  Result<std::vector<ImageId>> images(ImageId after, int limit) const;
  Result<std::vector<ImageId>> images_read(ImageId after,
                                           int limit) const;  // whose words are known
  // In the order asked for; those that are not there are left out. Without parts.
  Result<std::vector<StoredFeatures>> get(std::span<const ImageId> images) const;
  // Of one image, with embeddings of this model.
  Result<std::vector<StoredPart>> parts(ImageId image, int64_t model) const;

  // For an index that follows the parts of one model, as the catalog's vectors_since and
  // removals_since: ids by part_id().
  struct PartRows {
    std::vector<int64_t> ids;
    std::vector<Half> rows;
    int64_t seq = 0;  // the last change among them
  };
  Result<PartRows> parts_since(int64_t seq, int limit, int64_t model) const;
  struct Removals {
    std::vector<int64_t> ids;
    int64_t seq = 0;  // the newest change of either kind
  };
  Result<Removals> removals_since(int64_t seq) const;

 private:
  explicit FeatureStore(std::unique_ptr<sqlite::Database> database);

  const std::unique_ptr<sqlite::Database> database_;
  Mutex write_mu_;  // one change at a time
};

}  // namespace mimeme

#endif  // MIMEME_INDEX_FEATURE_STORE_H_
