// What the user says of an image. Blanks at either end do not count. Afterwards embed_texts()
// (engine/words.h) lets search follow. REQUIRES: the library is open for writing.
#ifndef MIMEME_ENGINE_EDIT_H_
#define MIMEME_ENGINE_EDIT_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/library.h"

namespace mimeme {

// An empty text takes the user's description back. kNotFound.
Result<> describe(Library& library, ImageId id, const std::string& text);

// Names the image's family, and suggests the name to what looks alike; returns to how many. An
// empty name takes it away. What was suggested after the last image of a name goes with it.
// kNotFound.
Result<int64_t> name_category(Library& library, ImageId id, const std::string& name);

// Gives the name to those of these images that have no category of their own, all at once, and
// suggests it to what looks like one of them. Returns which have got it. kInvalidArgument: the name
// is empty.
Result<std::vector<ImageId>> name_family(Library& library, std::span<const ImageId> ids,
                                         const std::string& name);

}  // namespace mimeme

#endif  // MIMEME_ENGINE_EDIT_H_
