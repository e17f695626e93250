// File names are bytes; databases and JSON want UTF-8. These two map any file name to valid UTF-8
// and back without loss: each byte that is not part of valid UTF-8 becomes one code point of the
// private plane, U+10FF00 + byte.
#ifndef MIMEME_BASE_UTF8_H_
#define MIMEME_BASE_UTF8_H_

#include <string>
#include <string_view>

namespace mimeme {

// Pure; safe from any thread. from_utf8(to_utf8(s)) == s for every s that holds no code point above
// U+10FF00 itself.
std::string to_utf8(std::string_view bytes);
std::string from_utf8(std::string_view text);

// Text from somebody who should have sent UTF-8: each byte that is not part of it, and each NUL,
// becomes U+FFFD. What was there is lost.
std::string mend_utf8(std::string_view bytes);

// A byte that does not begin a character of valid UTF-8.
constexpr bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

// As it may be shown on a terminal or in a log: valid UTF-8, no control characters.
std::string printable(std::string_view bytes);

}  // namespace mimeme

#endif  // MIMEME_BASE_UTF8_H_
