#include "store/duckdb.h"

#include <duckdb.h>

#include <cassert>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <utility>

#include "base/file.h"
#include "base/utf8.h"

#if defined(__SANITIZE_THREAD__)
extern "C" void __tsan_acquire(void* sync);
extern "C" void __tsan_release(void* sync);
#endif

namespace mimeme::sql {

#if defined(__SANITIZE_THREAD__)
static char inside_duckdb;
void tsan::release() { __tsan_release(&inside_duckdb); }
void tsan::acquire() { __tsan_acquire(&inside_duckdb); }
#else
void tsan::release() {}
void tsan::acquire() {}
#endif

namespace {

constexpr std::string_view kMemory = ":memory:";

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string without(std::string text, std::string_view part) {
  for (size_t at; !part.empty() && (at = text.find(part)) != std::string::npos;)
    text.erase(at, part.size());
  return text;
}

// DuckDB's C API tells an error's kind for some calls only, but puts it in front of every message.
Error translate(std::string_view path, std::string_view message) {
  // What follows the first line is a stack trace, or advice on SQL.
  message = message.substr(0, message.find('\n'));
  const std::string words = without(std::string(message), path);  // a folder may be called anything
  const auto says = [&](auto... signs) { return (contains(words, signs) || ...); };
  const std::string where = std::string(path) + ": ";

  if (says("Could not set lock on file")) {
    // "Conflicting lock is held in /usr/bin/mimeme (PID 7). See also …"
    std::string holder = "another process";
    if (const size_t at = words.find("held in "); at != std::string::npos)
      holder = words.substr(at + 8, words.find(')', at) + 1 - (at + 8));
    return {ErrorCode::kBusy, where + "is in use by " + holder};
  }
  if (says("database does not exist")) return {ErrorCode::kNotFound, where + "does not exist"};
  if (says("we can only read versions"))
    return {ErrorCode::kConflict, where + "written by a newer DuckDB: update mimeme"};
  if (says("not a valid DuckDB database file", "Could not read enough bytes", "orrupt", "checksum",
           "Serialization Error"))
    return {ErrorCode::kCorrupt, where +
                                     "is damaged, or no catalog: restore it from a copy, or move "
                                     "it away and add the folders again (" +
                                     std::string(message) + ")"};
  const bool disk = says("IO Error", "Could not write", "Could not read", "No space left", "fsync",
                         "invalidated because");
  return {disk ? ErrorCode::kIo : ErrorCode::kInternal, where + std::string(message)};
}

struct Logical {
  duckdb_logical_type type;
  explicit Logical(duckdb_type id) : type(duckdb_create_logical_type(id)) {}
  ~Logical() { duckdb_destroy_logical_type(&type); }
};

template <typename Item, typename Make>
duckdb_state bind_list(duckdb_prepared_statement statement, idx_t at, duckdb_type id,
                       std::span<const Item> items, Make make) {
  const Logical type(id);
  std::vector<duckdb_value> values;
  values.reserve(items.size() + 1);  // DuckDB takes no null pointer, not even for an empty list
  for (const Item& item : items) values.push_back(make(item));
  duckdb_value list = duckdb_create_list_value(type.type, values.data(), values.size());
  const auto state = duckdb_bind_value(statement, at, list);
  duckdb_destroy_value(&list);
  for (auto& value : values) duckdb_destroy_value(&value);
  return state;
}

struct Bind {
  duckdb_prepared_statement statement;
  idx_t at;

  duckdb_state operator()(int64_t value) const { return duckdb_bind_int64(statement, at, value); }
  duckdb_state operator()(std::string_view value) const {
    const std::string text = to_utf8(value);
    return duckdb_bind_varchar_length(statement, at, text.data(), text.size());
  }
  duckdb_state operator()(Blob value) const {
    return duckdb_bind_blob(statement, at, value.data(), value.size());
  }
  duckdb_state operator()(std::span<const int64_t> values) const {
    return bind_list(statement, at, DUCKDB_TYPE_BIGINT, values, duckdb_create_int64);
  }
  duckdb_state operator()(std::span<const float> values) const {
    return bind_list(statement, at, DUCKDB_TYPE_FLOAT, values, duckdb_create_float);
  }
  duckdb_state operator()(std::span<const std::string> values) const {
    return bind_list(statement, at, DUCKDB_TYPE_VARCHAR, values, [](const std::string& value) {
      const std::string text = to_utf8(value);
      return duckdb_create_varchar_length(text.data(), text.size());
    });
  }
};

// The files that this process has open, by canonical path. DuckDB's lock (fcntl) is against other
// processes: a second open in the same one would succeed, and the two would overwrite each other;
// closing either would drop the lock of both.
struct OpenFiles {
  Mutex mu;
  std::set<std::string> paths GUARDED_BY(mu);

