// Pictures made smaller, as WebP: made when they are first asked for, then kept in
// <library>/thumbs. Derived: the folder may go at any time.
#ifndef MIMEME_ENGINE_THUMBNAILS_H_
#define MIMEME_ENGINE_THUMBNAILS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/library.h"

namespace mimeme {

inline constexpr int kThumbnailSides[] = {256, 512, 1024};  // pixels

// read_original(), for those to whom a file that has changed or cannot be read is gone: kNotFound.
Result<std::vector<uint8_t>> find_original(const ImageRecord& image, const DecodeLimits& limits);

// A picture no larger than side × side. Errors as decode()'s.
Result<std::vector<uint8_t>> make_thumbnail(std::span<const uint8_t> picture, int side,
                                            const DecodeLimits& limits);

// Thread-safe. A disk that is full costs time, not answers.
class Thumbnails {
 public:
  Thumbnails(std::string library_directory, const DecodeLimits& limits)
      : directory_(std::move(library_directory) + "/thumbs"), limits_(limits) {}

  // side: one of kThumbnailSides. Errors as find_original's and decode()'s.
  Result<std::vector<uint8_t>> get(const ImageRecord& image, int side) const;
  // Of an image that has gone.
  void forget(const Sha256& sha256) const;

 private:
  std::string path_of(const Sha256& sha256, int side) const;

  const std::string directory_;
  const DecodeLimits limits_;
};

}  // namespace mimeme

#endif  // MIMEME_ENGINE_THUMBNAILS_H_
