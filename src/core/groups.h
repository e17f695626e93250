// Images that belong together, from what was found of two at a time. Pure.
#ifndef MIMEME_CORE_GROUPS_H_
#define MIMEME_CORE_GROUPS_H_

#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/types.h"

namespace mimeme {

// To another image. (A Hit says more, and a large library has many of these.)
struct Link {
  ImageId id = 0;
  float similarity = 0;
};
// What is alike: of each image the others. A pair stands at both its images.
using Links = std::unordered_map<ImageId, std::vector<Link>>;

using ImagePairs = std::set<std::pair<ImageId, ImageId>>;  // the lesser first
bool is_in(const ImagePairs& pairs, ImageId a, ImageId b);

// Each of two images or more, by number; the groups by the number of their first.
using Groups = std::vector<std::vector<ImageId>>;

// Whatever is linked, if only by way of others. Links are followed from the most alike on, but for
// those that would bring two into one group that are `apart`.
Groups join_linked(const Links& links, const ImagePairs& apart);

// Groups in which most are linked to most: from the most alike link on, two groups are joined if
// more than half of the pairs between them are linked. So an image that shows two templates, which
// links all of both to itself, does not make one of them (average linkage, with links for
// distances: Sokal and Michener, 1958).
Groups join_close(const Links& links);

}  // namespace mimeme

#endif  // MIMEME_CORE_GROUPS_H_
