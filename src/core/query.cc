#include "core/query.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "base/ascii.h"
#include "base/utf8.h"

namespace mimeme {
namespace {

constexpr size_t kMaxBytes = 4096;
constexpr std::string_view kSpace = " \t\n\v\f\r";
constexpr std::array<std::string_view, 7> kTypes = {"jpeg", "png",  "webp", "gif",
                                                    "avif", "heic", "tiff"};

bool is_space(char c) { return kSpace.find(c) != std::string_view::npos; }

// Valid UTF-8, plain double quotes, not too long.
std::string cleaned(std::string_view text) {
  std::string out = to_utf8(text.substr(0, kMaxBytes));
  for (const std::string_view quote : {"“", "”", "„", "‟"})
    for (size_t at = 0; (at = out.find(quote, at)) != std::string::npos;)
      out.replace(at, quote.size(), "\"");
  return out;
}

Error malformed(std::string_view what, std::string_view why) {
  return {ErrorCode::kInvalidArgument, std::string(what) + ": " + std::string(why)};
}

// The digits at the start of `text`, which are taken off it.
std::optional<int64_t> take_integer(std::string_view& text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value < 0) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

std::optional<int64_t> parse_pixels(std::string_view text) {
  const auto value = take_integer(text);
  return text.empty() || lower_ascii(text) == "px" ? value : std::nullopt;
}

// "1500", "1.5MB", "10 kib". At most 15 digits count, so that nothing overflows.
std::optional<int64_t> parse_bytes(std::string_view text) {
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc() || !(value >= 0)) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  struct Unit {
    std::string_view name;
    double bytes;
  };
  constexpr Unit kUnits[] = {{"", 1},       {"b", 1},         {"k", 1e3},         {"kb", 1e3},
                             {"m", 1e6},    {"mb", 1e6},      {"g", 1e9},         {"gb", 1e9},
                             {"kib", 1024}, {"mib", 1048576}, {"gib", 1073741824}};
  const auto* const unit = std::find_if(std::begin(kUnits), std::end(kUnits),
                                        [&](const Unit& u) { return u.name == lower_ascii(text); });
  if (unit == std::end(kUnits) || value * unit->bytes > 1e15) return std::nullopt;
  return static_cast<int64_t>(value * unit->bytes);
}

// 2024, 2024-05 or 2024-05-01: its first day.
std::optional<std::chrono::sys_days> parse_date(std::string_view text) {
  int64_t parts[3] = {0, 1, 1};
  for (int i = 0; i < 3; ++i) {
    const size_t before = text.size();
    const auto value = text.starts_with('-') ? std::nullopt : take_integer(text);
    if (!value || before - text.size() > (i == 0 ? 4 : 2)) return std::nullopt;
    parts[i] = *value;
    if (text.empty()) break;
    if (i == 2 || text[0] != '-') return std::nullopt;
    text.remove_prefix(1);
  }
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(parts[0])),
                                         std::chrono::month(static_cast<unsigned>(parts[1])),
                                         std::chrono::day(static_cast<unsigned>(parts[2])));
  if (parts[0] == 0 || !date.ok()) return std::nullopt;
  return std::chrono::sys_days(date);
}

void add_once(std::vector<std::string>& list, std::string value) {
  if (std::find(list.begin(), list.end(), value) == list.end()) list.push_back(std::move(value));
}

