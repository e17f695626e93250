#include "store/vector_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <thread>

#include "core/half.h"
#include "store/catalog_test_util.h"

namespace mimeme {
namespace {

using Ids = std::vector<ImageId>;
constexpr int kDim = 24;

std::vector<float> random_rows(size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> rows(n * kDim);
  for (float& v : rows) v = normal(random);
  return rows;
}

class VectorTableTest : public CatalogTest {
 protected:
  void SetUp() override {
    ONLY_ON_A_SERVER();
    CatalogTest::SetUp();
    catalog_ = open();
    table_ = must(VectorTable::make(*catalog_, "pictures", 1, kDim));
  }
  void TearDown() override {
    table_ = nullptr;
    catalog_ = nullptr;
    CatalogTest::TearDown();
  }

  void fill(size_t n) {
    rows_ = random_rows(n, 1);
    Ids ids;
    for (size_t i = 0; i < n; ++i) ids.push_back(static_cast<ImageId>(10 * (i + 1)));
    must(table_->add(ids, rows_));
  }
  std::span<const float> row(size_t i) const { return std::span(rows_).subspan(i * kDim, kDim); }
  // By comparing all that pass.
  Ids nearest(std::span<const float> query, size_t limit, const IdFilter& filter = {}) const {
    const std::vector<float> stored = to_float(to_half(rows_));
    std::vector<std::pair<float, ImageId>> all;
    for (size_t i = 0; i * kDim < rows_.size(); ++i) {
      const auto id = static_cast<ImageId>(10 * (i + 1));
      if (filter && !filter(id)) continue;
      float dot = 0, length = 0;
      for (size_t d = 0; d < kDim; ++d) {
        dot += query[d] * stored[i * kDim + d];
        length += stored[i * kDim + d] * stored[i * kDim + d];
      }
      all.emplace_back(-dot / std::sqrt(length), id);
    }
    std::ranges::sort(all);
    Ids ids;
    for (size_t i = 0; i < std::min(limit, all.size()); ++i) ids.push_back(all[i].second);
    return ids;
  }
  Ids search(std::span<const float> query, const SearchOptions& options) const {
    Ids ids;
    for (const Hit& hit : must(table_->search(query, options))) ids.push_back(hit.id);
    return ids;
  }
  // Of the ten nearest to other rows.
  double recall(const IdFilter& filter = {}) const {
    const std::vector<float> queries = random_rows(50, 2);
    double found = 0;
    for (size_t q = 0; q < 50; ++q) {
      const auto query = std::span(queries).subspan(q * kDim, kDim);
      const Ids got = search(query, {.limit = 10, .filter = filter});
      EXPECT_EQ(got.size(), 10U);
      for (const ImageId id : nearest(query, 10, filter)) found += std::ranges::count(got, id);
    }
    return found / 500;
  }

  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<VectorTable> table_;
  std::vector<float> rows_;
};

TEST_F(VectorTableTest, NearestFirstWithSimilarityFromZeroToOne) {
  const auto table = must(VectorTable::make(*catalog_, "three", 1, 3));
  must(table->add(Ids{1, 2, 3, 4, 5}, std::vector<float>{1, 0, 0,     //
                                                         2, 2, 0,     // 45°, longer
                                                         0, 0, 1,     // 90°
                                                         -1, 0, 0,    // behind
                                                         0, 0, 0}));  // nothing
  const auto hits = must(table->search(std::vector<float>{3, 0, 0}, {.limit = 10}));
  ASSERT_EQ(hits.size(), 4U);
  EXPECT_EQ(hits[0].id, 1);
  EXPECT_FLOAT_EQ(hits[0].similarity, 1);
  EXPECT_EQ(hits[1].id, 2);
  EXPECT_NEAR(hits[1].similarity, std::sqrt(0.5), 1e-3);
  EXPECT_EQ(hits[2].id, 3);
  EXPECT_EQ(hits[3].id, 4);
  EXPECT_EQ(hits[3].similarity, 0);
  EXPECT_EQ(
      must(table->search(std::vector<float>{3, 0, 0}, {.limit = 10, .min_similarity = 0.5})).size(),
      2U);
  EXPECT_TRUE(must(table->search(std::vector<float>{0, 0, 0}, {})).empty());
  EXPECT_TRUE(must(table->search(std::vector<float>{1, 0, 0}, {.limit = 0})).empty());
}

TEST_F(VectorTableTest, AddReplacesAndRemoveForgets) {
  fill(3);
  must(table_->add(Ids{10}, row(1)));
  must(table_->remove(Ids{30, 999}));
  EXPECT_EQ(table_->size(), 2);
  EXPECT_EQ(must(table_->row(10)), to_float(to_half(row(1))));
  EXPECT_TRUE(must(table_->row(30)).empty());
  EXPECT_EQ(must(table_->known(Ids{20, 30, 10})), (Ids{20, 10}));
  EXPECT_EQ(search(row(1), {.limit = 5}), (Ids{10, 20}));  // equal ones by id
  EXPECT_EQ(must(VectorTable::open(*catalog_, "pictures", 1))->size(), 2);
}

TEST_F(VectorTableTest, FiltersByAFunctionOrAmongAFew) {
  fill(3000);
  const IdFilter rare([](ImageId id) { return id % 1000 == 0; });
  const auto few = std::make_shared<Ids>(Ids{500, 1000, 1010, 2000, 99'999'999});
  for (const size_t limit : {1, 10}) {
    const auto options = [&](const IdFilter& filter) {
      return SearchOptions{.limit = static_cast<int>(limit), .filter = filter};
    };
    EXPECT_EQ(search(row(7), options({})), nearest(row(7), limit));
    EXPECT_EQ(search(row(7), options(rare)), nearest(row(7), limit, rare));
    const IdFilter among(rare.passes, few);
    EXPECT_EQ(search(row(7), options(among)),
              nearest(row(7), limit, {[](ImageId id) { return id == 1000 || id == 2000; }}));
  }
}

TEST_F(VectorTableTest, AGraphFindsWhatComparingAllFinds) {
  fill(12'000);
  EXPECT_FALSE(table_->has_graph());
  must(table_->build_graph());
  EXPECT_TRUE(table_->has_graph());
  EXPECT_TRUE(must(VectorTable::open(*catalog_, "pictures", 1))->has_graph());
  EXPECT_GT(recall(), 0.97);
  // One in a hundred, which a scan without iterations would not fill.
  EXPECT_GT(recall({[](ImageId id) { return id % 1000 == 0; }}), 0.97);
  // What comes later is in it too.
  must(table_->add(Ids{7}, random_rows(1, 77)));
  EXPECT_EQ(search(random_rows(1, 77), {.limit = 1}), Ids{7});
  must(table_->build_graph());  // is there already
}

TEST_F(VectorTableTest, OfTwoWhoBuildAGraphOneDoes) {
  fill(5000);
  const auto other = must(VectorTable::open(*catalog_, "pictures", 1));
  std::jthread beside([&] { must(other->build_graph()); });
  must(table_->build_graph());
  beside.join();
  EXPECT_TRUE(table_->has_graph() && other->has_graph());
  EXPECT_GT(recall(), 0.97);
}

TEST_F(VectorTableTest, AGraphIsGivenUpWhenAskedTo) {
  fill(12'000);
  std::stop_source stop;
  stop.request_stop();  // before it began
  EXPECT_EQ(table_->build_graph(stop.get_token()).error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE(table_->has_graph());
  must(table_->build_graph());
  EXPECT_GT(recall(), 0.97);
}

TEST_F(VectorTableTest, ASampleIsSpreadEvenly) {
  fill(1000);
  const auto sample = must(table_->sample(100));
  EXPECT_NEAR(static_cast<double>(sample.size() / kDim), 100, 2);
  EXPECT_EQ(sample.size() % kDim, 0U);
  must(table_->remove(Ids{30, 40, 50, 60, 70, 80, 90}));
  must(table_->add(Ids{11, 12, 13}, std::span(rows_).first(3 * kDim)));
  EXPECT_EQ(must(table_->sample(10'000)).size() / kDim, 996U) << "each once";
  EXPECT_TRUE(must(must(VectorTable::make(*catalog_, "none", 1, 3))->sample(100)).empty());
}

TEST_F(VectorTableTest, AnotherGenerationTakesItsPlaceAMinuteLater) {
  fill(3);
  const auto state = [&] { return must(table_->reload()); };
  EXPECT_FALSE(state()->is_complete);
  must(table_->set_state({.seq = 4}));
  EXPECT_FALSE(state()->is_complete);
  must(table_->set_state({.seq = 5, .is_complete = true}));
  EXPECT_EQ(state()->seq, 5);
  EXPECT_TRUE(state()->is_complete);
  EXPECT_EQ(VectorTable::open(*catalog_, "pictures", 2).error().code, ErrorCode::kNotFound);
  const auto next = must(VectorTable::make(*catalog_, "pictures", 2, 3));
  must(next->set_state({6, true}));
  must(next->set_state({7, true}));
  EXPECT_EQ(search(row(0), {.limit = 1}), Ids{10});  // still there, for who has not noticed

  const auto database = must(sql::Database::open(path(), sql::Database::Access::kReadWrite));
  must(must(database->lease())
           ->run("UPDATE search_vectors SET completed_at = now() - INTERVAL '2 minutes'"));
  must(next->set_state({8, true}));
  EXPECT_EQ(table_->search(row(0), {.limit = 1}).error().code, ErrorCode::kConflict);
  EXPECT_EQ(table_->row(10).error().code, ErrorCode::kConflict);
  EXPECT_EQ(table_->add(Ids{10}, row(0)).error().code, ErrorCode::kConflict);
  EXPECT_EQ(state(), std::nullopt);
  EXPECT_EQ(table_->set_state({9, true}).error().code, ErrorCode::kConflict);
  must(VectorTable::drop(*catalog_, "pictures"));
  EXPECT_EQ(VectorTable::open(*catalog_, "pictures", 2).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace mimeme
