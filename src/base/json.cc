#include "base/json.h"

#include <nlohmann/json.hpp>

namespace mimeme {
namespace {

using Vendor = nlohmann::ordered_json;

constexpr size_t kMaxDepth = 64;

// Builds our value directly from the parser's events, so that depth and keys are checked on the
// way.
class Builder : public nlohmann::json_sax<Vendor> {
 public:
  Json root;
  std::string problem;
  size_t position = 0;

  bool null() override { return put(Json()); }
  bool boolean(bool v) override { return put(v); }
  bool number_integer(int64_t v) override { return put(v); }
  bool number_unsigned(uint64_t v) override {
    return v > INT64_MAX ? put(static_cast<double>(v)) : put(static_cast<int64_t>(v));
  }
  bool number_float(double v, const std::string&) override { return put(v); }
  bool string(std::string& v) override { return put(std::move(v)); }
  bool binary(Vendor::binary_t&) override { return false; }
  bool start_object(size_t) override { return open(true); }
  bool start_array(size_t) override { return open(false); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& name) override {
    for (const auto& member : open_.back().members)
      if (member.first == name) return fail("duplicate key `" + name + "`");
    open_.back().key = std::move(name);
    return true;
  }
  bool parse_error(size_t at, const std::string&, const nlohmann::detail::exception&) override {
    position = at;
    return fail("malformed JSON");
  }

 private:
  struct Open {
    bool is_object = false;
    std::string key;
    Json::Object members;
    Json::Array items;
  };

  bool fail(std::string why) {
    problem = std::move(why);
    return false;
  }
  bool put(Json value) {
    if (open_.empty()) {
      root = std::move(value);
    } else if (open_.back().is_object) {
      open_.back().members.emplace_back(std::move(open_.back().key), std::move(value));
    } else {
      open_.back().items.push_back(std::move(value));
    }
    return true;
  }
  bool open(bool is_object) {
    if (open_.size() == kMaxDepth) return fail("nested too deeply");
    open_.emplace_back().is_object = is_object;
    return true;
  }
  bool close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    return done.is_object ? put(std::move(done.members)) : put(std::move(done.items));
  }

  std::vector<Open> open_;
};

Vendor to_vendor(const Json& json) {
  if (const auto* v = json.boolean()) return *v;
  if (const auto* v = json.integer()) return *v;
  if (const auto* v = json.real()) return *v;
  if (const auto* v = json.string()) return *v;
  if (const auto* items = json.array()) {
    Vendor out = Vendor::array();
    for (const Json& item : *items) out.push_back(to_vendor(item));
    return out;
  }
  if (const auto* members = json.object()) {
    Vendor out = Vendor::object();
    for (const auto& [key, value] : *members) out[key] = to_vendor(value);
    return out;
  }
  return nullptr;
}

Error wrong(std::string_view key, const Json& value, const char* kind) {
  const std::string name = "`" + std::string(key) + "`";
  return {ErrorCode::kCorrupt, value.is_null() ? name + " is missing" : name + " must be " + kind};
}

std::optional<double> as_number(const Json& value) {
  if (const auto* integer = value.integer()) return static_cast<double>(*integer);
  if (const auto* real = value.real()) return *real;
  return std::nullopt;
}

}  // namespace

Result<Json> Json::parse(std::string_view text) {
  Builder builder;
  if (Vendor::sax_parse(text.begin(), text.end(), &builder)) return std::move(builder.root);
  std::string where;
  if (builder.position > 0) {
    const std::string_view before = text.substr(0, std::min(builder.position, text.size()));
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const auto column = builder.position - (before.find_last_of('\n') + 1);
    where = " at line " + std::to_string(line) + ", column " + std::to_string(column);
  }
  return Error{ErrorCode::kCorrupt, builder.problem + where};
}

std::string Json::dump(int indent) const {
  return to_vendor(*this).dump(indent, ' ', false, Vendor::error_handler_t::replace);
}

const Json& Json::operator[](std::string_view key) const {
  static const Json kNull;
  if (const auto* members = object())
    for (const auto& [name, value] : *members)
      if (name == key) return value;
  return kNull;
}

Result<std::string> Json::get_string(std::string_view key) const {
  const Json& value = (*this)[key];
  if (const auto* text = value.string()) return *text;
  return wrong(key, value, "a string");
}

Result<int64_t> Json::get_integer(std::string_view key) const {
  const Json& value = (*this)[key];
  if (const auto* integer = value.integer()) return *integer;
  return wrong(key, value, "a whole number");
}

Result<double> Json::get_number(std::string_view key) const {
  const Json& value = (*this)[key];
  if (const auto number = as_number(value)) return *number;
  return wrong(key, value, "a number");
}

Result<std::vector<double>> Json::get_numbers(std::string_view key) const {
  const Json& value = (*this)[key];
  std::vector<double> numbers;
  if (const auto* items = value.array()) {
    for (const Json& item : *items)
      if (const auto number = as_number(item)) numbers.push_back(*number);
    if (numbers.size() == items->size()) return numbers;
  }
  return wrong(key, value, "a list of numbers");
}

}  // namespace mimeme
