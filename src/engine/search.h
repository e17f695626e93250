// A picture → the images that look like it.
#ifndef MIMEME_ENGINE_SEARCH_H_
#define MIMEME_ENGINE_SEARCH_H_

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/library.h"
#include "engine/look.h"

namespace mimeme {

struct SimilarOptions {
  int limit = 20;
  float min_similarity = 0;      // 0..1
  std::vector<ImageId> exclude;  // never hits
  IdFilter filter;

  // What a filter of an index must say: `filter` without `exclude`. REQUIRES: this outlives it.
  IdFilter wanted() const;
};

// What two pictures have to do with one another.
enum class Relation {
  kRelated,       // they show alike things, or nothing alike: the similarity tells
  kSameTemplate,  // the same picture but for its words, or a part of it
  kSamePicture,   // the very picture, however it was edited
};

// The similarity tells the relation, in every library: from 0.9 on it is the same picture, from 0.7
// on the same template. Below, it is 0.7 times the confidence that the image was not found by
// chance (core/background.h), so from 0.35 on it is worth a look.
inline constexpr float kSamePictureFrom = 0.9F, kSameTemplateFrom = 0.7F, kWorthALook = 0.35F;
constexpr Relation relation_of(float similarity) {
  return similarity >= kSamePictureFrom    ? Relation::kSamePicture
         : similarity >= kSameTemplateFrom ? Relation::kSameTemplate
                                           : Relation::kRelated;
}
// Cosines from which two images are of one template, as far as embeddings can tell. Two figures,
// because raw vectors, before there is a PCA, are all more alike than those seen from the library's
// mean. On 252 memes of 42 templates: precision 1.00 and recall 0.99 with PCA, 1.00 and 1.00 raw.
inline constexpr float kFamilySimilarity = 0.7F;
inline constexpr float kFamilySimilarityRaw = 0.86F;
float family_similarity(const Searchable& searchable);

// For programs: "same_picture".
constexpr const char* name_of(Relation relation) {
  constexpr const char* kNames[] = {"related", "same_template", "same_picture"};
  return kNames[static_cast<int>(relation)];
}

// A hit with what is known of it.
struct SimilarHit {
  ImageRecord image;
  float similarity = 0;        // 0..1
  std::optional<Region> part;  // Hit::part
};

// A query picture, brought to the library's vector space.
struct Query {
  std::vector<float> vector;  // of the projection's output_dim; empty in a library without vectors
  ImageId image = 0;          // if it is one of the library's
  // What it is compared by beyond that; null: nothing.
  std::shared_ptr<const QueryLook> look;
  // Whose space it is: another projection may take its place meanwhile. Null: what is there now.
  std::shared_ptr<const Searchable> space;
};

// The query for what was looked at. Without vectors in a library without vectors. REQUIRES: `look`
// is not of an image that is kept.
Query query_by_look(const Library& library, std::shared_ptr<const QueryLook> look);
// The query for an image of the library: nothing is decoded. kNotFound: no such image, or it has
// not been embedded yet. For nearest() its vector is enough.
enum class By { kAll, kVector };
Result<Query> query_by_id(Library& library, ImageId id, By by = By::kAll);
// The query for a file. One whose bytes the library knows is not decoded; else `encoder` embeds it.
Result<Query> query_by_file(Library& library, const std::string& path, const DecodeLimits& limits,
                            const std::function<Result<const ImageEncoder*>()>& encoder);

// The same for a file that was read, or sent. sha256: of the bytes.
Result<Query> query_by_bytes(Library& library, std::span<const uint8_t> bytes, const Sha256& sha256,
                             const DecodeLimits& limits,
                             const std::function<Result<const ImageEncoder*>()>& encoder);
// kConflict: the library has another model than `encoder`'s.
Result<> check_model(const Library& library, const ImageEncoder& encoder);

// By the vector alone, nearest first: similarities are cosines. Empty in a library without vectors.
Result<std::vector<Hit>> nearest(const Library& library, const Query& query,
                                 const SimilarOptions& options);
// By all that is known of both pictures, with similarities as above: candidates by the vectors of
// the query and of its parts, among the images and theirs; the best of them compared in detail,
// mirrored and in negative too if nothing was found.
Result<std::vector<Hit>> match(const Library& library, const Query& query,
                               const SimilarOptions& options);
Result<std::vector<SimilarHit>> with_images(Library& library, std::span<const Hit> hits);

}  // namespace mimeme

#endif  // MIMEME_ENGINE_SEARCH_H_
