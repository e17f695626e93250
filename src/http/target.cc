#include "http/target.h"

#include <algorithm>
#include <charconv>

#include "base/number.h"

namespace mimeme {
namespace {

// kBlank: "+" means a blank.
enum class Plus { kPlus, kBlank };
Result<std::string> decoded(std::string_view text, Plus plus) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      unsigned byte = 0;
      const char* const first = text.data() + i + 1;
      if (text.size() - i < 3 || std::from_chars(first, first + 2, byte, 16).ptr != first + 2)
        return Error{ErrorCode::kInvalidArgument,
                     "a % in the address must be followed by two hexadecimal digits"};
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += text[i] == '+' && plus == Plus::kBlank ? ' ' : text[i];
    }
  }
  return out;
}

// Calls part(piece) for each piece between separators.
template <typename F>
Result<> split(std::string_view text, char separator, const F& part) {
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    if (end > 0) TRY(part(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

}  // namespace

Result<HttpTarget> parse_target(std::string_view target) {
  if (!target.starts_with('/'))
    return Error{ErrorCode::kInvalidArgument, "the address must begin with /"};
  target = target.substr(0, target.find('#'));
  const size_t mark = std::min(target.find('?'), target.size());
  HttpTarget parsed;
  TRY(split(target.substr(0, mark), '/', [&](std::string_view segment) -> Result<> {
    parsed.path.push_back(TRY(decoded(segment, Plus::kPlus)));
    return {};
  }));
  if (mark < target.size())
    TRY(split(target.substr(mark + 1), '&', [&](std::string_view pair) -> Result<> {
      const size_t equals = std::min(pair.find('='), pair.size());
      std::string name = TRY(decoded(pair.substr(0, equals), Plus::kBlank));
      parsed.query.emplace_back(
          std::move(name),
          TRY(decoded(pair.substr(std::min(equals + 1, pair.size())), Plus::kBlank)));
      return {};
    }));
  return parsed;
}

std::string HttpTarget::get(std::string_view name) const {
  for (const auto& [key, value] : query)
    if (key == name) return value;
  return "";
}

Result<int64_t> HttpTarget::get_integer(std::string_view name, int64_t otherwise, int64_t least,
                                        int64_t most) const {
  const std::string text = get(name);
  if (text.empty()) return otherwise;
  const auto n = parse_number<int64_t>(text);
  if (!n || *n < least || *n > most)
    return Error{ErrorCode::kInvalidArgument,
                 "`" + std::string(name) + "` must be a whole number from " +
                     std::to_string(least) + " to " + std::to_string(most)};
  return *n;
}

Result<double> HttpTarget::get_share(std::string_view name) const {
  const std::string text = get(name);
  if (text.empty()) return 0.0;
  const auto n = parse_number<double>(text);
  if (!n || !(*n >= 0 && *n <= 1))
    return Error{ErrorCode::kInvalidArgument,
                 "`" + std::string(name) + "` must be a number from 0 to 1"};
  return *n;
}

}  // namespace mimeme
