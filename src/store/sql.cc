#include "store/sql.h"

#include "base/utf8.h"
#include "store/appender.h"
#include "store/duckdb.h"
#include "store/postgresql.h"

namespace mimeme::sql {

std::string Rows::text(int column) const { return from_utf8(cursor_->text(column)); }

Result<int64_t> Connection::integer(const std::string& sql, std::initializer_list<Value> values) {
  Rows rows = TRY(query(sql, values));
  if (!rows.next()) return Error{ErrorCode::kInternal, "no row where there must be one: " + sql};
  return rows.integer(0);
}

// ---- Transaction

Result<Transaction> Transaction::begin(Connection& connection, Mode mode) {
  TRY(connection.begin(mode));
  return Transaction(&connection);
}

Transaction::~Transaction() {
  if (connection_) static_cast<void>(connection_->run("ROLLBACK"));
}

Result<> Transaction::commit() {
  // A COMMIT that fails has rolled back.
  TRY(std::exchange(connection_, nullptr)->run("COMMIT"));
  return {};
}

// ---- Appender

Result<Appender> Appender::open(Connection& connection, const char* table) {
  return Appender(TRY(connection.append_to(table)));
}

Appender& Appender::integer(int64_t value) { return sink_->integer(value), *this; }
Appender& Appender::boolean(bool value) { return sink_->boolean(value), *this; }
Appender& Appender::real(float value) { return sink_->real(value), *this; }
Appender& Appender::text(std::string_view value) { return sink_->text(to_utf8(value)), *this; }
Appender& Appender::blob(Blob value) { return sink_->blob(value), *this; }
Appender& Appender::floats(std::span<const float> values) { return sink_->floats(values), *this; }
Appender& Appender::null() { return sink_->null(), *this; }

// ---- Database

bool Database::is_server(std::string_view where) {
  return where.starts_with("postgresql://") || where.starts_with("postgres://");
}

Result<std::unique_ptr<Database>> Database::open(const std::string& where, Access access) {
  return is_server(where) ? open_postgresql(where, access) : open_duckdb(where, access);
}

Result<Database::Lease> Database::lease() {
  {
    Lock lock(mu_);
    if (!idle_.empty()) {
      Lease lease(idle_.back().release(), Return{this});
      idle_.pop_back();
      return lease;
    }
  }
  return Lease(TRY(connect()).release(), Return{this});
}

void Database::give_back(Connection* connection) {
  std::unique_ptr<Connection> owned(connection);
  if (owned->is_broken()) return;
  Lock lock(mu_);
  idle_.push_back(std::move(owned));
}

void Database::drop_idle() {
  Lock lock(mu_);
  idle_.clear();
}

}  // namespace mimeme::sql
