// A picture → the images that look like it.
#ifndef MIMEME_ENGINE_SEARCH_H_
#define MIMEME_ENGINE_SEARCH_H_

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/library.h"

namespace mimeme {

struct SimilarOptions {
  int limit = 20;
  float min_similarity = 0;             // 0..1
  std::vector<ImageId> exclude;         // never hits
  std::function<bool(ImageId)> filter;  // SearchOptions::filter
};

// A hit with what is known of it.
struct SimilarHit {
  ImageRecord image;
  float similarity = 0;  // 0..1, 1 identical
};

// A query picture, brought to the library's vector space.
struct Query {
  std::vector<float> vector;  // of the projection's output_dim; empty in a library without vectors
  ImageId image = 0;          // if it is one of the library's
};

// A picture, or a part of it → the model's raw embedding. Errors as decode()'s.
Result<std::vector<float>> embed(Library& library, std::span<const uint8_t> bytes,
                                 const std::optional<Region>& region, const DecodeLimits& limits,
                                 const ImageEncoder& encoder);
// Its query. Empty in a library without vectors.
Query query_by_embedding(const Library& library, std::span<const float> raw);

// The query for an image of the library: nothing is decoded. kNotFound.
Result<Query> query_by_id(Library& library, ImageId id);
// The query for a file. One whose bytes the library knows is not decoded; else `encoder` embeds it.
Result<Query> query_by_file(Library& library, const std::string& path, const DecodeLimits& limits,
                            const std::function<Result<const ImageEncoder*>()>& encoder);

// The same for a file that was read, or sent. sha256: of the bytes.
Result<Query> query_by_bytes(Library& library, std::span<const uint8_t> bytes, const Sha256& sha256,
                             const DecodeLimits& limits,
                             const std::function<Result<const ImageEncoder*>()>& encoder);

// Nearest first. Empty in a library without vectors.
Result<std::vector<Hit>> nearest(const Library& library, const Query& query,
                                 const SimilarOptions& options);
Result<std::vector<SimilarHit>> with_images(Library& library, std::span<const Hit> hits);

}  // namespace mimeme

#endif  // MIMEME_ENGINE_SEARCH_H_
