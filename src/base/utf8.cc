#include "base/utf8.h"

#include <cstdint>

namespace mimeme {
namespace {

constexpr uint32_t kEscape = 0x10FF00;

// Length of the valid UTF-8 sequence at the start of s (RFC 3629: no overlong forms, no
// surrogates), or 0.
size_t sequence_length(std::string_view s) {
  const auto at = [&](size_t i) { return static_cast<uint8_t>(s[i]); };
  const auto tail = [&](size_t i, uint8_t low = 0x80, uint8_t high = 0xBF) {
    return i < s.size() && at(i) >= low && at(i) <= high;
  };
  const uint8_t b = at(0);
  if (b < 0x80) return 1;
  if (b >= 0xC2 && b <= 0xDF) return tail(1) ? 2 : 0;
  if (b >= 0xE0 && b <= 0xEF)
    return tail(1, b == 0xE0 ? 0xA0 : 0x80, b == 0xED ? 0x9F : 0xBF) && tail(2) ? 3 : 0;
  if (b >= 0xF0 && b <= 0xF4)
    return tail(1, b == 0xF0 ? 0x90 : 0x80, b == 0xF4 ? 0x8F : 0xBF) && tail(2) && tail(3) ? 4 : 0;
  return 0;
}

void append_utf8(std::string& out, uint32_t c) {
  out += static_cast<char>(0xF0 | (c >> 18));
  out += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
  out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
  out += static_cast<char>(0x80 | (c & 0x3F));
}

// append(out, byte) stands in for each byte that is not part of valid UTF-8.
template <typename Append>
std::string replace_invalid(std::string_view bytes, Append append) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    // A NUL cannot be in a file name, and databases dislike it in text.
    const size_t n = bytes[0] == '\0' ? 0 : sequence_length(bytes);
    if (n == 0) append(out, static_cast<uint8_t>(bytes[0]));
    out.append(bytes.substr(0, n));
    bytes.remove_prefix(n == 0 ? 1 : n);
  }
  return out;
}

}  // namespace

std::string to_utf8(std::string_view bytes) {
  return replace_invalid(bytes, [](std::string& out, uint8_t b) { append_utf8(out, kEscape + b); });
}

std::string mend_utf8(std::string_view bytes) {
  return replace_invalid(bytes, [](std::string& out, uint8_t) { out += "\xEF\xBF\xBD"; });
}

std::string from_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const bool escaped =
        text.size() >= 4 && text.substr(0, 2) == "\xF4\x8F" && (text[2] & 0xFC) == 0xBC;
    if (escaped) {
      out += static_cast<char>(((text[2] & 0x03) << 6) | (text[3] & 0x3F));
      text.remove_prefix(4);
    } else {
      out += text[0];
      text.remove_prefix(1);
    }
  }
  return out;
}

std::string printable(std::string_view bytes) {
  std::string text = to_utf8(bytes);
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<uint8_t>(text[i]);
    if (c < 0x20 || c == 0x7F) text[i] = '?';
    // U+0080..U+009F in two bytes.
    if (c == 0xC2 && static_cast<uint8_t>(text[i + 1]) < 0xA0) text.replace(i, 2, "?");
  }
  return text;
}

}  // namespace mimeme
