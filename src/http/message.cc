#include "http/message.h"

#include <strings.h>

#include <algorithm>

namespace mimeme {

std::string HttpRequest::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (key.size() == name.size() && strncasecmp(key.data(), name.data(), name.size()) == 0)
      return value;
  return "";
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> split_list(std::string_view field, char separator) {
  std::vector<std::string_view> members;
  for (size_t at = 0; at <= field.size();) {
    const size_t end = std::min(field.find(separator, at), field.size());
    members.push_back(trimmed(field.substr(at, end - at)));
    at = end + 1;
  }
  return members;
}

}  // namespace mimeme
