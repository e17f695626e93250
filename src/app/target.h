// How users name an image: by its number, or by its file.
#ifndef MIMEME_APP_TARGET_H_
#define MIMEME_APP_TARGET_H_

#include <array>
#include <filesystem>
#include <optional>
#include <string>

#include "engine/library.h"

namespace mimeme {

// A number, unless there is a file of that name.
std::optional<ImageId> as_image_id(const std::string& text);

// How the catalog may know a file: as it was walked, or with its links resolved.
std::array<std::filesystem::path, 2> catalog_paths(const std::string& file);

// kNotFound says what is not in the library.
Result<ImageId> find_image(Library& library, const std::string& target);

}  // namespace mimeme

#endif  // MIMEME_APP_TARGET_H_