class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  Result<TextQuery> parse() {
    for (;;) {
      const size_t start = rest_.find_first_not_of(kSpace);
      if (start == std::string_view::npos) return std::move(query_);
      rest_.remove_prefix(start);
      const bool minus = rest_[0] == '-' && rest_.size() > 1 && !is_space(rest_[1]);
      if (minus) rest_.remove_prefix(1);
      if (rest_[0] == '"') {
        add_term(take_quoted(), true, minus);
      } else if (!TRY(take_filter(minus))) {
        add_term(take_word(), false, minus);
      }
    }
  }

 private:
  void add_term(std::string_view text, bool is_phrase, bool is_excluded) {
    if (text.find_first_not_of(kSpace) == std::string_view::npos) return;
    query_.terms.push_back(
        {.text = std::string(text), .is_phrase = is_phrase, .is_excluded = is_excluded});
  }

  std::string_view take(size_t size, size_t skip = 0) {
    const auto taken = rest_.substr(0, size);
    rest_.remove_prefix(std::min(rest_.size(), taken.size() + skip));
    return taken;
  }
  std::string_view take_word() { return take(rest_.find_first_of(kSpace)); }
  std::string_view take_quoted() {
    rest_.remove_prefix(1);
    return take(rest_.find('"'), 1);
  }

  // True if a filter stood there.
  Result<bool> take_filter(bool minus) {
    const size_t end = std::min(rest_.find_first_of(":<>="), rest_.size());
    const std::string name = lower_ascii(rest_.substr(0, end));
    const bool is_number = name == "width" || name == "height" || name == "bytes";
    const bool is_named =
        name == "category" || name == "type" || name == "before" || name == "after";
    if (end + 1 >= rest_.size() || is_space(rest_[end + 1])) return false;
    if (is_named ? rest_[end] != ':' : !is_number) return false;
    const std::string_view whole =
        rest_.substr(0, std::min(rest_.find_first_of(kSpace), rest_.size()));
    if (is_number && rest_[end] == ':' &&
        std::string_view("<>=").find(rest_[end + 1]) == std::string_view::npos)
      return malformed(printable(whole), "write " + name + ">=800 or " + name + "<800");

    rest_.remove_prefix(is_number && rest_[end] != ':' ? end : end + 1);
    if (is_number) {
      TRY(add_number(name, minus), printable(whole));
      return true;
    }
    const std::string value(rest_[0] == '"' ? take_quoted() : take_word());
    if (name == "category") {
      if (value.find_first_not_of(kSpace) == std::string::npos)
        return malformed("category", "write a name behind it: category:drake");
      add_once(minus ? query_.excluded_categories : query_.categories, value);
    } else if (name == "type") {
      TRY(add_type(value, minus));
    } else {
      TRY(add_date(name, value, minus));
    }
    return true;
  }

  Result<> add_number(const std::string& name, bool minus) {
    std::string_view word = take_word();
    const std::string_view sign = word.substr(0, word.find_first_not_of("<>="));
    word.remove_prefix(sign.size());
    const bool is_bytes = name == "bytes";
    const auto value = is_bytes ? parse_bytes(word) : parse_pixels(word);
    const std::string example = is_bytes ? "bytes<1MB" : name + ">=800";
    if (minus) return Error{ErrorCode::kInvalidArgument, "turn the sign around, without the minus"};
    if (!value)
      return Error{
          ErrorCode::kInvalidArgument,
          "no number of " + std::string(is_bytes ? "bytes" : "pixels") + "; write " + example};
    NumberRange& range = is_bytes ? query_.bytes : name == "width" ? query_.width : query_.height;
    if (sign == ">=" || sign == "=") range.min = std::max(range.min, *value);
    if (sign == "<=" || sign == "=") range.max = std::min(range.max, *value);
    if (sign == ">") range.min = std::max(range.min, *value == range.max ? *value : *value + 1);
    if (sign == "<") range.max = std::min(range.max, *value - 1);
    if (sign != ">=" && sign != "<=" && sign != "=" && sign != ">" && sign != "<")
      return Error{ErrorCode::kInvalidArgument,
                   "compare with one of < <= = >= >; write " + example};
    return {};
  }

  Result<> add_type(const std::string& value, bool minus) {
    std::string type = lower_ascii(value);
    if (type == "jpg") type = "jpeg";
    if (type == "tif") type = "tiff";
    if (std::find(kTypes.begin(), kTypes.end(), type) == kTypes.end()) {
      std::string all;
      for (const auto known : kTypes) all += (all.empty() ? "" : ", ") + std::string(known);
      return malformed("type:" + printable(value), "no such type; there are " + all);
    }
    add_once(minus ? query_.excluded_types : query_.types, std::move(type));
    return {};
  }

  Result<> add_date(const std::string& name, const std::string& value, bool minus) {
    const auto day = parse_date(value);
    const std::string what = name + ":" + printable(value);
    if (minus)
      return malformed("-" + what, std::string("write ") +
                                       (name == "after" ? "before:" : "after:") + printable(value));
    if (!day) return malformed(what, "no date; write " + name + ":2024-05-01, 2024-05 or 2024");
    if (name == "after")
      query_.added_from = std::max(query_.added_from.value_or(*day), *day);
    else
      query_.added_before = std::min(query_.added_before.value_or(*day), *day);
    return {};
  }

  std::string_view rest_;
  TextQuery query_;
};

std::string to_string(std::chrono::sys_days day) {
  const std::chrono::year_month_day date(day);
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return text;
}

}  // namespace

Result<TextQuery> parse_query(std::string_view text) { return Parser(cleaned(text)).parse(); }

std::string to_string(const TextQuery& query) {
  std::string out;
  const auto add = [&](const std::string& word) { out += (out.empty() ? "" : " ") + word; };
  const auto quoted = [](const std::string& text) {  // one that holds a quote was typed without
    return text.find('"') == std::string::npos ? "\"" + text + "\"" : text;
  };
  for (const TextTerm& term : query.terms)
    add((term.is_excluded ? "-" : "") + (term.is_phrase ? quoted(term.text) : term.text));
  for (const auto& name : query.categories) add("category:" + quoted(name));
  for (const auto& name : query.excluded_categories) add("-category:" + quoted(name));
  for (const auto& type : query.types) add("type:" + type);
  for (const auto& type : query.excluded_types) add("-type:" + type);
  const auto add_range = [&](const std::string& name, const NumberRange& range) {
    if (range.min != NumberRange().min) add(name + ">=" + std::to_string(range.min));
    if (range.max < 0)
      add(name + "<0");
    else if (range.max != NumberRange().max)
      add(name + "<=" + std::to_string(range.max));
  };
  add_range("width", query.width);
  add_range("height", query.height);
  add_range("bytes", query.bytes);
  if (query.added_from) add("after:" + to_string(*query.added_from));
  if (query.added_before) add("before:" + to_string(*query.added_before));
  return out;
}

}  // namespace mimeme