  bool insert(const std::string& path) {
    Lock lock(mu);
    return paths.insert(path).second;
  }
  void erase(const std::string& path) {
    Lock lock(mu);
    paths.erase(path);
  }
};
OpenFiles& open_files() {
  static OpenFiles files;
  return files;
}

}  // namespace

// ---- Rows

namespace {

class DuckDbCursor : public Rows::Cursor {
 public:
  ~DuckDbCursor() override {
    tsan::release();
    duckdb_destroy_data_chunk(&chunk_);
    duckdb_destroy_result(&result);
  }

  bool next() override {
    if (++row_ < size_) return true;
    tsan::release();
    duckdb_destroy_data_chunk(&chunk_);
    chunk_ = duckdb_fetch_chunk(result);
    tsan::acquire();
    row_ = 0;
    size_ = chunk_ ? duckdb_data_chunk_get_size(chunk_) : 0;
    return size_ > 0;
  }
  bool is_null(int column) const override {
    uint64_t* const validity = duckdb_vector_get_validity(vector(column));
    return validity && !duckdb_validity_row_is_valid(validity, row_);
  }
  int64_t integer(int column) const override {
    return data<int64_t>(column, DUCKDB_TYPE_BIGINT)[row_];
  }
  float real(int column) const override { return data<float>(column, DUCKDB_TYPE_FLOAT)[row_]; }
  std::string_view text(int column) const override { return bytes(column, DUCKDB_TYPE_VARCHAR); }
  Blob blob(int column) const override {
    const auto all = bytes(column, DUCKDB_TYPE_BLOB);
    return {reinterpret_cast<const uint8_t*>(all.data()), all.size()};
  }
  std::span<const float> floats(int column) const override {
    const duckdb_vector of_rows = vector(column);
    duckdb_logical_type type = duckdb_vector_get_column_type(of_rows);
    assert(duckdb_get_type_id(type) == DUCKDB_TYPE_ARRAY);
    const idx_t n = duckdb_array_type_array_size(type);
    duckdb_destroy_logical_type(&type);
    const auto* all =
        static_cast<const float*>(duckdb_vector_get_data(duckdb_array_vector_get_child(of_rows)));
    return {all + row_ * n, n};
  }

  duckdb_result result{};

 private:
  duckdb_vector vector(int column) const {
    return duckdb_data_chunk_get_vector(chunk_, static_cast<idx_t>(column));
  }
  template <typename T>
  const T* data(int column, [[maybe_unused]] duckdb_type type) const {
    assert(duckdb_column_type(const_cast<duckdb_result*>(&result), static_cast<idx_t>(column)) ==
           type);
    return static_cast<const T*>(duckdb_vector_get_data(vector(column)));
  }
  std::string_view bytes(int column, duckdb_type type) const {
    auto& text = const_cast<duckdb_string_t&>(data<duckdb_string_t>(column, type)[row_]);
    return {duckdb_string_t_data(&text), duckdb_string_t_length(text)};
  }

