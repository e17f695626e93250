// A small layer over SQLite's C API: a connection, and statements with bound values. Values are
// always bound, never spliced into SQL.
//
// Threads: a Connection is used by one thread at a time. Errors name the file: kNotFound, kCorrupt
// (damaged, not a database), kBusy, kIo (disk full too), kInternal.
#ifndef MIMEME_INDEX_SQLITE_H_
#define MIMEME_INDEX_SQLITE_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"

struct sqlite3;  // of sqlite3.h, which stays in the .cc files
struct sqlite3_stmt;

namespace mimeme::sqlite {

// What a `?` stands for; borrowed for the length of the call.
using Value = std::variant<int64_t, double, std::string_view, std::span<const uint8_t>>;

class Row {
 public:
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;
  std::span<const uint8_t> blob(int column) const;  // until the next row

 private:
  sqlite3_stmt* statement_;
};

class Connection {
 public:
  // kImmutable: for reading, nothing is locked or written; REQUIRES: nobody else writes.
  enum class Mode { kExisting, kCreate, kImmutable };
  static Result<std::unique_ptr<Connection>> open(const std::string& path, Mode mode);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  using OnRow = std::function<void(const Row&)>;
  // The statement is prepared once and kept: `sql` must be one of few texts.
  Result<> run(std::string_view sql, std::initializer_list<Value> values = {},
               const OnRow& on_row = nullptr);
  // Reads the whole database; kCorrupt if its pages are damaged.
  Result<> quick_check();
  // How many rows the last statement inserted, changed or deleted.
  int64_t changes() const;
  int64_t last_id() const;
  // The SQL function wanted(id): which ids `filter` takes; all until it is set.
  void set_filter(std::function<bool(int64_t)> filter) { filter_ = std::move(filter); }

 private:
  explicit Connection(std::string path);
  Error error() const;

  const std::string path_;
  sqlite3* handle_ = nullptr;
  std::unordered_map<std::string, sqlite3_stmt*> statements_;
  std::function<bool(int64_t)> filter_;
};

// A file of this program's own, in WAL mode, with a connection for each thread that asks for one.
// Thread-safe.
struct Format {
  const char* name;                          // "text index", for errors
  int64_t application, version;              // PRAGMA application_id, user_version
  std::span<const std::string_view> schema;  // the statements that make it
};

class Database {
 public:
  // An empty one, in place of whatever lay there.
  static Result<std::unique_ptr<Database>> create(const std::string& path, const Format& format);
  // kNotFound; kCorrupt for anything else than a file of this format.
  static Result<std::unique_ptr<Database>> open(const std::string& path, const Format& format);

  struct Return {
    const Database* database = nullptr;
    void operator()(Connection* connection) const;
  };
  using Lease = std::unique_ptr<Connection, Return>;  // goes back to the pool when it dies
  Result<Lease> lease() const;
  const std::string& path() const { return path_; }

 private:
  explicit Database(std::string path) : path_(std::move(path)) {}

  const std::string path_;
  bool is_immutable_ = false;  // constant after open(): the file cannot be written
  mutable Mutex mu_;
  mutable std::vector<std::unique_ptr<Connection>> idle_ GUARDED_BY(mu_);
};

// The first column of the only row.
Result<int64_t> integer_of(Connection& db, std::string_view sql);

// Rolled back unless committed.
class Transaction {
 public:
  static Result<Transaction> begin(Connection& connection, std::string_view sql);
  Transaction(Transaction&& other) noexcept
      : connection_(std::exchange(other.connection_, nullptr)) {}
  ~Transaction();
  Result<> commit();

 private:
  explicit Transaction(Connection* connection) : connection_(connection) {}
  Connection* connection_;  // null once it is over
};

}  // namespace mimeme::sqlite

#endif  // MIMEME_INDEX_SQLITE_H_
