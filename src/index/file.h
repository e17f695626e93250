// A file descriptor. Reads and writes whole buffers; what fails leaves errno. For the files that
// are too large for base/file.h.
#ifndef MIMEME_INDEX_FILE_H_
#define MIMEME_INDEX_FILE_H_

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <string>
#include <utility>

namespace mimeme {

class File {
 public:
  File(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
  ~File() { close(); }
  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool is_open() const { return fd_ >= 0; }
  int descriptor() const { return fd_; }
  int64_t size() const { return ::lseek(fd_, 0, SEEK_END); }  // −1: it has none
  bool write_at(const void* data, size_t size, uint64_t at) const {
    return all(::pwrite, static_cast<const char*>(data), size, at);
  }
  // False too if the file ends before.
  bool read_at(void* data, size_t size, uint64_t at) const {
    return all(::pread, static_cast<char*>(data), size, at);
  }
  bool sync() const { return ::fsync(fd_) == 0; }
  bool close() {
    const int fd = std::exchange(fd_, -1);
    return fd < 0 || ::close(fd) == 0;
  }

 private:
  template <typename Transfer, typename Byte>
  bool all(Transfer transfer, Byte* p, size_t size, uint64_t at) const {
    while (size > 0) {
      const ssize_t n = transfer(fd_, p, size, static_cast<off_t>(at));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      p += n;
      at += static_cast<uint64_t>(n);
      size -= static_cast<size_t>(n);
    }
    return true;
  }

  int fd_;
};

}  // namespace mimeme

#endif  // MIMEME_INDEX_FILE_H_
