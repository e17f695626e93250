// A library as plain files, for other programs and other machines. docs/format.md specifies them.
#ifndef MIMEME_ENGINE_TRANSFER_H_
#define MIMEME_ENGINE_TRANSFER_H_

#include <functional>
#include <string>
#include <vector>

#include "engine/library.h"

namespace mimeme {

// What was written, or what was really added: an image (or embedding) that an import finds known
// does not count.
struct TransferSummary {
  int64_t images = 0;
  int64_t embeddings = 0;
};

using TransferProgress = std::function<void(int64_t done, int64_t total)>;

// Writes images.jsonl (one image a line), embeddings.npy (NumPy: float16, images × dim, in the
// order of the lines that say "embedded": true) and library.json into a folder that is empty or not
// there. kInvalidArgument if it holds anything. Cut short, it leaves a folder without library.json,
// which read_export refuses.
Result<TransferSummary> export_library(Library& library, const std::string& folder,
                                       const TransferProgress& progress);

// An export that was found whole.
struct Export {
  std::string folder;
  std::vector<std::string> roots;  // the folders that were added to the library
  ModelRecord model;               // dim 0: the library had none
  int64_t images = 0;              // lines of images.jsonl
  int64_t embeddings = 0;          // rows of embeddings.npy
};

// Reads an export from end to end. kNotFound if a file is missing, kConflict if a newer mimeme
// wrote it; kCorrupt, naming file and line, if the files do not agree to the byte or a number is
// not finite.
Result<Export> read_export(const std::string& folder, const TransferProgress& progress);

// Adds what an export holds: its folders, its images, and what the user has said of them; images
// that are known, and what was said of an image here, are left as they are. Nothing is decoded:
// files are taken to be where they were, and the next `add` compares their bytes. An image that was
// exported without an embedding is left out: the next `add` finds its file. kConflict, with nothing
// changed, if the library's vectors are of another model than the export's. Cut short, what was
// committed stays, and the same import can be repeated.
Result<TransferSummary> import_library(Library& library, const Export& from,
                                       const TransferProgress& progress);

}  // namespace mimeme

#endif  // MIMEME_ENGINE_TRANSFER_H_
