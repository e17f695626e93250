#include "engine/followed_index.h"

#include <filesystem>

#include "base/log.h"

namespace mimeme {
namespace fs = std::filesystem;

Result<std::shared_ptr<VectorIndex>> FollowedIndex::follow(const Source& source) {
  if (!index_ || stamp_.generation != source.generation) {
    unsaved_ = 0;
    auto loaded = load_flat(path_);
    if (loaded && loaded->stamp.generation == source.generation &&
        loaded->index->dim() == source.dim) {
      index_ = std::move(loaded->index);
      stamp_ = loaded->stamp;
    } else {
      if (!loaded && loaded.error().code == ErrorCode::kCorrupt)
        log(LogLevel::kWarning, loaded.error().message + ": made again from the catalog");
      index_ = make_flat(source.dim);
      stamp_ = {.generation = source.generation};
    }
  }
  if (index_->isa() == "serial")
    log(LogLevel::kWarning, "search runs without the CPU's vector unit");

  auto removals = TRY(source.removals_since(stamp_.seq));
  if (removals.seq < stamp_.seq) {
    // An older copy of the catalog was put in place: what came after it is not known to it.
    index_ = make_flat(source.dim);
    stamp_.seq = 0;
    removals = TRY(source.removals_since(0));
  }
  index_->remove(removals.ids);
  unsaved_ += static_cast<int64_t>(removals.ids.size());
  for (int64_t seq = stamp_.seq;;) {
    const FloatRows page = TRY(source.rows_since(seq));
    if (page.ids.empty()) break;
    index_->add(page.ids, page.rows);
    seq = page.seq;
    unsaved_ += static_cast<int64_t>(page.ids.size());
    source.progress(index_->size());
  }
  // Not the last row's: a removal may have come between the two readings.
  stamp_.seq = removals.seq;
  log(LogLevel::kDebug, path_ + ": " + std::to_string(index_->size()) + " vectors, " +
                            std::to_string(unsaved_) + " changes since it was written");

  // A few changes are quicker read again from the catalog than the whole file is written.
  if (unsaved_ > index_->size() / 16) {
    std::error_code ignored;
    fs::create_directories(fs::path(path_).parent_path(), ignored);
    const auto saved = index_->save(path_, stamp_);
    if (saved) unsaved_ = 0;
    if (!saved) log(LogLevel::kDebug, "index kept in memory only: " + saved.error().message);
  }
  return index_;
}

void FollowedIndex::discard() {
  std::error_code ignored;
  fs::remove(path_, ignored);
  index_ = nullptr;
  unsaved_ = 0;
}

}  // namespace mimeme
