#include "media/scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <set>
#include <span>
#include <system_error>

#include "base/ascii.h"
#include "core/sha256.h"
#include "media/decode.h"
#include "media/ignore.h"

namespace mimeme {
namespace {

constexpr const char* kIgnoreFile = ".mimemeignore";
constexpr int64_t kMaxIgnoreBytes = 1 << 20;

class Fd {
 public:
  // Never blocks, not even on a FIFO that nobody writes to.
  explicit Fd(const std::string& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }

  // Fills `to` as far as the file goes; −1 on an error.
  ssize_t read(std::span<uint8_t> to) const {
    size_t done = 0;
    while (done < to.size()) {
      const ssize_t n = ::read(fd_, to.data() + done, to.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return -1;
      if (n == 0) break;
      done += static_cast<size_t>(n);
    }
    return static_cast<ssize_t>(done);
  }

 private:
  const int fd_;
};

bool is_called_like_a_picture(const std::string& name) {
  static constexpr std::array<std::string_view, 13> kExtensions{
      ".jpg",  ".jpeg", ".jpe",  ".jfif", ".png",  ".webp", ".gif",
      ".avif", ".heic", ".heif", ".tif",  ".tiff", ".apng"};
  const std::string extension = lower_ascii(std::filesystem::path(name).extension().string());
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

std::string error_text(int error) { return lower_ascii(std::generic_category().message(error)); }

// kIo if it cannot be read.
Result<bool> begins_like_a_picture(const std::string& path) {
  const Fd file(path);
  std::array<uint8_t, 32> head;
  const ssize_t n = file.get() < 0 ? -1 : file.read(head);
  if (n < 0) return Error{ErrorCode::kIo, error_text(errno)};
  return sniff(std::span(head).first(static_cast<size_t>(n))).has_value();
}

const char* special_kind(mode_t mode) {
  if (S_ISFIFO(mode)) return "is a FIFO";
  if (S_ISSOCK(mode)) return "is a socket";
  return "is a device";
}

// The names in a folder that are not hidden, sorted. An errno if it cannot be read to its end.
int list(const std::string& path, std::vector<std::string>& names) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path.c_str()), &::closedir);
  if (!dir) return errno;
  for (;;) {
    errno = 0;  // readdir's only way to tell an error from the end
    const dirent* entry = ::readdir(dir.get());
    if (!entry && errno != 0) return errno;
    if (!entry) break;
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  std::sort(names.begin(), names.end());
  return 0;
}

class Walk {
 public:
  Walk(const ScanOptions& options, const std::function<Result<>(ScannedFile&&)>& sink)
      : options_(options), sink_(sink) {}

  Result<ScanSummary> run(const std::string& root) {
    struct stat info {};
    std::error_code error;
    const std::string real = std::filesystem::canonical(root, error);
    if (error || ::stat(real.c_str(), &info) != 0)
      return Error{ErrorCode::kNotFound, root + ": " + error_text(error ? error.value() : errno)};
    if (!S_ISDIR(info.st_mode)) {
      TRY(file(real, info, true));
      return summary_;
    }
    IgnoreList excluded;
    for (const std::string& pattern : options_.exclude) excluded.add(pattern);
    const size_t prefix = real == "/" ? 1 : real.size() + 1;
    ignores_.push_back({std::move(excluded), prefix});
    visited_.insert({info.st_dev, info.st_ino});
    TRY(folder(real));
    return summary_;
  }

 private:
  Result<> emit(const std::string& path, const struct stat& info, std::string problem) {
    ++(problem.empty() ? summary_.pictures : summary_.problems);
    return sink_({.path = path,
                  .size = info.st_size,
                  .mtime_ns = mtime_ns(info),
                  .problem = std::move(problem)});
  }
  Result<> emit_unseen(const std::string& path, std::string problem) {
    ++summary_.problems;
    return sink_({.path = path, .problem = std::move(problem), .unseen = true});
  }

  Result<> folder(const std::string& path) {
    if (options_.stop.stop_requested()) return Error{ErrorCode::kCancelled, "stopped"};
    std::vector<std::string> names;
    const int error = list(path, names);
    if (error != 0) TRY(emit_unseen(path, "the folder cannot be read: " + error_text(error)));
    const std::string prefix = path == "/" ? path : path + "/";
    const bool has_ignores = names.empty() ? false : TRY(read_ignores(prefix));
    for (const std::string& name : names) TRY(entry(prefix + name, name));
    if (has_ignores) ignores_.pop_back();
    return {};
  }

  // Whether there are any. An ignore file that cannot be read is named: what it excludes would come
  // in unasked.
  Result<bool> read_ignores(const std::string& prefix) {
    const auto text = read_file(prefix + kIgnoreFile, kMaxIgnoreBytes);
    if (!text) {
      if (text.error().code != ErrorCode::kNotFound)
        TRY(emit_unseen(prefix + kIgnoreFile, text.error().code == ErrorCode::kTooLarge
                                                  ? "larger than 1 MiB: not read"
                                                  : text.error().message));
      return false;
    }
    IgnoreList ignores;
    ignores.add_lines({reinterpret_cast<const char*>(text->bytes.data()), text->bytes.size()});
    ignores_.push_back({std::move(ignores), prefix.size()});
    return true;
  }

