#include <gtest/gtest.h>

#include <algorithm>

#include "store/catalog.h"
#include "store/catalog_test_util.h"

namespace mimeme {
namespace {

using Which = Catalog::Which;
using Ids = std::vector<ImageId>;

class VectorsTest : public CatalogTest {
 protected:
  // A catalog with images 1..n, where image i has the embedding (i, i, i, i).
  std::unique_ptr<Catalog> open_with(int n) {
    auto catalog = open();
    std::vector<IngestResult> batch;
    for (int i = 1; i <= n; ++i) {
      const auto half = static_cast<Half>(i);
      batch.push_back(picture("/" + std::to_string(i), std::to_string(i), Halves(4, half)));
    }
    commit(*catalog, batch);
    return catalog;
  }
};

TEST_F(VectorsTest, EmbeddingsArePagedById) {
  auto catalog = open_with(5);
  const auto first = must(catalog->embeddings(model_, Which::kAll, 0, 3));
  EXPECT_EQ(first.ids, (Ids{1, 2, 3}));
  EXPECT_EQ(first.rows, (Halves{1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3}));
  EXPECT_EQ(must(catalog->embeddings(model_, Which::kAll, 3, 3)).ids, (Ids{4, 5}));
  EXPECT_EQ(must(catalog->embeddings(model_, Which::kAll, 5, 3)).ids, Ids{});
  EXPECT_EQ(must(catalog->embeddings(model_ + 1, Which::kAll, 0, 3)).ids, Ids{});
}

TEST_F(VectorsTest, EmbeddingsOfGivenImages) {
  auto catalog = open_with(5);
  auto some = must(catalog->embeddings(model_, Ids{4, 9, 2}));
  EXPECT_EQ(some.rows.size(), 8U);
  EXPECT_EQ(some.rows[0], some.ids[0]);
  EXPECT_EQ(some.rows[4], some.ids[1]);
  std::sort(some.ids.begin(), some.ids.end());
  EXPECT_EQ(some.ids, (Ids{2, 4}));
  EXPECT_EQ(must(catalog->embeddings(model_, Ids{})).ids, Ids{});
}

TEST_F(VectorsTest, EmbeddingsThatAreNotProjectedYet) {
  auto catalog = open_with(5);
  project(*catalog, {1, 2, 4});
  const auto page = must(catalog->embeddings(model_, Which::kWithoutVector, 0, 1));
  EXPECT_EQ(page.ids, (Ids{3}));
  EXPECT_EQ(page.rows, (Halves{3, 3, 3, 3}));
  EXPECT_EQ(must(catalog->embeddings(model_, Which::kWithoutVector, 0, 9)).ids, (Ids{3, 5}));
  must(catalog->add_vectors(current(*catalog), two_floats({3, 5})));
  EXPECT_EQ(must(catalog->embeddings(model_, Which::kWithoutVector, 0, 9)).ids, Ids{});
}

TEST_F(VectorsTest, AProjectionComesBackAsItWasWritten) {
  auto catalog = open_with(1);
  EXPECT_FALSE(must(catalog->projection()).has_value());
  const auto id = must(catalog->begin_projection({.model = model_,
                                                  .kind = "pca",
                                                  .input_dim = 4,
                                                  .output_dim = 1,
                                                  .mean = {1, 2, 3, 4},
                                                  .components = {0.5f, -0.5f, 0.5f, -0.5f},
                                                  .explained_variance_ratio = {0.9f, 0.1f},
                                                  .fitted_on = 1}));
  EXPECT_FALSE(must(catalog->projection()).has_value()) << "not committed yet";
  must(catalog->commit_projection(id));
  const auto read = must(catalog->projection()).value();
  EXPECT_EQ(read.id, id);
  EXPECT_EQ(read.model, model_);
  EXPECT_EQ(read.kind, "pca");
  EXPECT_EQ(read.input_dim, 4);
  EXPECT_EQ(read.output_dim, 1);
  EXPECT_EQ(read.mean, (Floats{1, 2, 3, 4}));
  EXPECT_EQ(read.components, (Floats{0.5f, -0.5f, 0.5f, -0.5f}));
  EXPECT_EQ(read.explained_variance_ratio, (Floats{0.9f, 0.1f}));
  EXPECT_EQ(read.fitted_on, 1);
}

TEST_F(VectorsTest, ANewGenerationIsSwappedInAsAWhole) {
  auto catalog = open_with(3);
  project(*catalog, {1, 2, 3});
  const auto old = must(catalog->projection()).value();
  const int64_t old_seq = must(catalog->removals_since(0)).seq;

  const auto id = begin(*catalog, 4);
  must(catalog->add_vectors(id, {.ids = {1, 2}, .rows = {1, 1, 1, 1, 2, 2, 2, 2}}));
  must(catalog->add_vectors(id, {.ids = {3}, .rows = {3, 3, 3, 3}}));
  EXPECT_EQ(must(catalog->projection())->id, old.id);
  EXPECT_EQ(must(catalog->vector(2)).value(), (Floats{2, 0}));
  EXPECT_EQ(must(catalog->counts()).vectors, 3);

  must(catalog->commit_projection(id));
  EXPECT_GT(id, old.id);
  EXPECT_EQ(must(catalog->projection())->id, id);
  EXPECT_EQ(must(catalog->vector(2)).value(), (Floats{2, 2, 2, 2}));
  EXPECT_EQ(must(catalog->vectors_since(old_seq, 10)).ids, (Ids{1, 2, 3})) << "all are changes";
  EXPECT_EQ(catalog->commit_projection(id).error().code, ErrorCode::kConflict);
  EXPECT_EQ(catalog->add_vectors(old.id, two_floats({1})).error().code, ErrorCode::kConflict);
  EXPECT_EQ(catalog->vectors_since(0, 9, old.id).error().code, ErrorCode::kConflict);
  EXPECT_EQ(catalog->removals_since(0, old.id).error().code, ErrorCode::kConflict);
  EXPECT_EQ(must(catalog->vectors_since(0, 9, id)).ids.size(), 3U);
}

TEST_F(VectorsTest, AGenerationThatWasNotCommittedVanishesOnOpening) {
  ONLY_IN_A_FILE();  // of a server's, somebody else may be at work on it
  auto catalog = open_with(2);
  project(*catalog, {1});
  const auto before = current(*catalog);
  const auto begun = begin(*catalog, 4);
  must(catalog->add_vectors(begun, {.ids = {1}, .rows = {1, 1, 1, 1}}));
  catalog.reset();
  catalog = open();
  EXPECT_EQ(current(*catalog), before);
  EXPECT_EQ(catalog->commit_projection(begun).error().code, ErrorCode::kConflict);
  EXPECT_EQ(catalog->add_vectors(begun, two_floats({2})).error().code, ErrorCode::kConflict);
}

TEST_F(VectorsTest, OfTwoGenerationsThatAreBegunTheFirstVanishes) {
  auto catalog = open_with(2);
  const auto first = begin(*catalog, 4);
  must(catalog->add_vectors(first, {.ids = {1}, .rows = {1, 1, 1, 1}}));
  const auto second = begin(*catalog, 2);
  EXPECT_EQ(catalog->add_vectors(first, {.ids = {2}, .rows = {1, 1, 1, 1}}).error().code,
            ErrorCode::kConflict);
  must(catalog->add_vectors(second, two_floats({2})));
  EXPECT_EQ(catalog->commit_projection(first).error().code, ErrorCode::kConflict);
  must(catalog->commit_projection(second));
  EXPECT_EQ(must(catalog->vectors_since(0, 9)).ids, (Ids{2}));
}

TEST_F(VectorsTest, VectorsAreOnlyKeptOfImagesThatHaveAnEmbedding) {
  auto catalog = open_with(3);
  const auto id = begin(*catalog, 2);
  must(catalog->add_vectors(id, two_floats({1})));
  must(catalog->remove_images(Ids{1, 2}));  // one that was added, one that is about to be
  must(catalog->add_vectors(id, two_floats({2, 3})));
  must(catalog->commit_projection(id));
  EXPECT_EQ(must(catalog->vectors_since(0, 9)).ids, (Ids{3}));
  must(catalog->add_vectors(id, two_floats({1, 3, 3})));
  EXPECT_EQ(must(catalog->vectors_since(0, 9)).ids, (Ids{3}));
  EXPECT_EQ(catalog->add_vectors(id, {.ids = {3}, .rows = {1, 2, 3}}).error().code,
            ErrorCode::kInvalidArgument);
}

TEST_F(VectorsTest, VectorsArePagedInTheOrderOfTheirChanges) {
  auto catalog = open_with(5);
  project(*catalog, {4, 2, 1});
  must(catalog->add_vectors(current(*catalog), two_floats({5, 3})));
  must(catalog->add_vectors(current(*catalog),
                            {.ids = {2}, .rows = {7, 7}}));  // changed: it comes last now
  Ids ids;
  Floats rows;
  int64_t seq = 0;
  for (auto page = must(catalog->vectors_since(0, 2)); !page.ids.empty();
       page = must(catalog->vectors_since(seq, 2))) {
    EXPECT_LE(page.ids.size(), 2u);
    EXPECT_GT(page.seq, seq);
    seq = page.seq;
    ids.insert(ids.end(), page.ids.begin(), page.ids.end());
    rows.insert(rows.end(), page.rows.begin(), page.rows.end());
  }
  EXPECT_EQ(ids, (Ids{4, 1, 5, 3, 2}));
  EXPECT_EQ(rows, (Floats{4, 0, 1, 0, 5, 0, 3, 0, 7, 7}));
  EXPECT_EQ(seq, must(catalog->removals_since(0)).seq);
}

TEST_F(VectorsTest, RemovalsAreToldUntilTheVectorComesBack) {
  auto catalog = open_with(4);
  project(*catalog, {1, 2, 3});
  const int64_t start = must(catalog->removals_since(0)).seq;
  must(catalog->remove_images(Ids{2, 4, 99}));  // 4 has no vector, 99 is nothing
  const auto removals = must(catalog->removals_since(start));
  EXPECT_EQ(removals.ids, (Ids{2}));
  EXPECT_GT(removals.seq, start);
  EXPECT_EQ(must(catalog->removals_since(removals.seq)).ids, Ids{});
}

// More rows than fit into a chunk of DuckDB's, so that whole and begun chunks are written.
TEST_F(VectorsTest, ManyRowsKeepTheirOrder) {
  auto catalog = open();
  std::vector<IngestResult> batch;
  for (int i = 0; i < 5000; ++i)
    batch.push_back(picture("/" + std::to_string(i), std::to_string(i)));
  commit(*catalog, batch);
  const auto embeddings = must(catalog->embeddings(model_, Which::kAll, 0, 10000));
  ASSERT_EQ(embeddings.ids.size(), 5000u);
  ASSERT_TRUE(std::is_sorted(embeddings.ids.begin(), embeddings.ids.end()));
  project(*catalog, embeddings.ids);
  must(catalog->checkpoint());
  const auto vectors = must(catalog->vectors_since(0, 10000));
  EXPECT_EQ(vectors.ids, embeddings.ids);
  EXPECT_EQ(vectors.rows, two_floats(embeddings.ids).rows);
}

}  // namespace
}  // namespace mimeme
