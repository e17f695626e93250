#include "core/pca.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

namespace mimeme {
namespace {

// Rows that lie along known directions: coordinate d has standard deviation `deviations[d]`, all
// moved by `offset`.
std::vector<float> gaussian_rows(int n, const std::vector<float>& deviations, float offset,
                                 unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> rows;
  for (int i = 0; i < n; ++i)
    for (const float deviation : deviations) rows.push_back(offset + deviation * normal(random));
  return rows;
}

double dot(const float* a, const float* b, int n) { return std::inner_product(a, a + n, b, 0.0); }

TEST(Pca, FindsTheDirectionsByFallingVariance) {
  PcaFitter fitter(4);
  fitter.add(gaussian_rows(20'000, {1, 4, 0.5F, 2}, 10, 1));
  const auto pca = fitter.fit({.variance = 1});
  ASSERT_TRUE(pca) << pca.error().message;
  ASSERT_EQ(pca->output_dim, 4);
  const int axis[] = {1, 3, 0, 2};
  const double variance[] = {16, 4, 1, 0.25};
  for (int i = 0; i < 4; ++i) {
    EXPECT_NEAR(std::abs(pca->components[static_cast<size_t>(i * 4 + axis[i])]), 1, 1e-2) << i;
    EXPECT_NEAR(pca->explained_variance_ratio[static_cast<size_t>(i)], variance[i] / 21.25, 1e-2);
    EXPECT_NEAR(pca->mean[static_cast<size_t>(i)], 10, 0.1);
  }
}

TEST(Pca, ComponentsAreOrthonormal) {
  PcaFitter fitter(12);
  fitter.add(gaussian_rows(100, std::vector<float>(12, 1), 0, 2));
  const auto pca = fitter.fit({.variance = 1});
  ASSERT_TRUE(pca);
  for (int i = 0; i < pca->output_dim; ++i)
    for (int j = 0; j < pca->output_dim; ++j)
      EXPECT_NEAR(dot(&pca->components[static_cast<size_t>(i * 12)],
                      &pca->components[static_cast<size_t>(j * 12)], 12),
                  i == j, 1e-5);
}

TEST(Pca, ChunksMakeNoDifference) {
  const auto rows = gaussian_rows(300, {3, 1, 2}, 5, 3);
  PcaFitter whole(3), pieces(3);
  whole.add(rows);
  pieces.add(std::span(rows).first(3));
  pieces.add({});
  pieces.add(std::span(rows).subspan(3, 600));
  pieces.add(std::span(rows).subspan(603));
  EXPECT_EQ(pieces.count(), 300);
  const auto a = whole.fit({.variance = 1}), b = pieces.fit({.variance = 1});
  ASSERT_TRUE(a && b);
  for (size_t i = 0; i < 9; ++i)
    EXPECT_NEAR(std::abs(a->components[i]), std::abs(b->components[i]), 1e-5);
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(a->mean[i], b->mean[i], 1e-5);
}

TEST(Pca, CutsAtTheVarianceOrTheDimensionAskedFor) {
  PcaFitter fitter(4);
  fitter.add(gaussian_rows(20'000, {10, 3, 1, 0.1F}, 0, 4));  // shares: 0.909, 0.082, 0.009, 0.0001
  EXPECT_EQ(fitter.fit({.variance = 0.5})->output_dim, 1);
  EXPECT_EQ(fitter.fit({.variance = 0.95})->output_dim, 2);
  EXPECT_EQ(fitter.fit({.variance = 0.999})->output_dim, 3);
  EXPECT_EQ(fitter.fit({.variance = 0.5, .dim = 3})->output_dim, 3);
  EXPECT_GE(fitter.fit({.variance = 0.5})->explained_variance_ratio.size(), 4U)
      << "the curve is whole";
}

TEST(Pca, FewRowsSpanFewDimensions) {
  PcaFitter fitter(50);
  fitter.add(gaussian_rows(10, std::vector<float>(50, 1), 2, 5));
  const auto pca = fitter.fit({.variance = 1});
  ASSERT_TRUE(pca);
  EXPECT_EQ(pca->output_dim, 9);
  EXPECT_EQ(fitter.fit({.dim = 10}).error().message,
            "these images span 9 dimensions, 10 were asked for");
}

// The same rows three times over have the same axes, and are more than there are dimensions.
TEST(Pca, FewRowsHaveTheAxesThatTheyHaveAmongMany) {
  const auto rows = gaussian_rows(8, {5, 4, 3, 2.5F, 2, 1, 1, 1, 1, 1, 1, 1}, 3, 9);
  PcaFitter few(12), many(12);
  few.add(std::span(rows).first(36));
  few.add(std::span(rows).subspan(36));
  for (int i = 0; i < 3; ++i) many.add(rows);
  const auto a = few.fit({.variance = 1}), b = many.fit({.variance = 1});
  ASSERT_TRUE(a && b);
  ASSERT_EQ(a->output_dim, 7);
  ASSERT_EQ(b->output_dim, 7);
  for (size_t i = 0; i < 7; ++i) {
    EXPECT_NEAR(a->explained_variance_ratio[i], b->explained_variance_ratio[i], 1e-6);
    EXPECT_NEAR(std::abs(dot(&a->components[i * 12], &b->components[i * 12], 12)), 1, 1e-5);
  }
}

TEST(Pca, RefusesWhatCannotBeFitted) {
  PcaFitter none(3), one(3), alike(3), good(3);
  one.add(std::vector<float>{1, 2, 3});
  alike.add(std::vector<float>{1, 2, 3, 1, 2, 3, 1, 2, 3});
  good.add(gaussian_rows(10, {1, 1, 1}, 0, 6));
  EXPECT_EQ(none.fit({}).error().message, "PCA needs at least 2 images, there are 0");
  EXPECT_EQ(one.fit({}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(alike.fit({}).error().message, "PCA needs images that differ");
  for (const double variance : {0.0, -1.0, 1.5, std::nan("")})
    EXPECT_FALSE(good.fit({.variance = variance})) << variance;
}

TEST(Pca, ProjectionKeepsTheAnglesSeenFromTheMean) {
  const int dim = 32, n = 200;
  const auto rows = gaussian_rows(n, std::vector<float>(dim, 1), 7, 7);
  PcaFitter fitter(dim);
  fitter.add(rows);
  const auto pca = fitter.fit({.variance = 1});
  ASSERT_TRUE(pca);
  const auto projected = project(*pca, rows);
  std::vector<float> centred(rows);
  for (size_t i = 0; i < centred.size(); ++i) centred[i] -= pca->mean[i % dim];
  l2_normalise(centred, dim);
  for (int i = 0; i < n; i += 17)
    for (int j = 0; j < n; j += 13)
      EXPECT_NEAR(
          dot(&projected[static_cast<size_t>(i * dim)], &projected[static_cast<size_t>(j * dim)],
              dim),
          dot(&centred[static_cast<size_t>(i * dim)], &centred[static_cast<size_t>(j * dim)], dim),
          1e-4);
}

TEST(Pca, ADirectionMeetsRowsAsItDoesUnprojectedLessTheMean) {
  const int dim = 16, n = 60;
  const auto rows = gaussian_rows(n, std::vector<float>(dim, 1), 7, 8);
  auto directions = gaussian_rows(1, std::vector<float>(dim, 1), 0, 9);
  l2_normalise(directions, dim);
  PcaFitter fitter(dim);
  fitter.add(rows);
  const auto pca = fitter.fit({.variance = 1});
  ASSERT_TRUE(pca);
  const auto projected = project(*pca, rows), direction = project_directions(*pca, directions);
  for (int i = 0; i < n; ++i) {
    std::vector<float> from_mean(dim);
    for (int d = 0; d < dim; ++d)
      from_mean[static_cast<size_t>(d)] =
          rows[static_cast<size_t>(i * dim + d)] - pca->mean[static_cast<size_t>(d)];
    const double length = std::sqrt(dot(from_mean.data(), from_mean.data(), dim));
    EXPECT_NEAR(length * dot(&projected[static_cast<size_t>(i * dim)], direction.data(), dim),
                dot(from_mean.data(), directions.data(), dim), 1e-4);
  }
}

TEST(Pca, ARowAtTheMeanBecomesZeros) {
  PcaFitter fitter(2);
  fitter.add(std::vector<float>{0, 0, 2, 2, 0, 2, 2, 0});
  const auto pca = fitter.fit({.variance = 1});
  ASSERT_TRUE(pca);
  EXPECT_EQ(project(*pca, std::vector<float>{1, 1}), (std::vector<float>{0, 0}));
}

}  // namespace
}  // namespace mimeme
