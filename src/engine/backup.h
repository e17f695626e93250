// A library's copy, while it is used.
#ifndef MIMEME_ENGINE_BACKUP_H_
#define MIMEME_ENGINE_BACKUP_H_

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/library.h"

namespace mimeme {

struct BackupSummary {
  int64_t images = 0;
  int64_t uploads = 0;  // files
  int64_t bytes = 0;    // of all that was written
  // Uploads that the catalog has and the disk has not; they are lacking in the copy.
  std::vector<std::string> missing;
};

using BackupProgress = std::function<void(const char* what, int64_t done, int64_t total)>;

// Writes into a folder that is empty or not there what cannot be made again: the catalog as of one
// moment, the uploads, and mimeme.toml. What was acknowledged before this was called is
// in it. The folder is a library itself; what is derived is made when it is first opened. All of it
// is on the disk on return.
//
// kInvalidArgument: the folder holds something, or lies among the uploads. kCancelled, kIo: then it
// is no backup, and says so by having no catalog. REQUIRES: the library is open for writing; one
// backup at a time.
Result<BackupSummary> backup(Library& library, const std::string& folder,
                             const BackupProgress& progress, const std::stop_token& stop = {});

}  // namespace mimeme

#endif  // MIMEME_ENGINE_BACKUP_H_
