// Everyday words for what ImageNet's classes show. Internal to model/.
#ifndef MIMEME_MODEL_KINDS_H_
#define MIMEME_MODEL_KINDS_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mimeme {

// A word, and the classes that show what it names, by their index.
struct Kind {
  std::string name;
  std::vector<size_t> classes;
};

// The words mimeme knows, as text: kinds.cc says how to read it.
std::string_view kind_table();

// Reads such a table; `labels` are the names of the classes, in their order. kUnsupported if a name
// of the table is not among them: they are not ImageNet's.
Result<std::vector<Kind>> parse_kinds(std::string_view table, std::span<const std::string> labels);

}  // namespace mimeme

#endif  // MIMEME_MODEL_KINDS_H_
