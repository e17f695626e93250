// Each image of a library compared with all others: which are the same picture (saved again, made
// larger or smaller, edited), and which are of one template.
//
// Two images are linked if each is found by the other (engine/search.h). One way is not enough: a
// small part of a picture, or one without its words, is found by every picture that has it in it,
// though nobody would give the picture for it. Both ways, either shows at least half of what the
// other does.
//
// Duplicates are whatever is linked as the same picture. A part of a picture is not sure of it
// while several have that part; if these are copies of one another, it is compared with the
// likeliest alone. What the user says is another picture (Catalog::not_duplicates()) is never in
// the same group, whatever both have in common with a third.
//
// Families are groups in which most are linked to most, as of the same template at least
// (join_close() in core/groups.h; docs/decisions/0019). What is only copies of one picture is none.
#ifndef MIMEME_ENGINE_COMPARISON_H_
#define MIMEME_ENGINE_COMPARISON_H_

#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "core/groups.h"
#include "engine/library.h"

namespace mimeme {

struct DuplicateImage {
  ImageRecord image;
  // To the best of the group; if the two were not found by one another, the least one on the way
  // from image to image that leads there. 1 for the best itself.
  float similarity = 1;
};

// Best copy first, so the rest can go: of more pixels; if they have as many, of more frames; then
// one whose format loses nothing (PNG, TIFF); then of more bytes, as what is saved again and again
// comes to fewer bytes for each pixel; then the one that was added first.
struct DuplicateGroup {
  std::vector<DuplicateImage> images;  // at least two
};

struct DuplicatePage {
  std::vector<DuplicateGroup> groups;
  int64_t total = 0;  // groups on all pages
  ImageId next = 0;   // where the next page begins; 0: nowhere
};

struct FamilyImage {
  ImageRecord image;
  std::string category;  // what the user named; empty: nothing yet
};

// A family in which somebody has no category.
struct UnnamedFamily {
  std::vector<FamilyImage> images;  // by number; two different pictures at least
  std::string name;                 // what most bear of those that bear one; empty: none does
};

struct UnnamedPage {
  std::vector<UnnamedFamily> groups;
  int64_t total = 0;  // as above
  ImageId next = 0;
};

struct CompareOptions {
  int threads = 1;  // 0: one for each core
  // On the caller's thread.
  std::function<void(int64_t done, int64_t total)> progress = [](int64_t, int64_t) {};
  std::stop_token stop;
};

// What was found in one library since this was made. Comparing takes some 20 ms an image and core,
// so it is done once for each: afterwards only what has come since is compared, with what it finds,
// and what has gone is passed over.
//
// Threads: every method may be called from any thread; of two that compare at a time, both do all
// of the work. REQUIRES: the library outlives it.
class Comparison {
 public:
  explicit Comparison(Library& library) : library_(library) {}

  // Compares the images that were not yet, all if the library has got another projection. Nothing
  // is decoded: images whose details are not known yet (learn_words()) are compared by their
  // vectors, and again when they are, and when their words are. kCancelled after a stop: what was
  // compared is kept.
  Result<> compare(const CompareOptions& options);
  // How many images were compared by their vectors only.
  int64_t count_rough() const;
  // How many images compare() would compare now.
  Result<int64_t> count_waiting() const;

  // Both by the least number of their images; those after `after`, at most `limit`.
  Result<DuplicatePage> duplicates(ImageId after, int limit) const;
  Result<UnnamedPage> unnamed_families(ImageId after, int limit) const;
  // The family that the image is of, whether named or not; empty if it is of none.
  Result<std::vector<ImageId>> family_of(ImageId id) const;

 private:
  // What an image was compared by, at most; each with those before.
  enum class Depth { kEmbedding, kDetails, kWords };
  struct Found {
    ProjectionId generation = 0;
    Links hits;  // of the same template at least, as found by each image; each by number
    std::unordered_map<ImageId, Depth> seen;  // images that were compared
  };

  Result<std::vector<ImageId>> waiting() const;
  Result<> compare_waiting(const CompareOptions& options, ProjectionId generation);
  // ids: sorted.
  Result<> compare(std::span<const ImageId> ids, const CompareOptions& options, int64_t before,
                   int64_t total);
  Result<> settle(const std::stop_token& stop);
  // Pairs found both ways, with the lesser similarity, from `least` on; only of images that are
  // still there.
  Result<Links> mutual(float least) const;
  Result<ImagePairs> apart() const;
  Result<Groups> families() const;

  Library& library_;
  mutable Mutex mu_;
  Found found_ GUARDED_BY(mu_);
};

}  // namespace mimeme

#endif  // MIMEME_ENGINE_COMPARISON_H_
