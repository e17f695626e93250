// Bytes as text (RFC 4648, section 4).
#ifndef MIMEME_BASE_BASE64_H_
#define MIMEME_BASE_BASE64_H_

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>

namespace mimeme {

inline std::string base64(std::span<const uint8_t> bytes) {
  static constexpr char kSigns[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (; !bytes.empty(); bytes = bytes.subspan(std::min<size_t>(bytes.size(), 3))) {
    const auto at = [&](size_t i) { return i < bytes.size() ? uint32_t{bytes[i]} : 0; };
    const uint32_t three = at(0) << 16 | at(1) << 8 | at(2);
    for (size_t i = 0; i < 4; ++i)
      text += i <= bytes.size() ? kSigns[three >> (18 - 6 * i) & 63] : '=';
  }
  return text;
}

}  // namespace mimeme

#endif  // MIMEME_BASE_BASE64_H_
