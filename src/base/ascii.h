// Letters of ASCII, whatever the locale.
#ifndef MIMEME_BASE_ASCII_H_
#define MIMEME_BASE_ASCII_H_

#include <string>
#include <string_view>

namespace mimeme {

// All other bytes stay. Pure.
inline std::string lower_ascii(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

}  // namespace mimeme

#endif  // MIMEME_BASE_ASCII_H_
