#include <libpq-fe.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <utility>
#include <vector>

#include "core/half.h"
#include "store/postgresql.h"

namespace mimeme::sql {
namespace {

// COPY … FROM STDIN (FORMAT binary): https://www.postgresql.org/docs/15/sql-copy.html
class PgSink : public Connection::Sink {
 public:
  PgSink(PgConnection& connection, std::vector<Oid> types)
      : connection_(connection), types_(std::move(types)) {
    buffer_.assign("PGCOPY\n\377\r\n\0", 11);
    append_number<int32_t>(buffer_, 0);  // flags
    append_number<int32_t>(buffer_, 0);  // length of more head
  }
  ~PgSink() override {
    if (!is_open_) return;
    PQputCopyEnd(connection_.handle(), "given up");
    static_cast<void>(finish());
  }

  void integer(int64_t value) override {
    append_number<int32_t>(next_field(), sizeof value);
    append_number(buffer_, types_[column_ - 1] == kPgTimestamp ? value - kPgEpochUs : value);
  }
  void boolean(bool value) override {
    append_number<int32_t>(next_field(), sizeof value);
    append_number<int8_t>(buffer_, value ? 1 : 0);
  }
  void real(float value) override {
    append_number<int32_t>(next_field(), sizeof value);
    append_number(buffer_, std::bit_cast<uint32_t>(value));
  }
  void text(std::string_view utf8) override {
    append_number(next_field(), static_cast<int32_t>(utf8.size()));
    buffer_ += utf8;
  }
  void blob(Blob value) override {
    append_number(next_field(), static_cast<int32_t>(value.size()));
    buffer_.append(reinterpret_cast<const char*>(value.data()), value.size());
  }
  void floats(std::span<const float> values) override {
    std::string& out = next_field();
    const auto n = static_cast<int32_t>(values.size());
    if (types_[column_ - 1] == kPgFloat4Array) {  // array_recv()
      append_number<int32_t>(out, 20 + 8 * n);
      append_number<int32_t>(out, 1);
      append_number<int32_t>(out, 0);
      append_number<uint32_t>(out, kPgFloat4);
      append_number(out, n);
      append_number<int32_t>(out, 1);
      for (const float value : values) {
        append_number<int32_t>(out, sizeof value);
        append_number(out, std::bit_cast<uint32_t>(value));
      }
      return;
    }
    append_number<int32_t>(out, 4 + 2 * n);
    append_halfvec(out, values);  // of what is not finite check() finds the embedding
  }
  void null() override { append_number<int32_t>(next_field(), -1); }

  Result<> end_row() override {
    assert(column_ == types_.size());
    column_ = 0;
    constexpr size_t kEnough = 1 << 16;
    return buffer_.size() < kEnough ? Result<>() : send();
  }
  Result<> close() override {
    append_number<int16_t>(buffer_, -1);
    TRY(send());
    is_open_ = false;
    if (PQputCopyEnd(connection_.handle(), nullptr) != 1) return connection_.error(nullptr);
    return finish();
  }

 private:
  std::string& next_field() {
    assert(column_ < types_.size());
    if (column_++ == 0) append_number(buffer_, static_cast<int16_t>(types_.size()));
    return buffer_;
  }
  Result<> send() {
    if (PQputCopyData(connection_.handle(), buffer_.data(), static_cast<int>(buffer_.size())) != 1)
      return connection_.error(nullptr);
    buffer_.clear();
    return {};
  }
  // What the server says of the whole.
  Result<> finish() {
    is_open_ = false;
    Result<> outcome;
    while (PGresult* const result = PQgetResult(connection_.handle()))
      if (auto accepted = connection_.accept(result); !accepted && outcome)
        outcome = std::move(accepted).error();
    return outcome;
  }

  PgConnection& connection_;
  const std::vector<Oid> types_;
  std::string buffer_;
  size_t column_ = 0;
  bool is_open_ = true;
};

}  // namespace

void append_halfvec(std::string& out, std::span<const float> values) {
  std::vector<Half> halves = to_half(values);
  const auto is_finite = [](Half half) { return (half & 0x7C00U) != 0x7C00U; };
  if (!std::ranges::all_of(halves, is_finite)) std::ranges::fill(halves, Half{0});
  append_number(out, static_cast<int16_t>(halves.size()));
  append_number<int16_t>(out, 0);
  for (const Half half : halves) append_number(out, half);
}

Result<std::unique_ptr<Connection::Sink>> PgConnection::append_to(const char* table) {
  // The binary format does not convert: how a value is written depends on the column's type.
  Rows rows = TRY(query(
      "SELECT atttypid::BIGINT FROM pg_attribute WHERE attrelid = to_regclass(?) AND attnum > 0 "
      "AND NOT attisdropped ORDER BY attnum",
      {std::string_view(table)}));
  std::vector<Oid> types;
  while (rows.next()) types.push_back(static_cast<Oid>(rows.integer(0)));
  const std::string sql = std::string("COPY ") + table + " FROM STDIN (FORMAT binary)";
  TRY(accept(PQexec(handle_, sql.c_str())));
  return std::unique_ptr<Sink>(std::make_unique<PgSink>(*this, std::move(types)));
}

}  // namespace mimeme::sql
