// A library as plain files, for other programs and other machines. docs/format.md specifies them.
#ifndef MIMEME_ENGINE_TRANSFER_H_
#define MIMEME_ENGINE_TRANSFER_H_

#include <functional>
#include <string>

#include "engine/library.h"

namespace mimeme {

struct TransferSummary {
  int64_t images = 0;
  int64_t embeddings = 0;
};

using TransferProgress = std::function<void(int64_t done, int64_t total)>;

// Writes images.jsonl (one image a line), embeddings.npy (NumPy: float16, images × dim, in the
// order of the lines that say "embedded": true) and library.json into a folder that is empty or not
// there. kInvalidArgument if it holds anything.
Result<TransferSummary> export_library(Library& library, const std::string& folder,
                                       const TransferProgress& progress);

// Adds what an export holds; images that are known are left as they are. Nothing is decoded: files
// are taken to be where they were, and the next `add` compares their bytes. An image that was
// exported without an embedding is left out: the next `add` finds its file. kCorrupt names file and
// line; kConflict if the library's vectors are of another model than the export's.
Result<TransferSummary> import_library(Library& library, const std::string& folder,
                                       const TransferProgress& progress);

}  // namespace mimeme

#endif  // MIMEME_ENGINE_TRANSFER_H_
