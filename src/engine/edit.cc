#include "engine/edit.h"

#include "engine/categories.h"

namespace mimeme {
namespace {

// Blanks alone say nothing.
std::string trimmed(const std::string& text) {
  const auto* const kBlanks = " \t\r\n";
  const size_t first = text.find_first_not_of(kBlanks);
  return first == std::string::npos
             ? ""
             : text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace

Result<> describe(Library& library, ImageId id, const std::string& text) {
  return library.catalog().describe(id, trimmed(text));
}

Result<int64_t> name_category(Library& library, ImageId id, const std::string& name) {
  const std::string category = trimmed(name);
  TRY(library.catalog().set_category(id, category));
  if (category.empty()) return 0;
  return suggest_categories(library, {&id, 1});
}

Result<std::vector<ImageId>> name_family(Library& library, std::span<const ImageId> ids,
                                         const std::string& name) {
  const std::string category = trimmed(name);
  if (category.empty()) return Error{ErrorCode::kInvalidArgument, "a family's name says something"};
  auto named = TRY(library.catalog().name_unnamed(ids, category));
  TRY(suggest_categories(library, named));
  return named;
}

}  // namespace mimeme
