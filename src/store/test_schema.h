// For tests: where a catalog lives. In a file that the test names; or, if MIMEME_TEST_POSTGRESQL is
// the address of a server (tools/postgres), in a schema of the test's own there. So one suite is
// run against both.
#ifndef MIMEME_STORE_TEST_SCHEMA_H_
#define MIMEME_STORE_TEST_SCHEMA_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "store/sql.h"

namespace mimeme {

class TestSchema {
 public:
  TestSchema() {
    const char* const server = getenv("MIMEME_TEST_POSTGRESQL");
    if (!server) return;
    server_ = server;
    static int made = 0;
    name_ = "test_" + std::to_string(getpid()) + '_' + std::to_string(++made);
    run("CREATE SCHEMA " + name_);
  }
  ~TestSchema() {
    if (is_on_server()) run("DROP SCHEMA " + name_ + " CASCADE");
  }
  TestSchema(const TestSchema&) = delete;
  TestSchema& operator=(const TestSchema&) = delete;

  bool is_on_server() const { return !server_.empty(); }
  // Of the catalog; empty: a file.
  std::string address() const {
    return is_on_server() ? server_ + "&options=-csearch_path%3D" + name_ + ",public" : "";
  }
  // Takes away what is in it. REQUIRES: nobody has it open.
  void empty() {
    run("DROP SCHEMA " + name_ + " CASCADE");
    run("CREATE SCHEMA " + name_);
  }

 private:
  void run(const std::string& statement) const {
    const auto database = sql::Database::open(server_, sql::Database::Access::kReadWrite);
    ASSERT_TRUE(database.ok()) << database.error().message;
    const auto done = (*(*database)->lease())->run(statement);
    ASSERT_TRUE(done.ok()) << done.error().message;
  }

  std::string server_, name_;
};

// For what only a file can suffer, or what the constraints of a server's tables forbid.
#define ONLY_IN_A_FILE() \
  if (getenv("MIMEME_TEST_POSTGRESQL")) GTEST_SKIP() << "of a catalog in a file"
#define ONLY_ON_A_SERVER() \
  if (!getenv("MIMEME_TEST_POSTGRESQL")) GTEST_SKIP() << "of a catalog on a server"

}  // namespace mimeme

#endif  // MIMEME_STORE_TEST_SCHEMA_H_
