// Files that are there as a whole or not at all. Thread-safe.
#ifndef MIMEME_BASE_FILE_H_
#define MIMEME_BASE_FILE_H_

#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"

namespace mimeme {

enum class Durability {
  kCache,  // may be lost or cut short when the power fails
  kTruth,  // on the disk when write_file() returns
};

// Makes the folders above it, writes a hidden file beside it, and renames that: a reader sees the
// old file or the new one. A write that was killed leaves ".NAME.PROCESS-N.tmp". kIo.
Result<> write_file(const std::string& path, std::span<const uint8_t> bytes, Durability durability);

// The same with the bytes of another file, which need not fit into memory. kNotFound: the other is
// not there.
Result<> copy_file(const std::string& from, const std::string& to, Durability durability);

}  // namespace mimeme

#endif  // MIMEME_BASE_FILE_H_
