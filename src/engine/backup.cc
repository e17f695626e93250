#include "engine/backup.h"

#include <filesystem>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/file.h"

namespace mimeme {
namespace fs = std::filesystem;
namespace {

constexpr int kPage = 1000;

class Backup {
 public:
  Backup(Library& library, const fs::path& to, const BackupProgress& progress, std::stop_token stop)
      : from_(fs::weakly_canonical(library.directory())),  // as the catalog has uploads
        to_(fs::weakly_canonical(to)),
        library_(library),
        progress_(progress),
        stop_(std::move(stop)) {}

  // Uploads go first, so that those the catalog has are there even if they are deleted meanwhile;
  // the few that came after that go last. A few more than it has do no harm.
  Result<BackupSummary> run() {
    TRY(begin());
    TRY(copy_uploads(TRY(uploads_on_disk())));
    progress_("copying the catalog", 0, 0);
    const std::string staged = TRY(library_.catalog().write_copy());
    const struct Staged {
      fs::path folder;
      ~Staged() {
        std::error_code ignored;
        fs::remove_all(folder, ignored);
      }
    } removed_at_the_end{fs::path(staged).parent_path()};
    TRY(copy_late_uploads(staged));
    std::error_code ignored;
    if (const fs::path settings = from_ / "mimeme.toml"; fs::exists(settings, ignored))
      TRY(copy(settings, to_ / "mimeme.toml"));
    // The last, because it makes a library of the folder.
    TRY(copy(staged, to_ / "catalog.duckdb"));
    summary_.uploads = static_cast<int64_t>(copied_.size());
    return summary_;
  }

 private:
  Result<> begin() const {
    std::error_code error;
    if (fs::exists(to_, error) && (!fs::is_directory(to_, error) || !fs::is_empty(to_, error)))
      return Error{ErrorCode::kInvalidArgument,
                   to_.string() + ": is not an empty folder: a backup needs one of its own"};
    if ((to_ / "").string().starts_with((from_ / "uploads/").string()))
      return Error{ErrorCode::kInvalidArgument,
                   to_.string() + ": lies among the uploads, and would be indexed with them"};
    fs::create_directories(to_, error);
    if (error) return Error{ErrorCode::kIo, to_.string() + ": " + error.message()};
    return {};
  }

  Result<> check_stop() const {
    if (stop_.stop_requested()) return Error{ErrorCode::kCancelled, "stopped: there is no backup"};
    return {};
  }

  Result<> copy(const fs::path& from, const fs::path& to) {
    TRY(copy_file(from, to, Durability::kTruth));
    std::error_code ignored;
    const auto size = fs::file_size(to, ignored);
    summary_.bytes += ignored ? 0 : static_cast<int64_t>(size);
    return {};
  }

  // Relative to the library: "uploads/0123456789abcdef/name.jpg".
  Result<std::vector<fs::path>> uploads_on_disk() const {
    std::vector<fs::path> files;
    std::error_code error;
    for (fs::recursive_directory_iterator at(from_ / "uploads", error), end; !error && at != end;
         at.increment(error))
      if (at->is_regular_file(error) && !at->path().filename().string().starts_with('.'))
        files.push_back(at->path().lexically_relative(from_));
    if (error && error != std::errc::no_such_file_or_directory)
      return Error{ErrorCode::kIo, (from_ / "uploads").string() + ": " + error.message()};
    return files;
  }

  Result<> copy_uploads(const std::vector<fs::path>& files) {
    int64_t done = 0;
    for (const fs::path& file : files) {
      TRY(check_stop());
      progress_("copying uploads", done++, static_cast<int64_t>(files.size()));
      const auto copied = copy(from_ / file, to_ / file);
      if (copied)
        copied_.insert(file);
      else if (copied.error().code != ErrorCode::kNotFound)  // deleted meanwhile
        return copied;
    }
    return {};
  }

  // Those that the catalog's copy has and that came after the others were copied.
  Result<> copy_late_uploads(const std::string& catalog_file) {
    const auto catalog = TRY(Catalog::open(catalog_file, Catalog::Access::kReadOnly));
    std::vector<fs::path> late;
    for (ImageId after = 0;;) {
      TRY(check_stop());
      const auto images = TRY(catalog->images(after, kPage));
      if (images.empty()) break;
      after = images.back().id;
      summary_.images += static_cast<int64_t>(images.size());
      for (const ImageRecord& image : images)
        for (const std::string& path : image.paths) {
          const fs::path file = fs::path(path).lexically_relative(from_);
          if (file.native().starts_with("uploads/") && !copied_.contains(file))
            late.push_back(file);
        }
    }
    TRY(copy_uploads(late));
    for (const fs::path& file : late)
      if (!copied_.contains(file)) summary_.missing.push_back(from_ / file);
    return {};
  }

  const fs::path from_, to_;
  Library& library_;
  const BackupProgress& progress_;
  const std::stop_token stop_;
  std::unordered_set<std::string> copied_;
  BackupSummary summary_;
};

}  // namespace

Result<BackupSummary> backup(Library& library, const std::string& folder,
                             const BackupProgress& progress, const std::stop_token& stop) {
  return Backup(library, fs::absolute(folder), progress, stop).run();
}

}  // namespace mimeme
