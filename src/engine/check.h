// Verifying a library, and mending what is derived.
#ifndef MIMEME_ENGINE_CHECK_H_
#define MIMEME_ENGINE_CHECK_H_

#include <functional>
#include <string>
#include <vector>

#include "engine/library.h"

namespace mimeme {

struct CheckOptions {
  // Read every original again and compare its SHA-256 (slow: all bytes of the library).
  bool read_originals = false;
  // Told how far each pass is: "checking the vector index", "checking originals".
  std::function<void(const char* what, int64_t done, int64_t total)> progress =
      [](const char*, int64_t, int64_t) {};
};

struct CheckReport {
  std::vector<std::string> problems;  // what could not be mended
  // What was wrong and has been made again, or forgotten for the next `mimeme add` to find anew.
  std::vector<std::string> repaired;
  // Originals that are gone or have changed: `mimeme add` brings the library up to date.
  std::vector<std::string> notes;
  int64_t images = 0;
  int64_t vectors = 0;
  int64_t texts = 0;
  int64_t meanings = 0;  // embeddings of texts
  int64_t details = 0;   // images whose details are known
  bool clean() const { return problems.empty() && repaired.empty(); }
};

// Catalog invariants (raw embeddings too: in full and finite), reduced vectors, the indexes of
// vectors, texts and meanings row by row against the catalog, details of pictures, the model's
// checksum, and the originals. REQUIRES: the library is open for writing.
Result<CheckReport> check(Library& library, const CheckOptions& options);

}  // namespace mimeme

#endif  // MIMEME_ENGINE_CHECK_H_
