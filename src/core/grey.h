// A picture's brightness, and how far two of them agree. Pure.
#ifndef MIMEME_CORE_GREY_H_
#define MIMEME_CORE_GREY_H_

#include <cstdint>
#include <span>
#include <vector>

#include "core/local_features.h"
#include "core/text_mask.h"

namespace mimeme {

struct Grey {
  int width = 0, height = 0;
  std::vector<uint8_t> pixels;  // height × width, row-major
  TextMask words = {};          // as far as they are known; all changes below take them along
};

// rgb: height × width × 3. ITU-R BT.601.
Grey to_grey(std::span<const uint8_t> rgb, int width, int height);
Grey mirrored(const Grey& picture);
Grey negated(const Grey& picture);
Grey halved(const Grey& picture);  // REQUIRES: sides of 2 and more
// No side longer than `side`; each pixel the mean of what it covers. One that is small enough stays
// as it is.
Grey shrunk(const Grey& picture, int side);

// How far a picture agrees with another one where it shows the same: block by block, by normalised
// cross-correlation, so brightness and contrast do not matter.
struct Blocks {
  int textured = 0;     // that show something in either picture
  int agreeing = 0;     // of these, the ones that show the same in both
  int conflicting = 0;  // of these, the ones that clearly show something else in each
  double share() const { return textured == 0 ? 0 : 1.0 * agreeing / textured; }
  double conflicts() const { return textured == 0 ? 0 : 1.0 * conflicting / textured; }
};
struct Agreement {
  double coverage = 0;   // share of `picture` that lies inside `other`
  Blocks all;            // there
  Blocks without_words;  // of these, where neither picture has words
};

// The same brightness at several sizes, so that it can be compared at the size that fits.
class Pyramid {
 public:
  explicit Pyramid(Grey picture);
  int width() const { return levels_.front().width; }
  int height() const { return levels_.front().height; }

 private:
  friend Agreement compare(const Grey& picture, const Pyramid& other, const Affine& map,
                           double min_share);
  std::vector<Grey> levels_;  // each half of the one before
};

// map: pixels of `picture` → pixels of `other`. min_share: of the textured blocks, with or without
// words, that must agree; of pictures that cannot reach it nothing is told, and they take less
// time.
Agreement compare(const Grey& picture, const Pyramid& other, const Affine& map,
                  double min_share = 0);

}  // namespace mimeme

#endif  // MIMEME_CORE_GREY_H_
