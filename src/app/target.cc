#include "app/target.h"

#include "base/number.h"

namespace mimeme {
namespace fs = std::filesystem;

std::optional<ImageId> as_image_id(const std::string& text) {
  const auto id = parse_number<ImageId>(text);
  return id && !fs::exists(text) ? id : std::nullopt;
}

std::array<fs::path, 2> catalog_paths(const std::string& file) {
  std::error_code ignored;
  const fs::path walked = fs::absolute(file, ignored).lexically_normal();
  return {walked, fs::weakly_canonical(walked, ignored)};
}

Result<ImageId> find_image(Library& library, const std::string& target) {
  if (const auto id = as_image_id(target)) return TRY(library.catalog().image(*id)).id;
  for (const fs::path& path : catalog_paths(target))
    if (const auto id = TRY(library.catalog().image_by_path(path))) return *id;
  return Error{ErrorCode::kNotFound, target + ": not in the library"};
}

}  // namespace mimeme
