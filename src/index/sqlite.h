// A small layer over SQLite's C API: a connection, statements with bound values, and the tokenizer
// of its full-text engine. Values are always bound, never spliced into SQL.
//
// Threads: a Connection is used by one thread at a time. Errors name the file: kNotFound, kCorrupt
// (damaged, not a database), kBusy, kIo (disk full too), kInternal.
#ifndef MIMEME_INDEX_SQLITE_H_
#define MIMEME_INDEX_SQLITE_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

struct sqlite3;  // of sqlite3.h, which stays in the .cc files
struct sqlite3_stmt;

namespace mimeme::sqlite {

// What a `?` stands for; borrowed for the length of the call.
using Value = std::variant<int64_t, double, std::string_view>;

class Row {
 public:
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  int64_t integer(int column) const;
  std::string text(int column) const;

 private:
  sqlite3_stmt* statement_;
};

// A word of a text, as the full-text index has it.
struct Token {
  std::string word;           // folded
  std::string stem;           // Porter
  size_t begin = 0, end = 0;  // bytes of the text
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
  // How many rows the last statement inserted, changed or deleted.
  int64_t changes() const;
  int64_t last_id() const;
  // The SQL function wanted(id): which ids `filter` takes; all until it is set.
  void set_filter(std::function<bool(int64_t)> filter) { filter_ = std::move(filter); }

  // The words of a text by FTS5's tokenizers: unicode61 without accents, then porter.
  Result<std::vector<Token>> tokenize(std::string_view text);

 private:
  explicit Connection(std::string path);
  Result<> make_tokenizers();
  Error error() const;

  const std::string path_;
  sqlite3* handle_ = nullptr;
  std::unordered_map<std::string, sqlite3_stmt*> statements_;
  std::function<bool(int64_t)> filter_;
  struct Tokenizer;
  std::unique_ptr<Tokenizer> fold_, stem_;
};

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
