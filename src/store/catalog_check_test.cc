#include <gtest/gtest.h>

#include "store/catalog.h"
#include "store/catalog_test_util.h"

namespace mimeme {
namespace {

class CheckTest : public CatalogTest {
 protected:
  // Images 1, 2 and 3 at /1, /2 and /3, projected.
  void fill() {
    auto catalog = open();
    commit(*catalog, {picture("/1", "1"), picture("/2", "2"), picture("/3", "3")});
    project(*catalog, {1, 2, 3});
  }
};

TEST_F(CheckTest, AHealthyCatalogHasNothingToSay) {
  fill();
  EXPECT_EQ(must(open()->check()), Strings{});
}

TEST_F(CheckTest, FindsAndMendsDamage) {
  ONLY_IN_A_FILE();
  struct Case {
    std::string damage;
    std::string sentence;
    int64_t images, vectors;  // that are left
  };
  const std::string now = "now()::TIMESTAMP";
  const Case cases[] = {
      {"INSERT INTO files VALUES ('/1', 1, 1, 1, NULL)",
       "file entries for a path that has another one: 2", 2, 2},
      {"INSERT INTO images SELECT 1, sha256, sha256_head, 1, 'png', 1, 1, 1, " + now +
           ", '' FROM images WHERE id = 2",
       "images with the number of another one: 2", 2, 2},
      {"INSERT INTO images SELECT 9, sha256, sha256_head, 1, 'png', 1, 1, 1, " + now +
           ", '' FROM images WHERE id = 2",
       "images with the content of another one: 2", 2, 2},
      {"UPDATE images SET sha256_head = 5 WHERE id = 1", "images with a malformed checksum: 1", 2,
       2},
      {"UPDATE images SET sha256 = 'x'::BLOB WHERE id = 1", "images with a malformed checksum: 1",
       2, 2},
      {"INSERT INTO files VALUES ('/4', 1, 1, 44, NULL)", "files that point to no image: 1", 3, 3},
      {"INSERT INTO files VALUES ('/4', 1, 1, NULL, NULL)", "files that point to no image: 1", 3,
       3},
      {"DELETE FROM files WHERE path = '/1'", "images without a file: 1", 2, 2},
      {"INSERT INTO embeddings SELECT 44, model_id, vector FROM embeddings WHERE image_id = 1",
       "embeddings of images that are not there: 1", 3, 3},
      {"UPDATE embeddings SET vector = 'abc'::BLOB WHERE image_id = 1",
       "embeddings that do not fit a model: 1", 3, 2},
      {"UPDATE embeddings SET vector = '\\x00\\x7C\\x00\\x00\\x00\\x00\\x00\\x00'::BLOB WHERE "
       "image_id = 1",
       "embeddings with a number that is not finite: 1", 3, 2},  // +inf first
      {"UPDATE embeddings SET vector = '\\x00\\x00\\x00\\x00\\x00\\x00\\x01\\xFE'::BLOB WHERE "
       "image_id = 1",
       "embeddings with a number that is not finite: 1", 3, 2},  // NaN last
      {"INSERT INTO embeddings SELECT * FROM embeddings WHERE image_id = 1",
       "embeddings of an image that has another one: 2", 3, 2},
      {"UPDATE projections SET output_dim = 3", "projections that do not fit: 1", 3, 0},
      {"UPDATE projections SET mean = 'abc'::BLOB", "projections that do not fit: 1", 3, 0},
      {"DELETE FROM projections", "vectors that are damaged or belong to no embedding: 3", 3, 0},
      {"INSERT INTO vectors VALUES (44, 4, [1, 2])",
       "vectors that are damaged or belong to no embedding: 1", 3, 3},
      {"INSERT INTO vectors VALUES (1, 4, [1, 2])",
       "vectors that are damaged or belong to no embedding: 2", 3, 2},
      {"UPDATE vectors SET vec = NULL WHERE image_id = 1",
       "vectors that are damaged or belong to no embedding: 1", 3, 2},
      {"UPDATE vectors SET vec = [1, NULL] WHERE image_id = 1",
       "vectors that are damaged or belong to no embedding: 1", 3, 2},
      {"UPDATE vectors SET vec = ['nan'::FLOAT, 1] WHERE image_id = 1",
       "vectors that are damaged or belong to no embedding: 1", 3, 2},
      {"UPDATE counters SET last = 1 WHERE name = 'image'", "the counter \"image\" is behind", 3,
       3},
      {"UPDATE counters SET last = 1 WHERE name = 'change'", "the counter \"change\" is behind", 3,
       3},
  };
  fill();
  std::filesystem::copy(path(), path() + ".healthy");
  for (const auto& [damage, sentence, images, vectors] : cases) {
    SCOPED_TRACE(damage);
    std::filesystem::copy(path() + ".healthy", path(),
                          std::filesystem::copy_options::overwrite_existing);
    run_sql({damage});
    const auto catalog = open();
    EXPECT_PRED2(contains, must(catalog->check()).at(0), sentence);
    EXPECT_EQ(must(catalog->check()), Strings{});
    EXPECT_EQ(must(catalog->counts()).images, images);
    EXPECT_EQ(must(catalog->counts()).vectors, vectors);
  }
}

// Every binary16: exactly those whose five exponent bits are set are infinite or not a number.
TEST_F(CheckTest, FiniteEmbeddingsStay) {
  std::vector<Half> finite;
  for (int bits = 0; bits < 0x10000; ++bits)
    if ((bits & 0x7C00) != 0x7C00) finite.push_back(static_cast<Half>(bits));
  const auto catalog = open();
  std::vector<IngestResult> batch;
  for (size_t i = 0; i < finite.size(); i += 4) {
    const std::string name = "/" + std::to_string(i);
    batch.push_back(picture(name, name,
                            {finite.begin() + static_cast<ptrdiff_t>(i),
                             finite.begin() + static_cast<ptrdiff_t>(i) + 4}));
  }
  commit(*catalog, batch);
  EXPECT_EQ(must(catalog->check()), Strings{});
}

TEST_F(CheckTest, ReadingMendsNothing) {
  fill();
  run_sql({"DELETE FROM files WHERE path = '/1'"});
  const auto reader = must(Catalog::open(path(), Catalog::Access::kReadOnly));
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(must(reader->check()), (Strings{"images without a file: 1"}));
}

TEST_F(CheckTest, AnOverlongChecksumIsReadAsFarAsItGoes) {
  fill();
  run_sql({"UPDATE images SET sha256 = sha256 || sha256 WHERE id = 1"});
  const auto catalog = open();
  EXPECT_EQ(must(catalog->image(1)).sha256, sha_of("1"));
  EXPECT_EQ(must(catalog->find_embedded(sha_of("1"), model_)), 1);
}

TEST_F(CheckTest, AMendedCounterGivesOutNewNumbers) {
  fill();
  run_sql({"UPDATE counters SET last = 0"});
  auto catalog = open();
  must(catalog->check());
  commit(*catalog, {picture("/4", "4")});
  EXPECT_EQ(id_of(*catalog, "/4"), 4);
}

TEST_F(CheckTest, VectorsThatCheckTakesAwayAreRemovals) {
  fill();
  run_sql({"DELETE FROM files WHERE path = '/2'"});
  auto catalog = open();
  const auto before = must(catalog->removals_since(0)).seq;
  must(catalog->check());
  EXPECT_EQ(must(catalog->removals_since(before)).ids, (std::vector<ImageId>{2}));
}

}  // namespace
}  // namespace mimeme
