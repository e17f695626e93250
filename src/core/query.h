// What a user types into the search box → what is looked for.
//
//     on the table            words, in any order; the more of them an image has, the higher it
//     ranks "on the table"          a phrase: these words, one after the other -cat -"grumpy cat"
//     not with this word or phrase category:drake          only of this category; category:"two
//     words"; several: any of them type:png                only files of this type; several: any of
//     them -category:x -type:gif   not of this category, not of this type width>=800 height<600
//     pixels; also = <= > bytes<1MB               size of the file; B, kB, MB, GB are powers of
//     1000, KiB, MiB, GiB of 1024 after:2024-05-01        added on that day (UTC) or later; 2024-05
//     and 2024 mean their first day before:2025             added before that day
//
// Names of filters and types may be in capitals. What is no filter is words: "note: this", "type:
// a". Typographic quotes are quotes; one that is not closed reaches to the end. Of a longer text
// the first 4096 bytes count. Pure; safe from any thread.
#ifndef MIMEME_CORE_QUERY_H_
#define MIMEME_CORE_QUERY_H_

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mimeme {

struct TextTerm {
  std::string text;  // valid UTF-8, not empty, as it was typed
  bool is_phrase = false;
  bool is_excluded = false;
  bool operator==(const TextTerm&) const = default;
};

// Both ends belong to it.
struct NumberRange {
  int64_t min = 0;
  int64_t max = std::numeric_limits<int64_t>::max();
  bool holds(int64_t value) const { return min <= value && value <= max; }
  bool operator==(const NumberRange&) const = default;
};

struct TextQuery {
  std::vector<TextTerm> terms;

  std::vector<std::string> categories, excluded_categories;  // as typed
  std::vector<std::string> types, excluded_types;            // as ImageInfo::format has them
  NumberRange width, height;                                 // pixels
  NumberRange bytes;
  std::optional<std::chrono::sys_days> added_from, added_before;

  bool operator==(const TextQuery&) const = default;
};

// kInvalidArgument for a filter whose value makes no sense: the message says what to write.
Result<TextQuery> parse_query(std::string_view text);

// In the syntax above: parse_query(to_string(q)) gives q again for every q that it gave.
std::string to_string(const TextQuery& query);

}  // namespace mimeme

#endif  // MIMEME_CORE_QUERY_H_
