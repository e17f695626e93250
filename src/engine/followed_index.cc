#include "engine/followed_index.h"

#include <sys/resource.h>

#include <algorithm>
#include <filesystem>

#include "base/log.h"

namespace mimeme {
namespace fs = std::filesystem;

namespace {

constexpr int kNice = 10;  // of what merges behind: requests go first

// What is not in the file is read again from the catalog on every opening, and compared with every
// query: 4,096 rows take about as long as walking the graph of a million (0.3 ms). Against that
// stands writing the whole file. So: a sixteenth of a small index, 4,096 rows of a large one, and
// of a huge one 1 in 64, so that no row is written more than some 64 times while the index doubles.
bool is_due(int64_t unsaved, int64_t size) {
  return unsaved > std::min(size / 16, std::max<int64_t>(4096, size / 64));
}

}  // namespace

Result<std::shared_ptr<VectorIndex>> FollowedIndex::follow(const Source& source) {
  if (!index_ || stamp_.generation != source.generation) {
    merging_ = {};  // of another index: stopped, and waited for
    auto loaded = load_index(path_);
    if (loaded && loaded->stamp.generation == source.generation &&
        loaded->index->dim() == source.dim) {
      index_ = std::move(loaded->index);
      stamp_ = loaded->stamp;
    } else {
      if (!loaded && loaded.error().code == ErrorCode::kCorrupt)
        log(LogLevel::kWarning, loaded.error().message + ": made again from the catalog");
      index_ = make_index(source.dim);
      stamp_ = {.generation = source.generation};
    }
  }
  if (index_->isa() == "serial")
    log(LogLevel::kWarning, "search runs without the CPU's vector unit");

  auto removals = TRY(source.removals_since(stamp_.seq));
  if (removals.seq < stamp_.seq) {
    // An older copy of the catalog was put in place: what came after it is not known to it.
    merging_ = {};
    index_ = make_index(source.dim);
    stamp_.seq = 0;
    removals = TRY(source.removals_since(0));
  }
  index_->remove(removals.ids);
  for (int64_t seq = stamp_.seq;;) {
    const FloatRows page = TRY(source.rows_since(seq));
    if (page.ids.empty()) break;
    if (page.rows.size() != page.ids.size() * static_cast<size_t>(source.dim))
      return Error{ErrorCode::kCorrupt,
                   path_ + ": vectors of another length than they should have"};
    index_->add(page.ids, page.rows);
    seq = page.seq;
    source.progress(index_->size());
  }
  // Not the last row's: a removal may have come between the two readings.
  stamp_.seq = removals.seq;
  log(LogLevel::kDebug, path_ + ": " + std::to_string(index_->size()) + " vectors, " +
                            std::to_string(index_->unsaved()) + " changes since it was written");

  if (!is_due(index_->unsaved(), index_->size())) return index_;
  if (options_.when == Merge::kAtOnce) {
    merge(*index_, stamp_, {.stop = options_.stop, .progress = [&](int64_t linked, int64_t) {
                              source.progress(linked);
                            }});
  } else if (!is_merging_.exchange(true)) {
    merging_ = std::jthread([this, index = index_, stamp = stamp_](const std::stop_token& stop) {
      setpriority(PRIO_PROCESS, 0, kNice);  // Linux: of this thread
      merge(*index, stamp, {.threads = 1, .stop = stop});
      is_merging_ = false;
    });
  }
  return index_;
}

void FollowedIndex::merge(VectorIndex& index, const IndexStamp& stamp,
                          const SaveOptions& options) const {
  std::error_code ignored;
  fs::create_directories(fs::path(path_).parent_path(), ignored);
  if (const auto saved = index.save(path_, stamp, options); !saved)
    log(LogLevel::kDebug, "index kept in memory only: " + saved.error().message);
}

void FollowedIndex::discard() {
  merging_ = {};  // stopped, and waited for
  std::error_code ignored;
  fs::remove(path_, ignored);
  index_ = nullptr;
}

}  // namespace mimeme
