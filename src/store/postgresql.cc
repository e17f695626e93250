#include "store/postgresql.h"

#include <libpq-fe.h>

#include <bit>
#include <cassert>
#include <cstdlib>
#include <vector>

#include "base/log.h"
#include "base/utf8.h"
#include "core/half.h"

namespace mimeme::sql {
namespace {

// "?" outside of quotes becomes "$1", "$2" and so on.
std::string numbered(const std::string& sql) {
  std::string out;
  int n = 0;
  bool quoted = false;
  for (const char c : sql) {
    if (c == '\'') quoted = !quoted;
    if (c == '?' && !quoted)
      out += '$' + std::to_string(++n);
    else
      out += c;
  }
  return out;
}

// An array of one dimension, lower bound 1, no nulls (array_send()).
template <typename Item, typename Append>
std::string array_of(std::span<const Item> items, PgType type, Append append) {
  std::string out;
  append_number<int32_t>(out, items.empty() ? 0 : 1);
  append_number<int32_t>(out, 0);
  append_number<uint32_t>(out, type);
  if (items.empty()) return out;
  append_number(out, static_cast<int32_t>(items.size()));
  append_number<int32_t>(out, 1);
  for (const Item& item : items) append(out, item);
  return out;
}

struct Parameter {
  PgType type;
  std::string bytes;
};

struct ToParameter {
  Parameter operator()(int64_t value) const {
    Parameter out{kPgInt8, {}};
    append_number(out.bytes, value);
    return out;
  }
  Parameter operator()(std::string_view value) const { return {kPgText, to_utf8(value)}; }
  Parameter operator()(Blob value) const {
    return {kPgBytea, std::string(value.begin(), value.end())};
  }
  Parameter operator()(std::span<const int64_t> values) const {
    return {kPgInt8Array, array_of(values, kPgInt8, [](std::string& out, int64_t value) {
              append_number<int32_t>(out, sizeof value);
              append_number(out, value);
            })};
  }
  Parameter operator()(std::span<const float> values) const {
    Parameter out{kPgUnknown, {}};
    append_halfvec(out.bytes, values);
    return out;
  }
  Parameter operator()(std::span<const std::string> values) const {
    return {kPgTextArray, array_of(values, kPgText, [](std::string& out, const std::string& value) {
              const std::string text = to_utf8(value);
              append_number(out, static_cast<int32_t>(text.size()));
              out += text;
            })};
  }
};

class PgCursor : public Rows::Cursor {
 public:
  explicit PgCursor(PgResult result)
      : result_(std::move(result)), rows_(PQntuples(result_.get())) {}

  bool next() override { return ++row_ < rows_; }
  bool is_null(int column) const override { return PQgetisnull(result_.get(), row_, column); }
  int64_t integer(int column) const override {
    assert(PQftype(result_.get(), column) == kPgInt8);
    if (is_null(column)) return 0;
    return read_number<int64_t>(bytes(column));
  }
  float real(int column) const override {
    assert(PQftype(result_.get(), column) == kPgFloat4);
    if (is_null(column)) return 0;
    return std::bit_cast<float>(read_number<uint32_t>(bytes(column)));
  }
  std::string_view text(int column) const override { return bytes(column); }
  Blob blob(int column) const override {
    const auto all = bytes(column);
    return {reinterpret_cast<const uint8_t*>(all.data()), all.size()};
  }
  std::span<const float> floats(int column) const override {
    const auto all = bytes(column);
    floats_.clear();
    if (PQftype(result_.get(), column) == kPgFloat4Array) {
      // array_send(): after five words of head each item with its length before it.
      for (size_t at = 20; at + 8 <= all.size(); at += 8)
        floats_.push_back(std::bit_cast<float>(read_number<uint32_t>(all.substr(at + 4))));
    } else {
      // pgvector's halfvec_send(): dimensions, a word unused, binary16.
      std::vector<Half> halves;
      for (size_t at = 4; at + 2 <= all.size(); at += 2)
        halves.push_back(read_number<Half>(all.substr(at)));
      floats_ = to_float(halves);
    }
    return floats_;
  }

 private:
  std::string_view bytes(int column) const {
    return {PQgetvalue(result_.get(), row_, column),
            static_cast<size_t>(PQgetlength(result_.get(), row_, column))};
  }

