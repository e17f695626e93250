// DuckDB behind sql.h, through its C API.
#ifndef MIMEME_STORE_DUCKDB_H_
#define MIMEME_STORE_DUCKDB_H_

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/sql.h"

struct _duckdb_connection;  // of duckdb.h, which stays in the .cc files

namespace mimeme::sql {

Result<std::unique_ptr<Database>> open_duckdb(const std::string& path, Database::Access access);

// DuckDB gives memory that one thread filled or read to another, in ways that ThreadSanitizer
// cannot see, because DuckDB is not built with it. These tell it of the two ends: release() before
// memory that our code touched goes back to DuckDB, acquire() before our code touches what DuckDB
// gives. Nothing in other builds.
namespace tsan {
void release();
void acquire();
}  // namespace tsan

class DuckDbConnection : public Connection {
 public:
  // `path`: outlives the connection.
  DuckDbConnection(_duckdb_connection* handle, const std::string& path)
      : handle_(handle), path_(path) {}
  ~DuckDbConnection() override;

  Dialect dialect() const override { return Dialect::kDuckDb; }
  Result<Rows> query(const std::string& sql, std::initializer_list<Value> values = {}) override;
  Result<int64_t> run(const std::string& sql, std::initializer_list<Value> values = {}) override;
  bool is_broken() const override { return false; }
  Result<> begin(Mode mode) override;
  Result<std::unique_ptr<Sink>> append_to(const char* table) override;

  _duckdb_connection* handle() const { return handle_; }
  Error error(std::string_view duckdb_message) const;  // translated, with the file's name

 private:
  _duckdb_connection* const handle_;
  const std::string& path_;
};

}  // namespace mimeme::sql

#endif  // MIMEME_STORE_DUCKDB_H_
