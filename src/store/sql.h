// A small layer over two databases: DuckDB, in one file beside the program, and PostgreSQL, a
// server that several programs share. A database, connections leased from a pool, queries with
// bound values, transactions. One SQL for both: what only one of them knows stands behind
// dialect(). Text is any bytes: it passes through to_utf8() and from_utf8() here. Values are always
// bound, never spliced into SQL.
//
// Threads: a Database may be used from any thread; a Lease and what is made from it by one at a
// time. Errors, which all name the database: kBusy (another process, or this one, has the file
// open), kUnavailable (the server cannot be reached, or went away: the same may work later),
// kForbidden (the server does not let us in), kCorrupt (damaged, not a database), kConflict
// (written by a newer DuckDB), kNotFound (no such file, for reading; no such database), kIo (disk
// full too), kInternal.
#ifndef MIMEME_STORE_SQL_H_
#define MIMEME_STORE_SQL_H_

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"

namespace mimeme::sql {

enum class Dialect { kDuckDb, kPostgreSql };

using Blob = std::span<const uint8_t>;

// What a `?` stands for; the spans are BIGINT[], VARCHAR[] and a vector (FLOAT[] in DuckDB, halfvec
// in PostgreSQL). Borrowed for the length of the call.
using Value = std::variant<int64_t, std::string_view, Blob, std::span<const int64_t>,
                           std::span<const std::string>, std::span<const float>>;

// The rows of a finished query. Columns count from 0, and are read as the type that they have.
class Rows {
 public:
  // A database's own.
  class Cursor {
   public:
    virtual ~Cursor() = default;
    virtual bool next() = 0;
    virtual bool is_null(int column) const = 0;
    virtual int64_t integer(int column) const = 0;
    virtual float real(int column) const = 0;
    virtual std::string_view text(int column) const = 0;  // UTF-8, as it is stored
    virtual Blob blob(int column) const = 0;
    virtual std::span<const float> floats(int column) const = 0;
  };
  explicit Rows(std::unique_ptr<Cursor> cursor) : cursor_(std::move(cursor)) {}

  bool next() { return cursor_->next(); }  // to the next row, at first to the first; false: the end
  bool is_null(int column) const { return cursor_->is_null(column); }
  int64_t integer(int column) const { return cursor_->integer(column); }  // BIGINT
  float real(int column) const { return cursor_->real(column); }          // FLOAT
  std::string text(int column) const;
  Blob blob(int column) const { return cursor_->blob(column); }  // valid until next()
  // The column of a table of vectors, or FLOAT[n]; valid until next().
  std::span<const float> floats(int column) const { return cursor_->floats(column); }

 private:
  std::unique_ptr<Cursor> cursor_;
};

// Of a server: what its functions for advisory locks take for lock `n` of this schema; there may be
// several catalogs in a database. From 0 on tasks (Catalog::take_turn); others are below it.
inline constexpr int kWriterLock = -1, kTextTablesLock = -2, kGraphLock = -3;
std::string lock_of_schema(int n);

enum class Mode {
  kRead,   // one consistent view; writes into temporary tables only
  kWrite,  // alone among the writers of this database, in all processes
  kQueue,  // of a server: beside its writers; changes only what nobody else does at the time
};

class Connection {
 public:
  // A database's own way of Appender.
  class Sink {
   public:
    virtual ~Sink() = default;
    virtual void integer(int64_t value) = 0;
    virtual void boolean(bool value) = 0;
    virtual void real(float value) = 0;
    virtual void text(std::string_view utf8) = 0;
    virtual void blob(Blob value) = 0;
    virtual void floats(std::span<const float> values) = 0;
    virtual void null() = 0;
    virtual Result<> end_row() = 0;
    virtual Result<> close() = 0;
  };

  Connection() = default;
  virtual ~Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  virtual Dialect dialect() const = 0;
  virtual Result<Rows> query(const std::string& sql, std::initializer_list<Value> values = {}) = 0;
  // For statements that return no rows: how many rows they changed.
  virtual Result<int64_t> run(const std::string& sql, std::initializer_list<Value> values = {}) = 0;
  // The integer in the first column of the only row.
  Result<int64_t> integer(const std::string& sql, std::initializer_list<Value> values = {});

  virtual bool is_broken()
      const = 0;  // of no more use: the server has gone, or a transaction is open

  // Of the writing transaction that is going on, for Database::has_committed().
  virtual std::string transaction_id() const { return {}; }

  // For Transaction and Appender.
  virtual Result<> begin(Mode mode) = 0;
  virtual Result<std::unique_ptr<Sink>> append_to(const char* table) = 0;
};

// Rolled back unless committed.
class Transaction {
 public:
  static Result<Transaction> begin(Connection& connection, Mode mode);
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
    void operator()(Connection* connection) const { database->give_back(connection); }
  };

 public:
  enum class Access { kReadWrite, kReadOnly };
  using Lease = std::unique_ptr<Connection, Return>;  // goes back to the pool when it dies

  // `where`: a file of DuckDB, which is created if it is not there (kReadWrite), and nothing in
  // which can reach the network, other files or extensions; or what is_server() says.
  static Result<std::unique_ptr<Database>> open(const std::string& where, Access access);
  // The address of a PostgreSQL server: "postgresql://…" or "postgres://…".
  static bool is_server(std::string_view where);
  // REQUIRES: every Lease is dead.
  virtual ~Database() = default;

  Result<Lease> lease();
  const std::string& name() const { return name_; }  // for messages: no password
  virtual Dialect dialect() const = 0;

  // Whether a transaction whose COMMIT was not answered was done. kUnavailable: that cannot be said
  // yet.
  virtual Result<bool> has_committed(const std::string& transaction_id) = 0;

  virtual Result<int64_t> bytes_on_disk() = 0;  // but for the write-ahead log

  // A copy of the database as of one moment, beside it, in a folder that holds nothing else; others
  // read and write meanwhile. Returns its path: whoever asked takes it away. One at a time, and not
  // of a database that was opened for reading. kUnsupported: a server has its own way.
  virtual Result<std::string> write_copy() = 0;

 protected:
  explicit Database(std::string name) : name_(std::move(name)) {}
  virtual Result<std::unique_ptr<Connection>> connect() = 0;
  void drop_idle();  // for the destructors of those whose connections must die first

 private:
  void give_back(Connection* connection);

  const std::string name_;
  Mutex mu_;
  std::vector<std::unique_ptr<Connection>> idle_ GUARDED_BY(mu_);
};

}  // namespace mimeme::sql

#endif  // MIMEME_STORE_SQL_H_
