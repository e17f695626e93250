#include "engine/library_lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

namespace mimeme {
namespace {

std::string describe(pid_t pid) {
  if (pid <= 0) return "a process on another machine or in another container";
  std::ifstream in("/proc/" + std::to_string(pid) + "/cmdline", std::ios::binary);
  std::string command{std::istreambuf_iterator<char>(in), {}};
  while (!command.empty() && command.back() == '\0') command.pop_back();
  for (char& c : command)
    if (c == '\0') c = ' ';
  return "process " + std::to_string(pid) + (command.empty() ? "" : " (" + command + ")");
}

}  // namespace

Result<LibraryLock> LibraryLock::take(const std::string& directory, Mode mode) {
  const std::string path = directory + "/LOCK";
  int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  // A library on a read-only disk can still be read, and there can be no writer to be kept out.
  if (fd < 0 && mode == Mode::kShared && (errno == EROFS || errno == EACCES))
    return LibraryLock(-1);
  if (fd < 0) return Error{ErrorCode::kIo, path + ": " + std::strerror(errno)};
  LibraryLock lock(fd);
  struct flock wanted = {};
  wanted.l_type = mode == Mode::kExclusive ? F_WRLCK : F_RDLCK;
  wanted.l_whence = SEEK_SET;
  if (::fcntl(fd, F_SETLK, &wanted) == 0) return lock;
  if (errno != EAGAIN && errno != EACCES)
    return Error{ErrorCode::kIo, path + ": " + std::strerror(errno)};
  pid_t holder = 0;
  if (::fcntl(fd, F_GETLK, &wanted) == 0 && wanted.l_type != F_UNLCK) holder = wanted.l_pid;
  return Error{ErrorCode::kBusy, directory + " is in use by " + describe(holder) +
                                     ": wait until it is done, or stop it, and try again"};
}

LibraryLock::LibraryLock(LibraryLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

LibraryLock& LibraryLock::operator=(LibraryLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

LibraryLock::~LibraryLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace mimeme