  const PgResult result_;
  const int rows_;
  int row_ = -1;
  mutable std::vector<float> floats_;  // of the column read last
};

// By its class and code (https://www.postgresql.org/docs/15/errcodes-appendix.html).
ErrorCode code_of(std::string_view state) {
  const std::string_view kind = state.substr(0, 2);
  // Gone, or not there yet; too many connections; another writer was first; cancelled; a standby.
  if (state.empty() || kind == "08" || kind == "57" || kind == "40" || state == "53300" ||
      state == "55P03" || state == "25006")
    return ErrorCode::kUnavailable;
  if (kind == "53" || kind == "58") return ErrorCode::kIo;
  if (kind == "28" || state == "42501") return ErrorCode::kForbidden;
  if (state == "3D000" || state == "3F000" || state == "42P01") return ErrorCode::kNotFound;
  if (kind == "XX") return ErrorCode::kCorrupt;
  return ErrorCode::kInternal;
}

// Messages end in a line break, and may have more lines.
std::string first_line(const char* message) {
  const std::string_view all = message ? message : "";
  return std::string(all.substr(0, all.find('\n')));
}

class Postgres : public Database {
 public:
  Postgres(std::string address, Access access, std::string name)
      : Database(std::move(name)), address_(std::move(address)), access_(access) {}
  ~Postgres() override { drop_idle(); }

  Dialect dialect() const override { return Dialect::kPostgreSql; }
  Result<bool> has_committed(const std::string& transaction_id) override;
  Result<int64_t> bytes_on_disk() override {
    return TRY(lease())->integer(
        "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::BIGINT FROM pg_class "
        "WHERE relnamespace = quote_ident(current_schema())::regnamespace AND relkind = 'r'");
  }
  Result<std::string> write_copy() override {
    return Error{ErrorCode::kUnsupported,
                 name() + ": a server's own tools back it up: pg_dump, or its write-ahead log"};
  }

 private:
  Result<std::unique_ptr<Connection>> connect() override {
    return std::unique_ptr<Connection>(TRY(PgConnection::open(address_, access_, name())));
  }

  const std::string address_;
  const Access access_;
};

}  // namespace

void PgResultDeleter::operator()(pg_result* result) const { PQclear(result); }

// ---- PgConnection

PgConnection::~PgConnection() { PQfinish(handle_); }

bool PgConnection::is_broken() const {
  return PQstatus(handle_) != CONNECTION_OK || PQtransactionStatus(handle_) != PQTRANS_IDLE;
}

Result<std::unique_ptr<PgConnection>> PgConnection::open(const std::string& address,
                                                         Database::Access access,
                                                         const std::string& name) {
  // What comes before "dbname" counts only as far as the address does not say otherwise.
  const bool writes = access == Database::Access::kReadWrite;
  const char* const keys[] = {"fallback_application_name",
                              "connect_timeout",
                              "tcp_user_timeout",
                              "target_session_attrs",
                              "dbname",
                              "client_encoding",
                              nullptr};
  // A replica that is lost is not worth waiting for.
  const char* const values[] = {
      "mimeme", "5",    writes ? "30000" : "5000", writes ? "read-write" : "any", address.c_str(),
      "UTF8",   nullptr};
  std::unique_ptr<PgConnection> connection(
      new PgConnection(PQconnectdbParams(keys, values, 1), name));
  PGconn* const handle = connection->handle_;
  PQsetNoticeProcessor(
      handle, [](void*, const char* message) { log(LogLevel::kDebug, first_line(message)); },
      nullptr);
  if (PQstatus(handle) != CONNECTION_OK) {
    // It has no code for these.
    const std::string message = printable(PQerrorMessage(handle));
    const auto says = [&](const char* sign) { return message.find(sign) != message.npos; };
    ErrorCode code = ErrorCode::kUnavailable;
    if (says("authentication") || says("no password") || says("pg_hba.conf") ||
        says("permission denied"))
      code = ErrorCode::kForbidden;
    else if (says("does not exist") && says("database"))
      code = ErrorCode::kNotFound;
    return Error{code, name + ": " + first_line(PQerrorMessage(handle))};
  }
  // A writer that has lost its network must not hold up the others for ever. And of pgvector's
  // graphs (VectorTable): how many rows a walk keeps, and that it goes on as long as more are
  // wanted.
  TRY(
      connection->query("SELECT set_config('idle_in_transaction_session_timeout', '5min', false), "
                        "set_config('hnsw.ef_search', '200', false), "
                        "set_config('hnsw.iterative_scan', 'strict_order', false), "
                        "set_config('hnsw.max_scan_tuples', '200000', false), "
                        "set_config('hnsw.scan_mem_multiplier', '20', false)"));
  return connection;
}

Error PgConnection::error(const PGresult* result) const {
  const char* const state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : nullptr;
  const char* const message =
      result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : nullptr;
  return {code_of(state ? state : ""),
          name_ + ": " + first_line(message ? message : PQerrorMessage(handle_))};
}

Result<PgResult> PgConnection::accept(PGresult* result) const {
  PgResult owned(result);
  switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_COPY_IN:
      return owned;
    default:
      return error(result);
  }
}

