// A small layer over DuckDB's C API: a database, connections leased from a pool, queries with bound
// values, transactions. Text is any bytes: it passes through to_utf8() and from_utf8() here. Values
// are always bound, never spliced into SQL.
//
// Threads: a Database may be used from any thread; a Lease and what is made from it by one at a
// time. Errors: kBusy (another process, or this one, has the file open), kCorrupt (damaged, not a
// database), kConflict (written by a newer DuckDB), kNotFound (no such file, for reading), kIo
// (disk full too), kInternal. All name the file.
#ifndef MIMEME_STORE_SQL_H_
#define MIMEME_STORE_SQL_H_

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"

struct _duckdb_connection;  // of duckdb.h, which stays in the .cc files

namespace mimeme::sql {

// DuckDB gives memory that one thread filled or read to another, in ways that ThreadSanitizer
// cannot see, because DuckDB is not built with it. These tell it of the two ends: release() before
// memory that our code touched goes back to DuckDB, acquire() before our code touches what DuckDB
// gives. Nothing in other builds.
namespace tsan {
void release();
void acquire();
}  // namespace tsan

using Blob = std::span<const uint8_t>;

// What a `?` stands for; the spans are BIGINT[] and VARCHAR[]. Borrowed for the length of the call.
using Value = std::variant<int64_t, std::string_view, Blob, std::span<const int64_t>,
                           std::span<const std::string>>;

// The rows of a finished query. Columns count from 0, and are read as the type that they have.
class Rows {
 public:
  struct State;
  explicit Rows(std::unique_ptr<State> state);
  Rows(Rows&&) noexcept;
  ~Rows();

  bool next();                        // to the next row, at first to the first; false at the end
  int64_t integer(int column) const;  // BIGINT
  float real(int column) const;       // FLOAT
  std::string text(int column) const;
  Blob blob(int column) const;                      // valid until next()
  std::span<const float> floats(int column) const;  // FLOAT[n]; valid until next()

 private:
  std::unique_ptr<State> state_;
};

class Connection {
 public:
  Connection(_duckdb_connection* handle, const std::string& path) : handle_(handle), path_(path) {}
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Result<Rows> query(const std::string& sql, std::initializer_list<Value> values = {});
  // For statements that return no rows: how many rows they changed.
  Result<int64_t> run(const std::string& sql, std::initializer_list<Value> values = {});
  // The integer in the first column of the only row.
  Result<int64_t> integer(const std::string& sql, std::initializer_list<Value> values = {});

  _duckdb_connection* handle() const { return handle_; }
  Error error(std::string_view duckdb_message) const;  // translated, with the file's name

 private:
  _duckdb_connection* const handle_;
  const std::string& path_;  // the Database's
};

// Rolled back unless committed.
class Transaction {
 public:
  static Result<Transaction> begin(Connection& connection);
  Transaction(Transaction&& other) noexcept
      : connection_(std::exchange(other.connection_, nullptr)) {}
  ~Transaction();
  Result<> commit();

 private:
  explicit Transaction(Connection* connection) : connection_(connection) {}
  Connection* connection_;  // null once it is over
};

class Database {
  struct Return {
    Database* database = nullptr;
    void operator()(Connection* connection) const;
  };

 public:
  enum class Access { kReadWrite, kReadOnly };
  using Lease = std::unique_ptr<Connection, Return>;  // goes back to the pool when it dies

  // Creates the file if it is not there (kReadWrite). Nothing in it can reach the network, other
  // files or extensions.
  static Result<std::unique_ptr<Database>> open(const std::string& path, Access access);
  // REQUIRES: every Lease is dead.
  ~Database();

  Result<Lease> lease();

  // A copy of the database as of one moment, beside it, in a folder that holds nothing else; others
  // read and write meanwhile. Returns its path: whoever asked takes it away. One at a time, and not
  // of a database that was opened for reading.
  Result<std::string> write_copy();

 private:
  struct Handle;
  explicit Database(std::unique_ptr<Handle> handle);

  // Constant after construction.
  const std::unique_ptr<Handle> handle_;

  Mutex mu_;
  std::vector<std::unique_ptr<Connection>> idle_ GUARDED_BY(mu_);
};

}  // namespace mimeme::sql

#endif  // MIMEME_STORE_SQL_H_
