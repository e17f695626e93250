// A text that is a number and nothing else.
#ifndef MIMEME_BASE_NUMBER_H_
#define MIMEME_BASE_NUMBER_H_

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace mimeme {

// Decimal, without blanks or a plus before it; whatever the locale. None if there is more than the
// number, or T cannot hold it. A double may be "nan" or "inf". Pure.
template <typename T>
std::optional<T> parse_number(std::string_view text) {
  T n{};
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return n;
}

}  // namespace mimeme

#endif  // MIMEME_BASE_NUMBER_H_