Result<PgResult> PgConnection::execute(const std::string& sql,
                                       std::initializer_list<Value> values) {
  std::vector<Parameter> parameters;
  for (const Value& value : values) parameters.push_back(std::visit(ToParameter{}, value));
  std::vector<Oid> types;
  std::vector<const char*> bytes;
  std::vector<int> lengths;
  const std::vector<int> formats(parameters.size(), 1);
  for (const Parameter& parameter : parameters) {
    types.push_back(parameter.type);
    bytes.push_back(parameter.bytes.data());
    lengths.push_back(static_cast<int>(parameter.bytes.size()));
  }
  const int n = static_cast<int>(parameters.size());
  // What has no values is done once, or is no statement that can be prepared.
  if (n == 0)
    return accept(PQexecParams(handle_, sql.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 1));
  auto at = prepared_.find(sql);
  if (at == prepared_.end()) {
    const std::string name = "s" + std::to_string(prepared_.size());
    TRY(accept(PQprepare(handle_, name.c_str(), numbered(sql).c_str(), n, types.data())));
    at = prepared_.emplace(sql, name).first;
  }
  return accept(PQexecPrepared(handle_, at->second.c_str(), n, bytes.data(), lengths.data(),
                               formats.data(), 1));
}

Result<Rows> PgConnection::query(const std::string& sql, std::initializer_list<Value> values) {
  return Rows(std::make_unique<PgCursor>(TRY(execute(sql, values))));
}

Result<int64_t> PgConnection::run(const std::string& sql, std::initializer_list<Value> values) {
  const PgResult result = TRY(execute(sql, values));
  return std::strtoll(PQcmdTuples(result.get()), nullptr, 10);  // "" for what changes no rows
}

Result<> PgConnection::begin(Mode mode) {
  // Writers take turns, in all processes: so change numbers become visible in their order, and no
  // two transactions conflict. The lock goes with the transaction. Under REPEATABLE READ a writer
  // would go on seeing what was there before it had waited.
  const std::string sql = mode == Mode::kRead    ? "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
                          : mode == Mode::kQueue ? "BEGIN ISOLATION LEVEL READ COMMITTED"
                                                 : "BEGIN ISOLATION LEVEL READ COMMITTED; "
                                                   "SELECT pg_advisory_xact_lock(" +
                                                       lock_of_schema(kWriterLock) +
                                                       "); "
                                                       "SELECT pg_current_xact_id()";
  auto begun = accept(PQexec(handle_, sql.c_str()));
  if (!begun) {
    static_cast<void>(run("ROLLBACK"));  // BEGIN itself may have been done
    return std::move(begun).error();
  }
  const PgResult last = *std::move(begun);
  transaction_id_ = mode == Mode::kWrite ? PQgetvalue(last.get(), 0, 0) : "";
  return {};
}

// ---- Database

std::string lock_of_schema(int n) {
  constexpr int kMime = 0x6D696D66;  // "mime", and one
  return std::to_string(kMime + n) + ", quote_ident(current_schema())::regnamespace::oid::int";
}

static Error not_an_address() {
  return {
      ErrorCode::kInvalidArgument,
      "the catalog's address is no connection URI of PostgreSQL: "
      "postgresql://USER@HOST:PORT/DATABASE, where \"@\", \"/\" and \":\" in a name or password "
      "are written %40, %2F and %3A"};
}

Result<bool> Postgres::has_committed(const std::string& transaction_id) {
  const auto connection = TRY(lease());
  auto rows = TRY(connection->query("SELECT coalesce(pg_xact_status(?::xid8), 'aborted')",
                                    {std::string_view(transaction_id)}));
  rows.next();
  if (rows.text(0) == "in progress")
    return Error{ErrorCode::kUnavailable, name() + ": a change is still being undone"};
  return rows.text(0) == "committed";
}

Result<std::unique_ptr<Database>> open_postgresql(const std::string& address,
                                                  Database::Access access) {
  char* message = nullptr;
  PQconninfoOption* const options = PQconninfoParse(address.c_str(), &message);
  if (!options) {
    // libpq's message quotes the address, and that may have a password in it.
    PQfreemem(message);
    return not_an_address();
  }
  std::string host, port, database;
  for (const PQconninfoOption* option = options; option->keyword; ++option) {
    const std::string_view keyword = option->keyword;
    if (!option->val) continue;
    if (keyword == "host") host = option->val;
    if (keyword == "port") port = ':' + std::string(option->val);
    if (keyword == "dbname") database = '/' + std::string(option->val);
  }
  PQconninfoFree(options);
  // A password with an unescaped "@", "/" or ":" has been read as something else, which would be
  // told.
  const bool is_clear = (host + database).find('@') == std::string::npos &&
                        port.find_first_not_of(":0123456789,") == std::string::npos;
  if (!is_clear) return not_an_address();
  std::unique_ptr<Database> opened = std::make_unique<Postgres>(
      address, access, "postgresql://" + printable(host + port + database));
  TRY(opened->lease());
  return opened;
}

}  // namespace mimeme::sql
