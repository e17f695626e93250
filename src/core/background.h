// What similarities between unrelated images of a library are like, and so what one is worth: 0.6
// says much in a library of everything, and little in one of a hundred cats. Pure.
#ifndef MIMEME_CORE_BACKGROUND_H_
#define MIMEME_CORE_BACKGROUND_H_

#include <cstdint>
#include <span>

namespace mimeme {

// The upper tail of the similarities of pairs: above `from`, which a tenth of them exceed, each
// `scale` more leaves one in e of them. Taken from quantiles below the few pairs that are related.
struct Background {
  double from = 0.5, scale = 0.06;  // of few images nothing is known: cosines of raw embeddings
  int64_t images = 0;

  // That the image was not found by chance: 1 / (1 + the number of images that an unrelated query
  // would find at this similarity or above). 0.5 where one is expected. (A contrario detection: A.
  // Desolneux et al., From Gestalt Theory to Image Analysis, 2008.)
  double confidence(double similarity) const;
};

// rows: n × dim, L2-normalised, a sample of the library's vectors. images: of the whole library.
Background background_of(std::span<const float> rows, int dim, int64_t images);

}  // namespace mimeme

#endif  // MIMEME_CORE_BACKGROUND_H_