  // The nearest list that has something to say decides.
  bool is_excluded(const std::string& path, bool is_folder) const {
    for (auto ignore = ignores_.rbegin(); ignore != ignores_.rend(); ++ignore) {
      const auto verdict =
          ignore->list.verdict(std::string_view(path).substr(ignore->prefix), is_folder);
      if (verdict != IgnoreList::Verdict::kNone) return verdict == IgnoreList::Verdict::kIgnored;
    }
    return false;
  }

  Result<> entry(const std::string& path, const std::string& name) {
    struct stat info {};
    const int error = ::stat(path.c_str(), &info) == 0 ? 0 : errno;
    const bool is_folder = error == 0 && S_ISDIR(info.st_mode);
    if (is_excluded(path, is_folder)) {
      ++summary_.excluded;
      return {};
    }
    const bool called_so = is_called_like_a_picture(name);
    if (error != 0) {
      // Gone since the folder was listed, or a link whose target is away: a disk, perhaps.
      struct stat link {};
      const bool gone = ::lstat(path.c_str(), &link) != 0 && errno == ENOENT;
      return gone ? Result<>() : emit_unseen(path, error_text(error));
    }
    if (!is_folder) return file(path, info, called_so);
    if (called_so) TRY(emit(path, info, "is a folder, not a picture"));
    // Whatever links lead here: once.
    return visited_.insert({info.st_dev, info.st_ino}).second ? folder(path) : Result<>();
  }

  Result<> file(const std::string& path, const struct stat& info, bool called_so) {
    if (options_.stop.stop_requested()) return Error{ErrorCode::kCancelled, "stopped"};
    if (!S_ISREG(info.st_mode))
      return called_so ? emit(path, info, special_kind(info.st_mode)) : Result<>();
    if (called_so) {
      if (info.st_size == 0) return emit(path, info, "empty file");
      if (::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) != 0)
        return emit_unseen(path, error_text(errno));
      return emit(path, info, "");
    }
    const auto is_picture = begins_like_a_picture(path);
    if (is_picture && *is_picture) return emit(path, info, "");
    if (is_picture) {
      ++summary_.not_pictures;
      return {};
    }
    ++summary_.problems;
    return sink_(
        {.path = path, .problem = is_picture.error().message, .unseen = true, .doubtful = true});
  }

  struct Ignores {
    IgnoreList list;
    size_t prefix;  // bytes of a path before what the list's patterns are relative to
  };

  const ScanOptions& options_;
  const std::function<Result<>(ScannedFile&&)>& sink_;
  ScanSummary summary_;
  std::vector<Ignores> ignores_;
  std::set<std::pair<dev_t, ino_t>> visited_;
};

}  // namespace

int64_t mtime_ns(const struct stat& info) {
  return info.st_mtim.tv_sec * int64_t{1'000'000'000} + info.st_mtim.tv_nsec;
}

Result<ScanSummary> scan(const std::string& root, const ScanOptions& options,
                         const std::function<Result<>(ScannedFile&&)>& sink) {
  return Walk(options, sink).run(root);
}

Result<FileBytes> read_file(const std::string& path, int64_t max_bytes) {
  const Fd file(path);
  if (file.get() < 0) {
    if (errno == ENXIO) return Error{ErrorCode::kUnsupported, special_kind(S_IFSOCK)};
    const bool missing = errno == ENOENT || errno == ENOTDIR;
    return Error{missing ? ErrorCode::kNotFound : ErrorCode::kIo, error_text(errno)};
  }
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return Error{ErrorCode::kIo, error_text(errno)};
  if (S_ISDIR(info.st_mode)) return Error{ErrorCode::kUnsupported, "is a folder, not a picture"};
  if (!S_ISREG(info.st_mode)) return Error{ErrorCode::kUnsupported, special_kind(info.st_mode)};
  if (info.st_size > max_bytes)
    return Error{ErrorCode::kTooLarge, std::to_string(info.st_size) + " bytes, over the limit of " +
                                           std::to_string(max_bytes) + " (--max-bytes)"};
  FileBytes result;
  result.mtime_ns = mtime_ns(info);
  result.bytes.resize(static_cast<size_t>(info.st_size));
  const ssize_t n = file.read(result.bytes);
  if (n < 0) return Error{ErrorCode::kIo, error_text(errno)};
  result.bytes.resize(static_cast<size_t>(n));  // it may have shrunk meanwhile
  result.sha256 = sha256(result.bytes.data(), result.bytes.size());
  return result;
}

}  // namespace mimeme
