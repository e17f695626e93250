// Walks folders for pictures, and reads files. Knows the file system, not libvips.
#ifndef MIMEME_MEDIA_SCAN_H_
#define MIMEME_MEDIA_SCAN_H_

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/types.h"

struct stat;  // of <sys/stat.h>

namespace mimeme {

struct ScanOptions {
  // .gitignore patterns, relative to the root; a later one overrides an earlier one, "!" takes
  // back. A file called .mimemeignore in any folder adds its own patterns for that folder and
  // below.
  std::vector<std::string> exclude;
  std::stop_token stop;
};

// One thing worth ingesting, or worth naming to the user.
struct ScannedFile {
  std::string path;  // absolute; the root's own symbolic links are resolved, those below it are
                     // kept as walked
  int64_t size = 0;  // bytes
  int64_t mtime_ns = 0;
  std::string problem;  // not empty: cannot be read as a picture, and why ("is a FIFO", "permission
                        // denied", "empty file")
  // With a problem: it could not be looked at, so what is known of it and of what lies below
  // stands.
  bool unseen = false;
  // Unseen, and not called like a picture: worth naming only if it is known as one.
  bool doubtful = false;
};

struct ScanSummary {
  int64_t pictures = 0;  // emitted without a problem
  int64_t problems = 0;  // emitted with one
  // Passed over in silence: sniffed, and no picture, and not called like one.
  int64_t not_pictures = 0;
  int64_t excluded = 0;
};

// Walks `root` (a folder or one file), depth first, and gives every candidate to `sink`, which may
// stop the walk by returning an error. A candidate is a regular file that is called like a picture
// (.jpg, .png, …) or begins like one. What is called like a picture but cannot be one (a folder or
// FIFO named a.jpg, an unreadable or empty file) is emitted with its problem; so is an unreadable
// folder, and any other file that cannot be read, as doubtful. Symbolic links are followed; a
// folder is entered once, however many links lead to it (loops end). Hidden files and folders
// (".name") are passed over. Never blocks on a FIFO or device. A root that is a file is a candidate
// whatever it is called; a .mimemeignore that cannot be read is emitted as a problem. Memory: the
// names of each folder along the current path, plus some 64 bytes for each folder visited. Errors:
// kNotFound if root does not exist; kCancelled when stopped; whatever sink returned.
Result<ScanSummary> scan(const std::string& root, const ScanOptions& options,
                         const std::function<Result<>(ScannedFile&&)>& sink);

// When a file was last written, in the form in which it is compared: nanoseconds since 1970.
int64_t mtime_ns(const struct stat& info);

struct FileBytes {
  std::vector<uint8_t> bytes;
  Sha256 sha256{};
  int64_t mtime_ns = 0;  // as it was when read
};

// Reads a whole regular file. kTooLarge beyond max_bytes (nothing is read); kUnsupported for
// anything that is not a regular file (never blocks); kNotFound; kIo. Messages do not repeat the
// path.
Result<FileBytes> read_file(const std::string& path, int64_t max_bytes);

}  // namespace mimeme

#endif  // MIMEME_MEDIA_SCAN_H_
