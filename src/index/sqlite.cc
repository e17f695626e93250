#include "index/sqlite.h"

#include <sqlite3.h>
#include <unistd.h>

#include <filesystem>

namespace mimeme::sqlite {

int64_t Row::integer(int column) const { return sqlite3_column_int64(statement_, column); }

double Row::real(int column) const { return sqlite3_column_double(statement_, column); }

std::span<const uint8_t> Row::blob(int column) const {
  const auto* bytes = static_cast<const uint8_t*>(sqlite3_column_blob(statement_, column));
  return {bytes, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

std::string Row::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (text == nullptr) return {};
  return {text, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

namespace {

// https://sqlite.org/uri.html
std::string immutable_uri(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path)
    uri += c == '%' ? "%25" : c == '#' ? "%23" : c == '?' ? "%3f" : std::string(1, c);
  return uri + "?immutable=1";
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::open(const std::string& path, Mode mode) {
  std::unique_ptr<Connection> connection(new Connection(path));
  const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                    (mode == Mode::kCreate      ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                     : mode == Mode::kImmutable ? SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
                                                : SQLITE_OPEN_READWRITE);
  const std::string name = mode == Mode::kImmutable ? immutable_uri(path) : path;
  if (sqlite3_open_v2(name.c_str(), &connection->handle_, flags, nullptr) != SQLITE_OK)
    return connection->error();
  // A file that somebody prepared must not make this program do anything.
  sqlite3_db_config(connection->handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(connection->handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_busy_timeout(connection->handle_, 5000);
  const auto wanted = [](sqlite3_context* context, int, sqlite3_value** values) {
    const auto& filter = static_cast<Connection*>(sqlite3_user_data(context))->filter_;
    sqlite3_result_int(context, !filter || filter(sqlite3_value_int64(values[0])) ? 1 : 0);
  };
  if (sqlite3_create_function_v2(connection->handle_, "wanted", 1, SQLITE_UTF8, connection.get(),
                                 wanted, nullptr, nullptr, nullptr) != SQLITE_OK)
    return connection->error();
  return connection;
}

Connection::Connection(std::string path) : path_(std::move(path)) {}

Connection::~Connection() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(handle_);
}

Result<> Connection::run(std::string_view sql, std::initializer_list<Value> values,
                         const OnRow& on_row) {
  sqlite3_stmt*& statement = statements_[std::string(sql)];
  if (statement == nullptr &&
      sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK)
    return error();
  int at = 0;
  for (const Value& value : values) {
    ++at;
    if (const auto* integer = std::get_if<int64_t>(&value))
      sqlite3_bind_int64(statement, at, *integer);
    else if (const auto* real = std::get_if<double>(&value))
      sqlite3_bind_double(statement, at, *real);
    else if (const auto* text = std::get_if<std::string_view>(&value))
      sqlite3_bind_text64(statement, at, text->data() == nullptr ? "" : text->data(), text->size(),
                          SQLITE_STATIC, SQLITE_UTF8);
    else if (const auto* bytes = std::get_if<std::span<const uint8_t>>(&value))
      sqlite3_bind_blob64(statement, at,
                          bytes->data() == nullptr ? "" : static_cast<const void*>(bytes->data()),
                          bytes->size(), SQLITE_STATIC);
  }
  int code = sqlite3_step(statement);
  for (; code == SQLITE_ROW; code = sqlite3_step(statement))
    if (on_row) on_row(Row(statement));
  Result<> result;
  if (code != SQLITE_DONE) result = error();
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  return result;
}

Result<> Connection::quick_check() {
  std::string found;
  TRY(run("PRAGMA quick_check(1)", {}, [&](const Row& row) { found = row.text(0); }));
  if (found != "ok") return Error{ErrorCode::kCorrupt, path_ + ": " + found};
  return {};
}

int64_t Connection::changes() const { return sqlite3_changes64(handle_); }
int64_t Connection::last_id() const { return sqlite3_last_insert_rowid(handle_); }

Error Connection::error() const {
  const int code = handle_ == nullptr ? SQLITE_NOMEM : sqlite3_errcode(handle_);
  const std::string message =
      path_ + ": " + (handle_ == nullptr ? "out of memory" : sqlite3_errmsg(handle_));
  switch (code & 0xFF) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {ErrorCode::kCorrupt, message};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {ErrorCode::kBusy, message};
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_FULL:
    case SQLITE_IOERR:
      return {ErrorCode::kIo, message};
    default:
      return {ErrorCode::kInternal, message};
  }
}

Result<std::unique_ptr<Database>> Database::create(const std::string& path, const Format& format) {
  // In this order: a log without its database is nothing, a database without its log may be
  // damaged.
  for (const char* const part : {"", "-wal", "-shm"}) {
    std::error_code error;
    std::filesystem::remove(path + part, error);
    if (error) return Error{ErrorCode::kIo, path + part + ": " + error.message()};
  }
  {
    const auto db = TRY(Connection::open(path, Connection::Mode::kCreate));
    TRY(db->run("PRAGMA journal_mode = WAL"));
    auto transaction = TRY(Transaction::begin(*db, "BEGIN IMMEDIATE"));
    for (const std::string_view statement : format.schema) TRY(db->run(statement));
    TRY(db->run("PRAGMA application_id = " + std::to_string(format.application)));
    TRY(db->run("PRAGMA user_version = " + std::to_string(format.version)));
    TRY(transaction.commit());
  }
  return open(path, format);
}

Result<std::unique_ptr<Database>> Database::open(const std::string& path, const Format& format) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    return Error{ErrorCode::kNotFound, path + ": does not exist"};
  std::unique_ptr<Database> database(new Database(path));
  // A read-only disk, or somebody else's library: SQLite cannot share its log there. A log that is
  // not empty would be needed, though.
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const auto log_bytes = std::filesystem::file_size(path + "-wal", ignored);
  database->is_immutable_ = access(path.c_str(), W_OK) != 0 || access(folder.c_str(), W_OK) != 0;
  if (database->is_immutable_ && !ignored && log_bytes > 0)
    return Error{ErrorCode::kIo, path + ": its log cannot be read on a read-only disk"};
  auto db = TRY(database->lease());
  if (TRY(integer_of(*db, "PRAGMA application_id")) != format.application ||
      TRY(integer_of(*db, "PRAGMA user_version")) != format.version)
    return Error{ErrorCode::kCorrupt, path + ": not a " + format.name + " of this version"};
  return database;
}

void Database::Return::operator()(Connection* connection) const {
  connection->set_filter(nullptr);
  Lock lock(database->mu_);
  database->idle_.emplace_back(connection);
}

Result<Database::Lease> Database::lease() const {
  {
    Lock lock(mu_);
    if (!idle_.empty()) {
      Lease lease(idle_.back().release(), Return{this});
      idle_.pop_back();
      return lease;
    }
  }
  auto connection = TRY(Connection::open(
      path_, is_immutable_ ? Connection::Mode::kImmutable : Connection::Mode::kExisting));
  // NORMAL: a power cut may cost the last changes, never the order of them.
  TRY(connection->run("PRAGMA synchronous = NORMAL"));
  TRY(connection->run("PRAGMA cache_size = -16384"));  // KiB a connection
  return Lease(connection.release(), Return{this});
}

Result<int64_t> integer_of(Connection& db, std::string_view sql) {
  int64_t value = 0;
  TRY(db.run(sql, {}, [&](const Row& row) { value = row.integer(0); }));
  return value;
}

Result<Transaction> Transaction::begin(Connection& connection, std::string_view sql) {
  TRY(connection.run(sql));
  return Transaction(&connection);
}

Transaction::~Transaction() {
  if (connection_ != nullptr) (void)connection_->run("ROLLBACK");
}

Result<> Transaction::commit() {
  TRY(connection_->run("COMMIT"));
  connection_ = nullptr;
  return {};
}

}  // namespace mimeme::sqlite
