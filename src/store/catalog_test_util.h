// What the catalog's tests share: a directory each, short ways to write down pictures, and child
// processes to kill.
#ifndef MIMEME_STORE_CATALOG_TEST_UTIL_H_
#define MIMEME_STORE_CATALOG_TEST_UTIL_H_

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/must.h"
#include "core/sha256.h"
#include "store/catalog.h"
#include "store/sql.h"
#include "store/test_schema.h"

namespace mimeme {

// For EXPECT_EQ and EXPECT_PRED2.
using Strings = std::vector<std::string>;
using Halves = std::vector<Half>;
using Floats = std::vector<float>;
inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

inline Sha256 sha_of(const std::string& content) { return sha256(content.data(), content.size()); }

inline IngestResult picture(const std::string& path, const std::string& content,
                            std::vector<Half> embedding = {1, 2, 3, 4}) {
  return {.path = path,
          .size = static_cast<int64_t>(content.size()),
          .mtime_ns = 1000,
          .error = {},
          .sha256 = sha_of(content),
          .info = {.format = "png", .width = 40, .height = 30, .frames = 1},
          .embedding = std::move(embedding)};
}

inline IngestResult failure(const std::string& path, const std::string& error) {
  return {.path = path,
          .size = 7,
          .mtime_ns = 1000,
          .error = error,
          .sha256 = {},
          .info = {},
          .embedding = {}};
}

class CatalogTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* const test = testing::UnitTest::GetInstance()->current_test_info();
    directory_ = std::filesystem::temp_directory_path() /
                 ("store_test." + std::to_string(getpid()) + "." + test->name());
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string path() const {
    return schema_.is_on_server() ? schema_.address() : (directory_ / "catalog.duckdb").string();
  }
  // Takes the catalog away. REQUIRES: nobody has it open.
  void take_away() {
    std::filesystem::remove(path());
    std::filesystem::remove(path() + ".wal");
    if (schema_.is_on_server()) schema_.empty();
  }

  // With a model of four dimensions, which is made the active one.
  std::unique_ptr<Catalog> open() {
    auto catalog = must(Catalog::open(path(), Catalog::Access::kReadWrite));
    model_ = must(catalog->register_model({.name = "tiny", .digest = "d1", .dim = 4}));
    must(catalog->set_active_model(model_));
    return catalog;
  }

  static void commit(Catalog& catalog, ModelId model, std::vector<IngestResult> batch) {
    must(catalog.commit(batch, model));
  }
  void commit(Catalog& catalog, std::vector<IngestResult> batch) { commit(catalog, model_, batch); }

  static ImageId id_of(Catalog& catalog, const std::string& file) {
    return must(catalog.image_by_path(file)).value_or(0);
  }

  // Projects nothing: two_floats() of the ids.
  void project(Catalog& catalog, const std::vector<ImageId>& ids) {
    const auto begun = begin(catalog, 2);
    must(catalog.add_vectors(begun, two_floats(ids)));
    must(catalog.commit_projection(begun));
  }
  ProjectionId begin(Catalog& catalog, int dim) const {
    return must(catalog.begin_projection(
        {.model = model_, .kind = "pca", .input_dim = 4, .output_dim = dim}));
  }
  static ProjectionId current(Catalog& catalog) { return must(catalog.projection())->id; }
  // (id, 0) up to 2047; each of the numbers fits into binary16.
  static FloatRows two_floats(const std::vector<ImageId>& ids) {
    FloatRows rows{.ids = ids, .rows = {}};
    for (const ImageId id : ids)
      rows.rows.insert(rows.rows.end(),
                       {static_cast<float>(id % 2048), static_cast<float>(id >> 11)});
    return rows;
  }

  // Runs SQL on the file behind the catalog's back. REQUIRES: no catalog has it open.
  void run_sql(const std::vector<std::string>& statements) {
    auto database = must(sql::Database::open(path(), sql::Database::Access::kReadWrite));
    auto connection = must(database->lease());
    for (const auto& statement : statements) must(connection->run(statement));
  }

  std::filesystem::path directory_;
  ModelId model_ = 0;

 private:
  TestSchema schema_;
};

// A child process. It tells its parent something by writing to its pipe, and ends with the function
// or by kill().
class Child {
 public:
  explicit Child(const std::function<void(int pipe)>& work) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    pid_ = fork();
    if (pid_ == 0) {
      close(ends[0]);
      work(ends[1]);
      _exit(0);
    }
    close(ends[1]);
    pipe_ = ends[0];
  }
  ~Child() {
    kill();
    close(pipe_);
  }

  // Waits for the next byte; -1 at the end.
  int read() const {
    unsigned char byte;
    return ::read(pipe_, &byte, 1) == 1 ? byte : -1;
  }
  void kill() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    waitpid(std::exchange(pid_, 0), nullptr, 0);
  }

 private:
  pid_t pid_ = 0;
  int pipe_ = -1;
};

// For the child: says `byte`, then waits to be killed.
inline void say(int pipe, unsigned char byte) { EXPECT_EQ(write(pipe, &byte, 1), 1); }

}  // namespace mimeme

#endif  // MIMEME_STORE_CATALOG_TEST_UTIL_H_
