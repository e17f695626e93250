// A disk that fails, for the tests in tests/cli: put before the C library with LD_PRELOAD, it sees
// what a program does to the files below DISK_ROOT.
//
// - DISK_LOG: appends each change to this file, as it is made: tests/cli/power.mjs reads it.
// - DISK_FAIL_AT, DISK_FAIL_WITH: from the n-th change on all fail, with EIO, or with ENOSPC those
// that take room; or the
//   process is killed in the middle of it ("kill": of a write, half is done).
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>

namespace {

template <typename F>
F* next(const char* name) {
  return reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}

std::string setting(const char* name) {
  const char* const value = getenv(name);
  return value ? value : "";
}

struct Disk {
  std::recursive_mutex mu;
  const std::string root = setting("DISK_ROOT"), fail_with = setting("DISK_FAIL_WITH");
  const long fail_at = atol(setting("DISK_FAIL_AT").c_str());
  const int log =
      setting("DISK_LOG").empty()
          ? -1
          : next<int(const char*, int, ...)>("open")(
                setting("DISK_LOG").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const pid_t pid = getpid();
  long changes = 0;
  std::map<int, std::string> files;  // descriptors below the root, folders too
};

Disk& disk() {
  static Disk* const one = new Disk;
  return *one;
}

// Absolute, without links that are not there yet.
std::string full(const char* path) { return std::filesystem::absolute(path).lexically_normal(); }

bool is_ours(const std::string& path) {
  const std::string& root = disk().root;
  return !root.empty() && path.starts_with(root) && getpid() == disk().pid;
}

std::string path_of(int fd) {
  const auto found = disk().files.find(fd);
  return found == disk().files.end() ? "" : found->second;
}

// {"op":…} as text would double the data: op, lengths, offset, then both names and the data.
void note(char op, const std::string& path, const std::string& other = "", int64_t offset = 0,
          const void* data = nullptr, size_t size = 0) {
  if (disk().log < 0) return;
  struct {
    uint32_t op, path, other, size;
    int64_t offset;
  } head{static_cast<uint32_t>(op), static_cast<uint32_t>(path.size()),
         static_cast<uint32_t>(other.size()), static_cast<uint32_t>(size), offset};
  std::string record(reinterpret_cast<const char*>(&head), sizeof(head));
  record += path + other;
  record.append(static_cast<const char*>(data), data ? size : 0);
  static auto* const write = next<ssize_t(int, const void*, size_t)>("write");
  if (write(disk().log, record.data(), record.size()) < 0) abort();
}

enum class Room { kTakes, kTakesNone };

[[noreturn]] void die() {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

// Counts a change. Whether it fails, with errno; or it is killed, when it has done half of itself.
template <typename Half>
bool fails(Room room, Half half) {
  Disk& d = disk();
  ++d.changes;
  if (d.fail_at == 0 || d.changes < d.fail_at) return false;
  if (d.fail_with == "kill") {
    half();
    die();
  }
  if (d.fail_with != "EIO" && room == Room::kTakesNone) return false;
  errno = d.fail_with == "EIO" ? EIO : ENOSPC;
  return true;
}
bool fails(Room room) {
  return fails(room, [] {});
}

// A change to a file: does it or has it fail, then notes it.
template <typename Do, typename Note>
auto change(bool ours, Room room, Do what, Note noted) -> decltype(what()) {
  if (!ours) return what();
  if (fails(room)) return -1;
  const auto done = what();
  if (done >= 0) noted(done);
  return done;
}

int opened(const char* path, int flags, int fd, bool was_there) {
  if (fd < 0) return fd;
  const std::string name = full(path);
  if (!is_ours(name)) return fd;
  disk().files[fd] = name;
  if ((flags & O_CREAT) != 0 && !was_there) note('C', name);
  if ((flags & O_TRUNC) != 0 && was_there) note('T', name);
  return fd;
}

template <typename Open>
int open_with(const char* path, int flags, Open really) {
  const std::lock_guard lock(disk().mu);
  const bool was_there = faccessat(AT_FDCWD, path, F_OK, 0) == 0;
  const bool makes = (flags & O_CREAT) != 0 && !was_there && is_ours(full(path));
  if (makes && fails(Room::kTakes)) return -1;
  return opened(path, flags, really(), was_there);
}

ssize_t write_at(int fd, const void* data, size_t size, off_t offset) {
  static auto* const really = next<ssize_t(int, const void*, size_t, off_t)>("pwrite64");
  const std::lock_guard lock(disk().mu);
  const std::string path = path_of(fd);
  if (path.empty()) return really(fd, data, size, offset);
  if (fails(Room::kTakes, [&] { really(fd, data, size / 2, offset); })) return -1;
  const ssize_t n = really(fd, data, size, offset);
  if (n > 0) note('W', path, "", offset, data, static_cast<size_t>(n));
  return n;
}

int take_away(const char* path, int (*really)(const char*)) {
  const std::lock_guard lock(disk().mu);
  const std::string name = full(path);
  return change(
      is_ours(name), Room::kTakesNone, [&] { return really(path); }, [&](int) { note('U', name); });
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  static auto* const really = next<int(const char*, int, ...)>("open");
  return open_with(path, flags, [&] { return really(path, flags, mode); });
}
int open64(const char* path, int flags, ...) __attribute__((alias("open")));

int close(int fd) {
  static auto* const really = next<int(int)>("close");
  const std::lock_guard lock(disk().mu);
  disk().files.erase(fd);
  return really(fd);
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  return write_at(fd, data, size, offset);
}
ssize_t pwrite64(int fd, const void* data, size_t size, off_t offset) {
  return write_at(fd, data, size, offset);
}

ssize_t write(int fd, const void* data, size_t size) {
  static auto* const really = next<ssize_t(int, const void*, size_t)>("write");
  const std::lock_guard lock(disk().mu);
  if (path_of(fd).empty()) return really(fd, data, size);
  const off_t at = lseek(fd, 0, (fcntl(fd, F_GETFL) & O_APPEND) != 0 ? SEEK_END : SEEK_CUR);
  const ssize_t n = write_at(fd, data, size, at);
  if (n > 0) lseek(fd, at + n, SEEK_SET);
  return n;
}

int ftruncate(int fd, off_t size) {
  static auto* const really = next<int(int, off_t)>("ftruncate");
  const std::lock_guard lock(disk().mu);
  const std::string path = path_of(fd);
  return change(
      !path.empty(), Room::kTakesNone, [&] { return really(fd, size); },
      [&](int) { note('T', path, "", size); });
}
int ftruncate64(int fd, off_t size) __attribute__((alias("ftruncate")));

int fsync(int fd) {
  static auto* const really = next<int(int)>("fsync");
  const std::lock_guard lock(disk().mu);
  const std::string path = path_of(fd);
  return change(
      !path.empty(), Room::kTakesNone, [&] { return really(fd); }, [&](int) { note('S', path); });
}
int fdatasync(int fd) __attribute__((alias("fsync")));

int rename(const char* from, const char* to) {
  static auto* const really = next<int(const char*, const char*)>("rename");
  const std::lock_guard lock(disk().mu);
  const std::string old_name = full(from), new_name = full(to);
  return change(
      is_ours(new_name), Room::kTakesNone, [&] { return really(from, to); },
      [&](int) {
        for (auto& [fd, path] : disk().files)
          if (path == old_name) path = new_name;
        note('R', old_name, new_name);
      });
}

int unlink(const char* path) {
  static auto* const really = next<int(const char*)>("unlink");
  return take_away(path, really);
}
int remove(const char* path) {
  static auto* const really = next<int(const char*)>("remove");
  return take_away(path, really);
}

int mkdir(const char* path, mode_t mode) {
  static auto* const really = next<int(const char*, mode_t)>("mkdir");
  const std::lock_guard lock(disk().mu);
  const std::string name = full(path);
  return change(
      is_ours(name), Room::kTakes, [&] { return really(path, mode); },
      [&](int) { note('M', name); });
}

}  // extern "C"
