#include <duckdb.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "store/duckdb.h"

namespace mimeme::sql {
namespace {

// A chunk (2,048 rows) at a time.
class DuckDbSink : public Connection::Sink {
 public:
  static Result<std::unique_ptr<Sink>> open(DuckDbConnection& connection, const char* table) {
    auto sink = std::make_unique<DuckDbSink>(connection);
    if (duckdb_appender_create(connection.handle(), nullptr, table, &sink->appender_) !=
        DuckDBSuccess)
      return sink->error();
    sink->columns_ = duckdb_appender_column_count(sink->appender_);
    std::vector<duckdb_logical_type> types;
    for (idx_t i = 0; i < sink->columns_; ++i)
      types.push_back(duckdb_appender_column_type(sink->appender_, i));
    sink->chunk_ = duckdb_create_data_chunk(types.data(), types.size());
    for (auto& type : types) duckdb_destroy_logical_type(&type);
    tsan::acquire();
    return std::unique_ptr<Sink>(std::move(sink));
  }

  explicit DuckDbSink(DuckDbConnection& connection) : connection_(connection) {}
  ~DuckDbSink() override {
    tsan::release();
    duckdb_destroy_data_chunk(&chunk_);
    duckdb_appender_destroy(&appender_);
  }

  void integer(int64_t value) override {
    static_cast<int64_t*>(duckdb_vector_get_data(next_vector()))[row_] = value;
  }
  void boolean(bool value) override {
    static_cast<bool*>(duckdb_vector_get_data(next_vector()))[row_] = value;
  }
  void real(float value) override {
    static_cast<float*>(duckdb_vector_get_data(next_vector()))[row_] = value;
  }
  void text(std::string_view utf8) override {
    duckdb_vector_assign_string_element_len(next_vector(), row_, utf8.data(), utf8.size());
  }
  void blob(Blob value) override {
    duckdb_vector_assign_string_element_len(
        next_vector(), row_, reinterpret_cast<const char*>(value.data()), value.size());
  }
  void floats(std::span<const float> values) override {
    const auto child = duckdb_array_vector_get_child(next_vector());
    auto* const all = static_cast<float*>(duckdb_vector_get_data(child));
    std::copy(values.begin(), values.end(), all + row_ * values.size());
  }
  void null() override {
    const auto vector = next_vector();
    duckdb_vector_ensure_validity_writable(vector);
    duckdb_validity_set_row_invalid(duckdb_vector_get_validity(vector), row_);
  }

  Result<> end_row() override {
    assert(column_ == columns_);
    column_ = 0;
    if (++row_ == duckdb_vector_size()) return append_chunk();
    return {};
  }
  Result<> close() override {
    if (row_ > 0) TRY(append_chunk());
    if (duckdb_appender_close(appender_) != DuckDBSuccess) return error();
    return {};
  }

 private:
  Error error() {
    duckdb_error_data data = duckdb_appender_error_data(appender_);
    Error translated = connection_.error(duckdb_error_data_message(data));
    duckdb_destroy_error_data(&data);
    return translated;
  }
  duckdb_vector next_vector() {
    assert(column_ < columns_);
    return duckdb_data_chunk_get_vector(chunk_, column_++);
  }
  Result<> append_chunk() {
    tsan::release();
    duckdb_data_chunk_set_size(chunk_, row_);
    if (duckdb_append_data_chunk(appender_, chunk_) != DuckDBSuccess) return error();
    duckdb_data_chunk_reset(chunk_);
    tsan::acquire();
    row_ = 0;
    return {};
  }

  DuckDbConnection& connection_;
  duckdb_appender appender_ = nullptr;
  duckdb_data_chunk chunk_ = nullptr;
  idx_t columns_ = 0;
  idx_t column_ = 0, row_ = 0;
};

}  // namespace

Result<std::unique_ptr<Connection::Sink>> DuckDbConnection::append_to(const char* table) {
  return DuckDbSink::open(*this, table);
}

}  // namespace mimeme::sql
