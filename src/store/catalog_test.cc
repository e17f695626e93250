#include "store/catalog.h"

#include <gtest/gtest.h>

#include <fstream>

#include "store/catalog_test_util.h"

namespace mimeme {
namespace {

TEST_F(CatalogTest, RootsAreListedOnceInOrderAndKept) {
  auto catalog = open();
  const char* const odd = "/it's; DROP TABLE roots; --";
  for (const auto* root : {"/b", "/a", "/b", odd}) must(catalog->add_root(root));
  catalog.reset();
  catalog = open();
  EXPECT_EQ(must(catalog->roots()), (Strings{"/a", "/b", odd}));
}

TEST_F(CatalogTest, ModelsAreKnownByTheirDigest) {
  auto catalog = must(Catalog::open(path(), Catalog::Access::kReadWrite));
  EXPECT_FALSE(must(catalog->active_model()).has_value());
  const auto small = must(catalog->register_model({.name = "small", .digest = "s", .dim = 8}));
  const auto large = must(catalog->register_model({.name = "large", .digest = "l", .dim = 16}));
  EXPECT_NE(small, large);
  EXPECT_EQ(must(catalog->register_model({.name = "renamed", .digest = "s", .dim = 8})), small);
  EXPECT_FALSE(must(catalog->active_model()).has_value());

  must(catalog->set_active_model(large));
  const auto active = must(catalog->active_model());
  ASSERT_TRUE(active.has_value());
  EXPECT_EQ(active->id, large);
  EXPECT_EQ(active->name, "large");
  EXPECT_EQ(active->digest, "l");
  EXPECT_EQ(active->dim, 16);
  EXPECT_EQ(catalog->set_active_model(99).error().code, ErrorCode::kNotFound);
}

TEST_F(CatalogTest, AnotherActiveModelTakesTheDerivedDataAway) {
  auto catalog = open();
  commit(*catalog, {picture("/a", "a")});
  const ImageId id = id_of(*catalog, "/a");
  project(*catalog, {id});
  must(catalog->set_active_model(model_));  // it is already: nothing goes
  EXPECT_EQ(must(catalog->counts()).vectors, 1);

  const auto next = must(catalog->register_model({.name = "next", .digest = "d2", .dim = 2}));
  commit(*catalog, next, {picture("/a", "a", {7, 8})});  // both models' embeddings side by side
  EXPECT_TRUE(must(catalog->embedding(id, model_)).has_value());
  must(catalog->set_active_model(next));
  EXPECT_FALSE(must(catalog->embedding(id, model_)).has_value());
  EXPECT_EQ(must(catalog->embedding(id, next)).value(), (Halves{7, 8}));
  EXPECT_FALSE(must(catalog->projection()).has_value());
  EXPECT_EQ(must(catalog->counts()).vectors, 0);
  EXPECT_EQ(must(catalog->counts()).embedded, 1);
}

TEST_F(CatalogTest, EverythingIsThereAfterReopening) {
  auto catalog = open();
  commit(*catalog, {picture("/a", "a"), failure("/b", "truncated PNG")});
  const ImageId id = id_of(*catalog, "/a");
  project(*catalog, {id});
  catalog.reset();
  catalog = open();
  EXPECT_EQ(id_of(*catalog, "/a"), id);
  EXPECT_EQ(must(catalog->embedding(id, model_)).value(), (Halves{1, 2, 3, 4}));
  EXPECT_EQ(must(catalog->vector(id)).value(), (Floats{static_cast<float>(id), 0}));
  EXPECT_EQ(must(catalog->failed_files(9)).size(), 1u);
}

TEST_F(CatalogTest, OnlyReadsWhenOpenForReadingOnly) {
  ONLY_IN_A_FILE();
  EXPECT_EQ(Catalog::open(path(), Catalog::Access::kReadOnly).error().code, ErrorCode::kNotFound);
  auto catalog = open();
  commit(*catalog, {picture("/a", "a")});
  catalog.reset();
  catalog = must(Catalog::open(path(), Catalog::Access::kReadOnly));
  EXPECT_EQ(must(catalog->counts()).images, 1);
  EXPECT_TRUE(must(catalog->check()).empty());
  const auto refused = catalog->add_root("/a");
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_PRED2(contains, refused.error().message, "reading only");
  EXPECT_FALSE(catalog->checkpoint().ok());
}

TEST_F(CatalogTest, OneProcessAtATimeMayWrite) {
  ONLY_IN_A_FILE();
  open().reset();
  const Child holder([&](int pipe) {
    const auto catalog = must(Catalog::open(path(), Catalog::Access::kReadWrite));
    say(pipe, 1);
    pause();
  });
  ASSERT_EQ(holder.read(), 1);
  for (const auto access : {Catalog::Access::kReadWrite, Catalog::Access::kReadOnly}) {
    const auto second = Catalog::open(path(), access);
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, ErrorCode::kBusy);
    EXPECT_PRED2(contains, second.error().message, path());
    EXPECT_PRED2(contains, second.error().message, "PID");
  }
}

TEST_F(CatalogTest, OneOpenCatalogInAProcess) {
  ONLY_IN_A_FILE();
  const auto catalog = open();
  std::filesystem::create_symlink(directory_, directory_ / "link");
  const auto second = Catalog::open(directory_ / "link/catalog.duckdb", Catalog::Access::kReadOnly);
  EXPECT_EQ(second.error().code, ErrorCode::kBusy);
}

TEST_F(CatalogTest, SeveralProcessesMayRead) {
  ONLY_IN_A_FILE();
  auto catalog = open();
  commit(*catalog, {picture("/a", "a")});
  catalog.reset();
  const auto count = [&](int pipe) {
    const auto reader = must(Catalog::open(path(), Catalog::Access::kReadOnly));
    say(pipe, static_cast<unsigned char>(must(reader->counts()).images));
    pause();
  };
  const Child first(count), second(count);
  EXPECT_EQ(first.read(), 1);
  EXPECT_EQ(second.read(), 1);
  EXPECT_EQ(Catalog::open(path(), Catalog::Access::kReadWrite).error().code, ErrorCode::kBusy);
}

TEST_F(CatalogTest, RefusesTheCatalogOfANewerVersion) {
  ONLY_IN_A_FILE();
  open().reset();
  run_sql({"INSERT INTO schema_migrations VALUES (99, now()::TIMESTAMP)"});
  for (const auto access : {Catalog::Access::kReadWrite, Catalog::Access::kReadOnly}) {
    const auto refused = Catalog::open(path(), access);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
    EXPECT_PRED2(contains, refused.error().message,
                 "made by a newer mimeme (schema 99, this one knows 6): update mimeme");
  }
}

TEST_F(CatalogTest, ReadingDoesNotMigrate) {
  ONLY_IN_A_FILE();
  open().reset();
  run_sql({"DELETE FROM schema_migrations"});
  const auto refused = Catalog::open(path(), Catalog::Access::kReadOnly);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_PRED2(contains, refused.error().message, "open it once for writing");
}

TEST_F(CatalogTest, RefusesTheDatabaseOfSomethingElse) {
  run_sql({"CREATE TABLE invoices(total BIGINT)"});
  const auto refused = Catalog::open(path(), Catalog::Access::kReadWrite);
  EXPECT_EQ(refused.error().code, ErrorCode::kCorrupt);
  EXPECT_PRED2(contains, refused.error().message, "no catalog");
}

TEST_F(CatalogTest, DamagedFilesAreNamed) {
  ONLY_IN_A_FILE();
  auto catalog = open();
  for (int i = 0; i < 20; ++i)
    commit(*catalog, {picture("/" + std::to_string(i), std::to_string(i))});
  must(catalog->checkpoint());
  catalog.reset();
  const auto whole = std::filesystem::file_size(path());
  std::filesystem::copy(path(), path() + ".whole");

  for (const uintmax_t size :
       {uintmax_t{0}, uintmax_t{100}, uintmax_t{5000}, uintmax_t{12288}, whole / 2}) {
    std::filesystem::copy(path() + ".whole", path(),
                          std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(path(), size);
    // The head is read when the file is opened, the rest when it is needed.
    const auto damaged = [&]() -> Result<> {
      auto opened = TRY(Catalog::open(path(), Catalog::Access::kReadWrite));
      TRY(opened->check());
      return {};
    }();
    ASSERT_FALSE(damaged.ok()) << size;
    EXPECT_EQ(damaged.error().code, ErrorCode::kCorrupt) << size << " " << damaged.error().message;
    EXPECT_PRED2(contains, damaged.error().message, path());
  }
  std::ofstream(path()) << "<html>404 not found</html>";
  const auto garbage = Catalog::open(path(), Catalog::Access::kReadWrite);
  EXPECT_EQ(garbage.error().code, ErrorCode::kCorrupt) << garbage.error().message;
  EXPECT_PRED2(contains, garbage.error().message, path());
}

TEST_F(CatalogTest, AFileThatCannotBeMadeIsAnIoError) {
  ONLY_IN_A_FILE();
  const auto refused =
      Catalog::open(directory_ / "corrupt/nowhere.duckdb", Catalog::Access::kReadWrite);
  EXPECT_EQ(refused.error().code, ErrorCode::kIo) << refused.error().message;
}

TEST_F(CatalogTest, WorksInMemory) {
  const auto catalog = must(Catalog::open(":memory:", Catalog::Access::kReadWrite));
  const auto other = must(Catalog::open(":memory:", Catalog::Access::kReadWrite));
  must(catalog->add_root("/a"));
  EXPECT_EQ(must(catalog->roots()), (Strings{"/a"}));
  EXPECT_EQ(must(other->roots()), Strings{});
}

TEST_F(CatalogTest, PlainSqlSearchesTheView) {
  ONLY_IN_A_FILE();
  auto catalog = open();
  commit(*catalog,
         {picture("/a", "a"), picture("/b", "b"), picture("/also b", "b"), picture("/c", "c")});
  const ImageId a = id_of(*catalog, "/a"), b = id_of(*catalog, "/b"), c = id_of(*catalog, "/c");
  const auto begun = begin(*catalog, 3);
  must(catalog->add_vectors(begun, {.ids = {a, b, c}, .rows = {1, 0, 0, 0.8f, 0.6f, 0, 0, 0, 1}}));
  must(catalog->commit_projection(begun));
  catalog.reset();

  auto database = must(sql::Database::open(path(), sql::Database::Access::kReadOnly));
  auto connection = must(database->lease());
  auto rows =
      must(connection->query("SELECT image_id, path, sha256, width, height, vec FROM image_vectors "
                             "WHERE image_id <> ? ORDER BY array_cosine_similarity(vec, "
                             "(SELECT vec FROM image_vectors WHERE image_id = ?)) DESC",
                             {a, a}));
  ASSERT_TRUE(rows.next());
  EXPECT_EQ(rows.integer(0), b);
  EXPECT_EQ(rows.text(1), "/also b");
  EXPECT_EQ(rows.text(2), to_hex(sha_of("b")));
  EXPECT_EQ(rows.integer(3), 40);
  EXPECT_EQ(rows.integer(4), 30);
  const auto vec = rows.floats(5);
  EXPECT_EQ(Floats(vec.begin(), vec.end()), (Floats{0.8f, 0.6f, 0}));
  ASSERT_TRUE(rows.next());
  EXPECT_EQ(rows.integer(0), c);
  EXPECT_FALSE(rows.next());
}

}  // namespace
}  // namespace mimeme
