// Who may use a library directory: one writer, or any number of readers. A POSIX record lock on
// <library>/LOCK: the kernel drops it when the process ends, however it ends, and can say who holds
// it.
#ifndef MIMEME_ENGINE_LIBRARY_LOCK_H_
#define MIMEME_ENGINE_LIBRARY_LOCK_H_

#include <string>

#include "base/result.h"

namespace mimeme {

class LibraryLock {
 public:
  enum class Mode { kShared, kExclusive };

  // Never waits. kBusy names the process that holds it: "in use by process 123 (mimeme add
  // /photos)". kIo. The lock is the process's: a second one in the same process always succeeds.
  static Result<LibraryLock> take(const std::string& directory, Mode mode);

  LibraryLock(LibraryLock&& other) noexcept;
  LibraryLock& operator=(LibraryLock&& other) noexcept;
  ~LibraryLock();

 private:
  explicit LibraryLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace mimeme

#endif  // MIMEME_ENGINE_LIBRARY_LOCK_H_
