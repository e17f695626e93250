// Pictures that were sent: the library keeps them itself, in <library>/uploads, one of the folders
// that `add` scans again. Those in other folders it only reads.
#ifndef MIMEME_ENGINE_UPLOADS_H_
#define MIMEME_ENGINE_UPLOADS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "engine/library.h"
#include "engine/thumbnails.h"

namespace mimeme {

struct Uploaded {
  ImageId id = 0;
  bool is_new = true;  // false: the library had these very bytes, and nothing was stored
};

// Thread-safe. REQUIRES: the library is open for writing and outlives it.
class Uploads {
 public:
  Uploads(Library& library, const DecodeLimits& limits);

  // The picture is found from now on by what it looks like and is called; its words are left to
  // learn_words(). `name` is as it was sent: of it only what is harmless becomes the file's.
  // Pictures that come at the same time are committed together. Errors as decode()'s; kIo when the
  // disk is full: then nothing was added. kConflict: the library's model is another than the
  // encoder's. What is committed is stored: if the index cannot follow, the log says so, and the
  // picture is found from the next refresh() on.
  Result<Uploaded> add(const std::string& name, std::span<const uint8_t> bytes,
                       const ImageEncoder& encoder);

  // Takes the image out of the library; a copy in uploads/ goes too. kNotFound.
  Result<> forget(ImageId id, const Thumbnails& thumbnails);

 private:
  // Embedded, to be stored.
  struct Pending {
    IngestResult result;
    std::span<const uint8_t> bytes;
    bool is_new = false;                      // its file was written by this batch
    std::optional<Result<Uploaded>> outcome;  // set when it is done
    bool done = false;
  };

  // Sets outcomes; an error is that of those that have none.
  Result<> store(std::span<Pending* const> batch, ModelId model);
  Result<> derive(int64_t words_before);

  Library& library_;
  const DecodeLimits limits_;
  const std::string directory_;  // absolute, links resolved: as a scan sees it
  Mutex commit_mu_;              // held across the disk: whoever waits for it waits for that anyway
  Mutex pending_mu_;             // for a moment
  std::vector<Pending*> pending_ GUARDED_BY(pending_mu_);
};

// What a file that was sent as `name` is called: its last part, printable, not hidden, no longer
// than file systems take, and with an ending.
std::string upload_name(const std::string& name, const std::string& format);

}  // namespace mimeme

#endif  // MIMEME_ENGINE_UPLOADS_H_
