#include "store/appender.h"

#include <duckdb.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/utf8.h"

namespace mimeme::sql {

struct Appender::State {
  Connection& connection;
  duckdb_appender appender = nullptr;
  duckdb_data_chunk chunk = nullptr;
  idx_t columns = 0;
  idx_t column = 0, row = 0;

  explicit State(Connection& c) : connection(c) {}
  ~State() {
    tsan::release();
    duckdb_destroy_data_chunk(&chunk);
    duckdb_appender_destroy(&appender);
  }

  Error error() {
    duckdb_error_data data = duckdb_appender_error_data(appender);
    Error translated = connection.error(duckdb_error_data_message(data));
    duckdb_destroy_error_data(&data);
    return translated;
  }
  duckdb_vector next_vector() {
    assert(column < columns);
    return duckdb_data_chunk_get_vector(chunk, column++);
  }
  Result<> append_chunk() {
    tsan::release();
    duckdb_data_chunk_set_size(chunk, row);
    if (duckdb_append_data_chunk(appender, chunk) != DuckDBSuccess) return error();
    duckdb_data_chunk_reset(chunk);
    tsan::acquire();
    row = 0;
    return {};
  }
};

Appender::Appender(std::unique_ptr<State> state) : state_(std::move(state)) {}
Appender::Appender(Appender&&) noexcept = default;
Appender::~Appender() = default;

Result<Appender> Appender::open(Connection& connection, const char* table) {
  auto state = std::make_unique<State>(connection);
  if (duckdb_appender_create(connection.handle(), nullptr, table, &state->appender) !=
      DuckDBSuccess)
    return state->error();
  state->columns = duckdb_appender_column_count(state->appender);
  std::vector<duckdb_logical_type> types;
  for (idx_t i = 0; i < state->columns; ++i)
    types.push_back(duckdb_appender_column_type(state->appender, i));
  state->chunk = duckdb_create_data_chunk(types.data(), types.size());
  for (auto& type : types) duckdb_destroy_logical_type(&type);
  tsan::acquire();
  return Appender(std::move(state));
}

Appender& Appender::integer(int64_t value) {
  const auto vector = state_->next_vector();
  static_cast<int64_t*>(duckdb_vector_get_data(vector))[state_->row] = value;
  return *this;
}

Appender& Appender::real(float value) {
  const auto vector = state_->next_vector();
  static_cast<float*>(duckdb_vector_get_data(vector))[state_->row] = value;
  return *this;
}

Appender& Appender::text(std::string_view value) {
  const std::string utf8 = to_utf8(value);
  duckdb_vector_assign_string_element_len(state_->next_vector(), state_->row, utf8.data(),
                                          utf8.size());
  return *this;
}

Appender& Appender::blob(Blob value) {
  duckdb_vector_assign_string_element_len(state_->next_vector(), state_->row,
                                          reinterpret_cast<const char*>(value.data()),
                                          value.size());
  return *this;
}

Appender& Appender::floats(std::span<const float> values) {
  const auto child = duckdb_array_vector_get_child(state_->next_vector());
  auto* const all = static_cast<float*>(duckdb_vector_get_data(child));
  std::copy(values.begin(), values.end(), all + state_->row * values.size());
  return *this;
}

Appender& Appender::null() {
  const auto vector = state_->next_vector();
  duckdb_vector_ensure_validity_writable(vector);
  duckdb_validity_set_row_invalid(duckdb_vector_get_validity(vector), state_->row);
  return *this;
}

Result<> Appender::end_row() {
  assert(state_->column == state_->columns);
  state_->column = 0;
  if (++state_->row == duckdb_vector_size()) return state_->append_chunk();
  return {};
}

Result<> Appender::close() {
  if (state_->row > 0) TRY(state_->append_chunk());
  if (duckdb_appender_close(state_->appender) != DuckDBSuccess) return state_->error();
  return {};
}

}  // namespace mimeme::sql
