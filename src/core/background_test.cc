#include "core/background.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "core/pca.h"

namespace mimeme {
namespace {

std::vector<float> random_rows(int count, int dim, float common) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> rows;
  for (int i = 0; i < count; ++i)
    for (int j = 0; j < dim; ++j) rows.push_back(normal(random) + common);
  l2_normalise(rows, dim);
  return rows;
}

TEST(BackgroundTest, RisesWithTheSimilarity) {
  const Background background = background_of(random_rows(200, 50, 0), 50, 200);
  double before = 0;
  for (double similarity = 0; similarity <= 1; similarity += 0.05) {
    EXPECT_GE(background.confidence(similarity), before);
    before = background.confidence(similarity);
  }
  EXPECT_LT(background.confidence(0), 0.1);
  EXPECT_GT(background.confidence(0.95), 0.99);
}

// What is far out in one library is nothing special where everything is alike.
TEST(BackgroundTest, TheSameSimilaritySaysLessAmongLikePictures) {
  const Background various = background_of(random_rows(200, 50, 0), 50, 200);
  const Background alike = background_of(random_rows(200, 50, 1), 50, 200);
  EXPECT_GT(various.confidence(0.6), 0.9);
  EXPECT_LT(alike.confidence(0.6), 0.1);
}

TEST(BackgroundTest, ALargeLibraryTakesMoreToConvince) {
  Background background = background_of(random_rows(200, 50, 0), 50, 1000);
  const double among_thousands = background.confidence(0.5);
  background.images = 1'000'000;
  EXPECT_LT(background.confidence(0.5), among_thousands);
}

// The tail is taken for no lighter than it is.
TEST(BackgroundTest, AtEvenOddsAtMostOneIsFoundByChance) {
  constexpr int kDim = 40;
  const std::vector<float> rows = random_rows(2000, kDim, 0);
  const Background background = background_of(std::span(rows).first(256 * kDim), kDim, 2000);
  double even = 0;
  while (background.confidence(even) < 0.5) even += 0.005;
  double found = 0;
  for (size_t query = 0; query < 100; ++query)
    for (size_t other = 0; other < 2000; ++other) {
      if (other == query) continue;
      float dot = 0;
      for (size_t j = 0; j < kDim; ++j) dot += rows[query * kDim + j] * rows[other * kDim + j];
      found += dot >= even;
    }
  EXPECT_LE(found / 100, 1);
}

TEST(BackgroundTest, OfAFewImagesNothingIsLearnt) {
  const Background few = background_of(random_rows(5, 50, 0), 50, 5);
  EXPECT_EQ(few.from, Background{}.from);
  EXPECT_EQ(few.images, 5);
}

}  // namespace
}  // namespace mimeme
