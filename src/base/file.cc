#include "base/file.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

namespace mimeme {
namespace fs = std::filesystem;
namespace {

Error failed(const std::string& path, int error) {
  return {ErrorCode::kIo, path + ": " + std::generic_category().message(error)};
}

bool write_all(int fd, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return true;
}

// So that the names in it survive too.
bool sync_folder(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool synced = ::fsync(fd) == 0;
  ::close(fd);
  return synced;
}

// Has `write` fill a file that takes the place of `path` when it is whole.
template <typename Write>
Result<> put(const std::string& path, Durability durability, Write write) {
  static std::atomic<int> serial = 0;
  const fs::path target(path), folder = target.parent_path();
  std::error_code error;
  fs::path there = folder;  // the folder that was there before: new names lie in it, too
  while (!there.empty() && !fs::exists(there, error)) there = there.parent_path();
  fs::create_directories(folder, error);
  if (error) return failed(folder, error.value());
  const std::string temporary =
      folder / ("." + target.filename().string() + "." + std::to_string(::getpid()) + "-" +
                std::to_string(serial++) + ".tmp");
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) return failed(path, errno);
  const bool truth = durability == Durability::kTruth;
  bool done = write(fd) && (!truth || ::fsync(fd) == 0);
  done = ::close(fd) == 0 && done;
  done = done && ::rename(temporary.c_str(), path.c_str()) == 0;
  for (fs::path above = folder; done && truth; above = above.parent_path()) {
    done = sync_folder(above.empty() ? "." : above);
    if (above == there) break;
  }
  if (done) return {};
  const Error why = failed(path, errno);
  ::unlink(temporary.c_str());
  return why;
}

// In the kernel, as far as the file systems have a way.
bool copy_all(int from, int to) {
  for (;;) {
    ssize_t n = ::copy_file_range(from, nullptr, to, nullptr, size_t{1} << 30, 0);
    if (n < 0 && errno != EINTR && errno != EIO && errno != ENOSPC)
      n = ::sendfile(to, from, nullptr, size_t{1} << 30);
    if (n == 0) return true;
    if (n < 0 && errno != EINTR) return false;
  }
}

}  // namespace

Result<> write_file(const std::string& path, std::span<const uint8_t> bytes,
                    Durability durability) {
  return put(path, durability, [&](int fd) { return write_all(fd, bytes); });
}

Result<> copy_file(const std::string& from, const std::string& to, Durability durability) {
  const int source = ::open(from.c_str(), O_RDONLY | O_CLOEXEC);
  if (source < 0 && errno == ENOENT) return Error{ErrorCode::kNotFound, from + ": is not there"};
  if (source < 0) return failed(from, errno);
  const auto done = put(to, durability, [&](int fd) { return copy_all(source, fd); });
  ::close(source);
  return done;
}

}  // namespace mimeme
