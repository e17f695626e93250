#include "index/vector_index.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <random>
#include <thread>

#include "base/must.h"

namespace mimeme {
namespace {

// The contract holds wherever the rows lie.
enum class Where { kMemory, kFile, kGraph };

class VectorIndexTest : public testing::TestWithParam<Where> {
 protected:
  void SetUp() override {
    directory_ =
        std::filesystem::temp_directory_path() / ("vector_index_test." + std::to_string(getpid()));
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  // An index with these rows.
  std::unique_ptr<VectorIndex> with(int dim, std::span<const ImageId> ids,
                                    std::span<const float> rows) const {
    auto index = make_index(dim, {.graph_from = GetParam() == Where::kGraph ? 1 : 1'000'000});
    must(index->add(ids, rows));
    if (GetParam() != Where::kMemory) {
      EXPECT_TRUE(index->save(directory_ / "vectors.bin", {}));
      EXPECT_EQ(index->unsaved(), 0);
    }
    return index;
  }

  std::filesystem::path directory_;
};

std::string name_of(const testing::TestParamInfo<Where>& info) {
  constexpr const char* kNames[] = {"Memory", "File", "Graph"};
  return kNames[static_cast<int>(info.param)];
}
INSTANTIATE_TEST_SUITE_P(In, VectorIndexTest,
                         testing::Values(Where::kMemory, Where::kFile, Where::kGraph), name_of);

std::vector<float> random_rows(int n, int dim, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> rows(static_cast<size_t>(n) * static_cast<size_t>(dim));
  for (float& v : rows) v = normal(random);
  return rows;
}

TEST_P(VectorIndexTest, NearestFirstWithSimilarityFromZeroToOne) {
  const auto index = with(3, std::vector<ImageId>{1, 2, 3, 4},
                          std::vector<float>{1, 0, 0,     //
                                             2, 2, 0,     // 45° from the query, twice as long
                                             0, 1, 0,     // 90°
                                             -1, 0, 0});  // opposite: shown as 0
  const auto hits = must(index->search(std::vector<float>{1, 0, 0}, {.limit = 10}));
  ASSERT_EQ(hits.size(), 4U);
  EXPECT_EQ(hits[0].id, 1);
  EXPECT_NEAR(hits[0].similarity, 1, 1e-5);
  EXPECT_EQ(hits[1].id, 2);
  EXPECT_NEAR(hits[1].similarity, std::sqrt(0.5), 1e-3);
  EXPECT_EQ(hits[2].similarity, 0);
  EXPECT_EQ(hits[3].similarity, 0);
}

TEST_P(VectorIndexTest, DistanceRunsOnTheVectorUnit) {
  for (const int dim : {7, 200, 2048}) EXPECT_NE(with(dim, {}, {})->isa(), "serial") << dim;
}

TEST_P(VectorIndexTest, AgreesWithPlainArithmetic) {
  constexpr int kDim = 37, kCount = 500;
  const auto rows = random_rows(kCount, kDim, 1);
  const auto query = random_rows(1, kDim, 2);
  std::vector<ImageId> ids(kCount);
  for (int i = 0; i < kCount; ++i) ids[static_cast<size_t>(i)] = 100 + i;
  const auto index = with(kDim, ids, rows);
  const auto hits = must(index->search(query, {.limit = kCount}));
  ASSERT_EQ(hits.size(), static_cast<size_t>(kCount));
  for (const Hit& hit : hits) {
    const float* row = rows.data() + (hit.id - 100) * kDim;
    double dot = 0, a = 0, b = 0;
    for (int d = 0; d < kDim; ++d) {
      dot += double{row[d]} * query[static_cast<size_t>(d)];
      a += double{row[d]} * row[d];
      b += double{query[static_cast<size_t>(d)]} * query[static_cast<size_t>(d)];
    }
    EXPECT_NEAR(hit.similarity, std::max(0.0, dot / std::sqrt(a * b)), 1e-3);
  }
  EXPECT_TRUE(std::is_sorted(hits.begin(), hits.end(), [](const Hit& x, const Hit& y) {
    return x.similarity > y.similarity;
  }));
}

TEST_P(VectorIndexTest, LimitThresholdAndFilterHold) {
  const auto index =
      with(2, std::vector<ImageId>{1, 2, 3, 4}, std::vector<float>{1, 0, 1, 0.1F, 1, 0.2F, 0, 1});
  const std::vector<float> query{1, 0};
  EXPECT_EQ(must(index->search(query, {.limit = 2})).size(), 2U);
  EXPECT_EQ(must(index->search(query, {.limit = 10, .min_similarity = 0.5})).size(), 3U);
  const auto odd =
      must(index->search(query, {.limit = 10, .filter = [](ImageId id) { return id % 2 == 1; }}));
  ASSERT_EQ(odd.size(), 2U);
  EXPECT_EQ(odd[0].id, 1);
  EXPECT_EQ(odd[1].id, 3);
  EXPECT_TRUE(must(index->search(query, {.limit = 0})).empty());
}

TEST_P(VectorIndexTest, ZeroIsSimilarToNothing) {
  const auto index = with(2, std::vector<ImageId>{1, 2}, std::vector<float>{0, 0, 1, 0});
  EXPECT_TRUE(must(index->search(std::vector<float>{0, 0}, {})).empty());
  const auto hits = must(index->search(std::vector<float>{1, 0}, {.limit = 2}));
  ASSERT_EQ(hits.size(), 2U);
  EXPECT_EQ(hits[0].id, 2);
  EXPECT_EQ(hits[1].similarity, 0);
}

TEST_P(VectorIndexTest, AddReplacesAndRemoveForgets) {
  const auto index = with(2, std::vector<ImageId>{1, 2, 3}, std::vector<float>{1, 0, 0, 1, 1, 1});
  must(index->add(std::vector<ImageId>{1}, std::vector<float>{0, -1}));
  must(index->remove(std::vector<ImageId>{2, 99}));
  EXPECT_EQ(index->size(), 2);
  EXPECT_EQ(must(index->row(1)), (std::vector<float>{0, -1}));
  EXPECT_TRUE(must(index->row(2)).empty());
  EXPECT_EQ(must(index->row(3)), (std::vector<float>{1, 1}));
  const auto hits = must(index->search(std::vector<float>{0, 1}, {.limit = 1}));
  ASSERT_EQ(hits.size(), 1U);
  EXPECT_EQ(hits[0].id, 3);
}

TEST_P(VectorIndexTest, SearchesRunBesideAddsAndRemoves) {
  const auto rows = random_rows(64, 16, 5);
  std::vector<ImageId> ids(64);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<ImageId>(i + 1);
  const auto index = with(16, ids, rows);
  std::jthread writer([&] {
    for (int round = 0; round < 200; ++round) {
      must(index->remove(std::span(ids).first(32)));
      must(index->add(std::span(ids).first(32), std::span(rows).first(32 * 16)));
    }
  });
  for (int round = 0; round < 200; ++round) {
    // Row 50 is never touched: whatever happens to the others, it is its own nearest neighbour.
    const auto hits = must(index->search(std::span(rows).subspan(49 * 16, 16), {.limit = 3}));
    ASSERT_FALSE(hits.empty());
    EXPECT_EQ(hits[0].id, 50);
  }
}

}  // namespace
}  // namespace mimeme
