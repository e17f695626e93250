// What a picture and its parts look like: all that is compared when pictures are. From pixels, or
// from what is kept of an image.
#ifndef MIMEME_ENGINE_LOOK_H_
#define MIMEME_ENGINE_LOOK_H_

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "core/grey.h"
#include "core/local_features.h"
#include "engine/library.h"

namespace mimeme {

struct Look {
  // The whole picture first, then its parts (core/parts.h).
  struct View {
    Region region;
    std::vector<float> raw;  // embedding, as the model gave it; empty: not embedded
    LocalFeatures features;  // none, and no picture, of a part of an image that was, or will be,
    Grey picture;            // kept
  };
  std::vector<View> views;
  bool is_read = false;         // the words of the whole's picture are known; only if it was kept
  ImageInfo info;               // empty if it was kept
  std::vector<uint8_t> pixels;  // the whole at the model's input size; empty if it was kept
};

// What is kept of an image whose embedding is known already: only its parts are embedded, and that
// is all that is found of them.
Result<Look> look_at_details(std::span<const uint8_t> bytes, const DecodeLimits& limits,
                             const ImageEncoder& encoder);

// As it is kept, but for the words, and back. The parts' features are not: those of the whole do.
StoredFeatures to_stored(const Look& look);
Result<Look> to_look(const StoredFeatures& stored);  // kCorrupt
// Where the words stand, of those that have been read.
Result<> add_text_masks(Catalog& catalog, std::span<StoredFeatures> details);

// How a picture that is searched with looks. What takes long is found when it is first asked for,
// and kept. Thread-safe; two that ask for the same thing at once may both find it.
class QueryLook {
 public:
  // The whole is embedded at once. region: only this part, as if it were the picture; its own parts
  // are not looked for then. Errors as decode()'s and the encoder's. read: gives the bytes again;
  // without it they are copied if need be. REQUIRES: `encoder` outlives it.
  using Read = std::function<Result<std::vector<uint8_t>>()>;
  static Result<std::shared_ptr<const QueryLook>> at(std::span<const uint8_t> bytes,
                                                     const std::optional<Region>& region,
                                                     const DecodeLimits& limits,
                                                     const ImageEncoder& encoder, Read read = {});
  // Of an image of the library: what is kept of it, and no more.
  explicit QueryLook(Look kept) : look_(std::move(kept)) {}

  bool is_kept() const { return encoder_ == nullptr; }
  // The whole and where its parts are; keypoints and embeddings of parts only if it is kept.
  const Look& glance() const { return look_; }
  // Of the whole.
  std::shared_ptr<const LocalFeatures> features() const;
  // All that can be known of them. Errors as decode()'s and the encoder's.
  Result<std::shared_ptr<const std::vector<Look::View>>> parts() const;
  // The embedding of the whole in negative. REQUIRES: !is_kept().
  Result<std::shared_ptr<const std::vector<float>>> negative() const;

 private:
  QueryLook(Look glance, Read read, const DecodeLimits& limits, const ImageEncoder& encoder)
      : look_(std::move(glance)), read_(std::move(read)), limits_(limits), encoder_(&encoder) {}

  const Look look_;
  const Read read_;
  const DecodeLimits limits_;
  const ImageEncoder* const encoder_ = nullptr;
  mutable Snapshot<LocalFeatures> features_;
  mutable Snapshot<std::vector<Look::View>> parts_;
  mutable Snapshot<std::vector<float>> negative_;
};

}  // namespace mimeme

#endif  // MIMEME_ENGINE_LOOK_H_