  duckdb_data_chunk chunk_ = nullptr;
  idx_t row_ = 0, size_ = 0;
};

}  // namespace

// ---- Connection

DuckDbConnection::~DuckDbConnection() {
  duckdb_connection handle = handle_;
  duckdb_disconnect(&handle);
}

Error DuckDbConnection::error(std::string_view duckdb_message) const {
  return translate(path_, duckdb_message);
}

Result<Rows> DuckDbConnection::query(const std::string& sql, std::initializer_list<Value> values) {
  struct Prepared {
    duckdb_prepared_statement statement = nullptr;
    ~Prepared() { duckdb_destroy_prepare(&statement); }
  } prepared;
  const auto& statement = prepared.statement;
  if (duckdb_prepare(handle_, sql.c_str(), &prepared.statement) != DuckDBSuccess)
    return error(duckdb_prepare_error(statement));
  assert(duckdb_nparams(statement) == values.size());
  idx_t at = 1;
  for (const Value& value : values) {
    if (std::visit(Bind{statement, at++}, value) != DuckDBSuccess)
      return error(duckdb_prepare_error(statement));
  }
  auto cursor = std::make_unique<DuckDbCursor>();
  if (duckdb_execute_prepared(statement, &cursor->result) != DuckDBSuccess)
    return error(duckdb_result_error(&cursor->result));
  return Rows(std::move(cursor));
}

Result<int64_t> DuckDbConnection::run(const std::string& sql, std::initializer_list<Value> values) {
  Rows rows = TRY(query(sql, values));
  // INSERT, UPDATE and DELETE answer with a row that holds the count; DDL with none.
  return rows.next() ? rows.integer(0) : 0;
}

Result<> DuckDbConnection::begin(Mode) {
  TRY(run("BEGIN TRANSACTION"));  // of the writers, Catalog::Impl lets one in at a time
  return {};
}

// ---- Database

namespace {

// As DuckDB has text in SQL, and in the values of lists.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "''" : std::string(1, c);
  return out + '\'';
}

// Beside the database: the only folder that its SQL can reach.
std::string staging_folder(const std::string& path) {
  return std::filesystem::path(path).parent_path() / "backup.tmp";
}

struct Handle {
  std::string path;
  std::string registered;  // in open_files(), if not empty
  duckdb_database database = nullptr;

  ~Handle() {
    duckdb_close(&database);
    if (!registered.empty()) open_files().erase(registered);
  }
};

class DuckDb : public Database {
 public:
  explicit DuckDb(std::unique_ptr<Handle> handle)
      : Database(handle->path), handle_(std::move(handle)) {}
  ~DuckDb() override { drop_idle(); }

  Dialect dialect() const override { return Dialect::kDuckDb; }
  Result<bool> has_committed(const std::string&) override { return false; }  // it always answers
  Result<int64_t> bytes_on_disk() override;
  Result<std::string> write_copy() override;

 private:
  Result<std::unique_ptr<Connection>> connect() override {
    duckdb_connection connection = nullptr;
    if (duckdb_connect(handle_->database, &connection) != DuckDBSuccess)
      return Error{ErrorCode::kInternal, name() + ": DuckDB gives no connection"};
    return std::unique_ptr<Connection>(new DuckDbConnection(connection, name()));
  }

  const std::unique_ptr<Handle> handle_;
};

}  // namespace

namespace {

// A database that was killed while its first blocks were written is damaged, to DuckDB: so an empty
// one is made under another name, and is there as a whole or not at all.
Result<> make_empty(const std::string& path) {
  const std::string begun = path + ".new";
  std::error_code ignored;  // DuckDB will say it better
  std::filesystem::remove(begun, ignored);
  std::filesystem::remove(path + ".wal", ignored);  // of a file that is gone
  duckdb_database database = nullptr;
  char* message = nullptr;
  if (duckdb_open_ext(begun.c_str(), &database, nullptr, &message) != DuckDBSuccess) {
    Error error = translate(path, message);
    duckdb_free(message);
    return error;
  }
  duckdb_close(&database);
  std::ifstream file(begun, std::ios::binary);  // 12 KB
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  if (bytes.empty()) return Error{ErrorCode::kIo, begun + ": cannot be read"};
  TRY(write_file(path, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()},
                 Durability::kTruth));
  std::filesystem::remove(begun, ignored);
  return {};
}

}  // namespace

