// PostgreSQL behind sql.h, through libpq; values and rows in its binary format
// (https://www.postgresql.org/docs/15/protocol-overview.html#PROTOCOL-FORMAT-CODES).
#ifndef MIMEME_STORE_POSTGRESQL_H_
#define MIMEME_STORE_POSTGRESQL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/sql.h"

struct pg_conn;  // PGconn and PGresult of libpq-fe.h, which stays in the .cc files
struct pg_result;

namespace mimeme::sql {

// `address`: a connection URI; several hosts in it are tried in turn. What it leaves open comes
// from the environment and the files that libpq knows (PGPASSWORD, ~/.pgpass, pg_service.conf). The
// catalog lives in the first schema of the connection's search_path.
Result<std::unique_ptr<Database>> open_postgresql(const std::string& address,
                                                  Database::Access access);

// The format's numbers: the highest byte first.
template <typename Int>
void append_number(std::string& out, Int number) {
  for (int shift = 8 * (static_cast<int>(sizeof(Int)) - 1); shift >= 0; shift -= 8)
    out += static_cast<char>(static_cast<uint64_t>(number) >> shift);
}
template <typename Int>
Int read_number(std::string_view bytes) {  // at their beginning
  uint64_t number = 0;
  for (size_t i = 0; i < sizeof(Int); ++i) number = number << 8 | static_cast<uint8_t>(bytes[i]);
  return static_cast<Int>(number);
}

// pgvector's halfvec_recv(), which takes only what is finite: zeros instead, then.
void append_halfvec(std::string& out, std::span<const float> values);

// Types that PostgreSQL numbers the same everywhere (pg_type.dat).
enum PgType : uint32_t {
  kPgUnknown = 0,  // the server knows by the place
  kPgBytea = 17,
  kPgInt8 = 20,
  kPgText = 25,
  kPgFloat4 = 700,
  kPgInt8Array = 1016,
  kPgTextArray = 1009,
  kPgFloat4Array = 1021,
  kPgTimestamp = 1114,
};
// Its timestamps count microseconds since 2000-01-01.
inline constexpr int64_t kPgEpochUs = 946'684'800'000'000;

struct PgResultDeleter {
  void operator()(pg_result* result) const;
};
using PgResult = std::unique_ptr<pg_result, PgResultDeleter>;

class PgConnection : public Connection {
 public:
  // Connects. `name`: for messages; outlives the connection.
  static Result<std::unique_ptr<PgConnection>> open(const std::string& address,
                                                    Database::Access access,
                                                    const std::string& name);
  ~PgConnection() override;

  Dialect dialect() const override { return Dialect::kPostgreSql; }
  Result<Rows> query(const std::string& sql, std::initializer_list<Value> values = {}) override;
  Result<int64_t> run(const std::string& sql, std::initializer_list<Value> values = {}) override;
  std::string transaction_id() const override { return transaction_id_; }
  bool is_broken() const override;
  Result<> begin(Mode mode) override;
  Result<std::unique_ptr<Sink>> append_to(const char* table) override;

  pg_conn* handle() const { return handle_; }
  Error error(const pg_result* result) const;
  // What a statement came to: its result, or the error.
  Result<PgResult> accept(pg_result* result) const;

 private:
  PgConnection(pg_conn* handle, const std::string& name) : handle_(handle), name_(name) {}
  Result<PgResult> execute(const std::string& sql, std::initializer_list<Value> values);

  pg_conn* const handle_;
  const std::string& name_;
  std::string transaction_id_;
  // Name of the prepared statement, by the text it was made of. The program's own texts only: their
  // number is bounded, but for a few more with each new projection.
  std::map<std::string, std::string> prepared_;
};

}  // namespace mimeme::sql

#endif  // MIMEME_STORE_POSTGRESQL_H_
