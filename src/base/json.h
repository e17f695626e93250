// A JSON value (RFC 8259): plain data that manifests are read into and results are written from.
// nlohmann/json does the parsing and the printing, behind this header, because including it costs
// seconds a file.
#ifndef MIMEME_BASE_JSON_H_
#define MIMEME_BASE_JSON_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace mimeme {

class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::vector<std::pair<std::string, Json>>;  // in the order it was written

  Json() = default;                                             // null
  Json(std::nullptr_t) {}                                       // NOLINT: implicit, so that
  Json(bool value) : value_(value) {}                           // NOLINT: {"key", value} works
  Json(int value) : value_(int64_t{value}) {}                   // NOLINT
  Json(int64_t value) : value_(value) {}                        // NOLINT
  Json(size_t value) : value_(static_cast<int64_t>(value)) {}   // NOLINT
  Json(double value) : value_(value) {}                         // NOLINT
  Json(const char* value) : value_(std::string(value)) {}       // NOLINT
  Json(std::string_view value) : value_(std::string(value)) {}  // NOLINT
  Json(std::string value) : value_(std::move(value)) {}         // NOLINT
  Json(Array value) : value_(std::move(value)) {}               // NOLINT
  Json(Object value) : value_(std::move(value)) {}              // NOLINT

  // kCorrupt, with line and column if the text is malformed. Nesting deeper than 64 and duplicate
  // keys are refused.
  static Result<Json> parse(std::string_view text);
  // One line, or indented by `indent` spaces. Bytes that are not UTF-8 become U+FFFD.
  std::string dump(int indent = -1) const;

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  const Array* array() const { return std::get_if<Array>(&value_); }
  const Object* object() const { return std::get_if<Object>(&value_); }
  const std::string* string() const { return std::get_if<std::string>(&value_); }
  const bool* boolean() const { return std::get_if<bool>(&value_); }
  const int64_t* integer() const { return std::get_if<int64_t>(&value_); }
  const double* real() const { return std::get_if<double>(&value_); }

  // The member called `key`, or null if there is none or this is no object.
  const Json& operator[](std::string_view key) const;

  // Typed members, for reading files that people write. kCorrupt: "`key` is missing" or "`key` must
  // be a number".
  Result<std::string> get_string(std::string_view key) const;
  Result<int64_t> get_integer(std::string_view key) const;
  Result<double> get_number(std::string_view key) const;
  Result<std::vector<double>> get_numbers(std::string_view key) const;

 private:
  std::variant<std::monostate, bool, int64_t, double, std::string, Array, Object> value_;
};

}  // namespace mimeme

#endif  // MIMEME_BASE_JSON_H_
