// Families name themselves: what looks like an image whose category the user has told is suggested
// the same one.
#ifndef MIMEME_ENGINE_CATEGORIES_H_
#define MIMEME_ENGINE_CATEGORIES_H_

#include <cstdint>
#include <span>

#include "engine/library.h"

namespace mimeme {

// Suggests the category of each of `named` to the images around it that have none; one that has no
// vector (yet) has none around it. Returns how many suggestions were made. REQUIRES: the library is
// open for writing.
Result<int64_t> suggest_categories(Library& library, std::span<const ImageId> named);

// The other way round: to each image that has neither category nor suggestion, and whose words have
// changed after `seq` (a new one's have), that of the most alike which has one.
Result<int64_t> suggest_categories_since(Library& library, int64_t seq);

}  // namespace mimeme

#endif  // MIMEME_ENGINE_CATEGORIES_H_