Result<std::unique_ptr<Database>> open_duckdb(const std::string& path, Database::Access access) {
  auto handle = std::make_unique<Handle>();
  handle->path = path;
  if (path != kMemory) {
    std::error_code ignored;  // DuckDB will say it better
    const std::string canonical = std::filesystem::weakly_canonical(path, ignored);
    if (!open_files().insert(canonical))
      return Error{ErrorCode::kBusy, path + ": is already open in this process"};
    handle->registered = canonical;
    if (access == Database::Access::kReadWrite && !std::filesystem::exists(path, ignored))
      TRY(make_empty(path));
  }

  struct Config {
    duckdb_config config = nullptr;
    ~Config() { duckdb_destroy_config(&config); }
  } options;
  if (duckdb_create_config(&options.config) != DuckDBSuccess)
    return Error{ErrorCode::kInternal, "DuckDB: out of memory"};
  const std::pair<const char*, std::string> settings[] = {
      {"access_mode", access == Database::Access::kReadOnly ? "READ_ONLY" : "READ_WRITE"},
      {"threads", "2"},
      {"memory_limit", "256MB"},  // beyond it queries spill; 1,000,000 files are planned in it
      {"temp_directory", path == kMemory ? "" : path + ".tmp"},
      {"autoinstall_known_extensions", "false"},
      {"autoload_known_extensions", "false"},
      {"allow_community_extensions", "false"},
      // With it, DuckDB 1.4.4 answers a bare count(*) from a table's row groups without the lock
      // that every scan takes, and crashes beside a checkpoint that replaces them.
      {"disabled_optimizers", "statistics_propagation"},
  };
  for (const auto& [name, value] : settings) {
    if (path == kMemory && name == std::string_view("access_mode")) continue;
    if (duckdb_set_config(options.config, name, value.c_str()) != DuckDBSuccess)
      return Error{ErrorCode::kInternal, std::string("DuckDB refuses the option ") + name};
  }

  char* message = nullptr;
  if (duckdb_open_ext(path.c_str(), &handle->database, options.config, &message) != DuckDBSuccess) {
    Error error = translate(path, message);
    duckdb_free(message);
    return error;
  }
  std::unique_ptr<Database> database = std::make_unique<DuckDb>(std::move(handle));
  // It takes this one only when it is open; the others have to come after it.
  const auto lease = TRY(database->lease());
  if (path != kMemory)
    TRY(lease->query("SET allowed_directories = [" + quoted(staging_folder(path)) + ']'));
  TRY(lease->query("SET enable_external_access = false"));
  TRY(lease->query("SET lock_configuration = true"));
  return database;
}

Result<int64_t> DuckDb::bytes_on_disk() {
  if (name() == kMemory) return 0;
  std::error_code failed;
  const auto bytes = std::filesystem::file_size(name(), failed);
  if (failed) return Error{ErrorCode::kIo, name() + ": " + failed.message()};
  return static_cast<int64_t>(bytes);
}

Result<std::string> DuckDb::write_copy() {
  namespace fs = std::filesystem;
  const fs::path folder = staging_folder(name());
  const std::string copy = folder / "catalog.duckdb";
  std::error_code failed;
  fs::remove_all(folder, failed);  // what a copy that was killed has left
  if (!failed) fs::create_directory(folder, failed);
  if (failed) return Error{ErrorCode::kIo, folder.string() + ": " + failed.message()};
  const auto connection = TRY(lease());
  TRY(connection->query("ATTACH " + quoted(copy) + " AS copy"));
  const auto copied = [&]() -> Result<> {
    auto transaction = TRY(Transaction::begin(*connection, Mode::kRead));
    auto rows = TRY(connection->query("SELECT current_database()"));
    rows.next();
    // Several statements to DuckDB, which it does not prepare.
    duckdb_result result{};
    const std::string script = "COPY FROM DATABASE \"" + rows.text(0) + "\" TO copy";
    auto& duckdb = static_cast<DuckDbConnection&>(*connection);
    const bool is_done = duckdb_query(duckdb.handle(), script.c_str(), &result) == DuckDBSuccess;
    const Error error = is_done ? Error() : duckdb.error(duckdb_result_error(&result));
    duckdb_destroy_result(&result);
    if (!is_done) return error;
    return transaction.commit();
  }();
  const auto detached = connection->query("DETACH copy");  // writes all of it into the file
  if (copied && detached) return copy;
  fs::remove_all(folder, failed);
  return copied ? detached.error() : copied.error();
}

}  // namespace mimeme::sql
