#include "engine/followed_index.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>

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

// Adds to the index what the source has after `seq`, tells up to which change it shows it after
// each page, and returns up to which at the end. None: the source knows of fewer changes. An older
// copy of the catalog was put in place then, and what came after it is not known to that.
Result<std::optional<int64_t>> catch_up(VectorIndex& index, int64_t seq,
                                        const FollowedIndex::Source& source,
                                        const std::function<Result<>(int64_t seq)>& reached) {
  const auto removals = TRY(source.removals_since(seq));
  if (removals.seq < seq) return std::optional<int64_t>();
  TRY(index.remove(removals.ids));
  for (;;) {
    const FloatRows page = TRY(source.rows_since(seq));
    if (page.ids.empty()) break;
    if (page.rows.size() != page.ids.size() * static_cast<size_t>(source.dim))
      return Error{ErrorCode::kCorrupt, "vectors of another length than they should have"};
    TRY(index.add(page.ids, page.rows));
    seq = page.seq;
    source.progress(index.size());
    // Not beyond the removals that were read: one may have come since.
    TRY(reached(std::min(seq, removals.seq)));
  }
  return std::optional(removals.seq);
}

}  // namespace

Result<std::shared_ptr<VectorIndex>> FollowedFile::follow(const Source& source) {
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

  const auto note = [](int64_t) { return Result<>(); };
  auto reached = TRY(catch_up(*index_, stamp_.seq, source, note), path_);
  if (!reached) {
    merging_ = {};
    index_ = make_index(source.dim);
    reached = TRY(catch_up(*index_, 0, source, note), path_);
  }
  stamp_.seq = reached.value_or(0);
  log(LogLevel::kDebug, path_ + ": " + std::to_string(index_->size()) + " vectors, " +
                            std::to_string(index_->unsaved()) + " changes since it was written");

  if (!is_due(index_->unsaved(), index_->size())) return std::shared_ptr<VectorIndex>(index_);
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
  return std::shared_ptr<VectorIndex>(index_);
}

void FollowedFile::merge(FileIndex& index, const IndexStamp& stamp,
                         const SaveOptions& options) const {
  std::error_code ignored;
  fs::create_directories(fs::path(path_).parent_path(), ignored);
  if (const auto saved = index.save(path_, stamp, options); !saved)
    log(LogLevel::kDebug, "index kept in memory only: " + saved.error().message);
}

Result<> FollowedFile::discard() {
  merging_ = {};  // stopped, and waited for
  std::error_code ignored;
  fs::remove(path_, ignored);
  index_ = nullptr;
  return {};
}

Result<std::unique_ptr<Catalog::Turn>> wait_for_turn(Catalog& catalog, Catalog::Task task) {
  constexpr std::chrono::milliseconds kPause{20};
  for (int tries = 50;; --tries) {
    auto turn = TRY(catalog.take_turn(task));
    if (turn || tries == 0) return turn;
    std::this_thread::sleep_for(kPause);
  }
}

Result<std::shared_ptr<VectorIndex>> FollowedTable::follow(const Source& source) {
  if (table_ && table_->generation() != source.generation) {
    building_ = {};  // of another one: stopped, and waited for
    is_building_ = false;
    table_ = nullptr;
  }
  if (access_ == Access::kWrite) {
    // Filling one takes long: that is not waited for.
    const auto turn = TRY(table_ ? wait_for_turn(catalog_, task_) : catalog_.take_turn(task_));
    if (turn) {
      TRY(bring_up_to_date(source));
      build_graph_if_due();
      return std::shared_ptr<VectorIndex>(table_);
    }
  }
  std::optional<VectorTable::State> state;
  if (table_) state = TRY(table_->reload());
  if (!state) {
    auto opened = VectorTable::open(catalog_, name_, source.generation);
    if (!opened && opened.error().code == ErrorCode::kNotFound)
      return std::shared_ptr<VectorIndex>();
    table_ = TRY(std::move(opened));
    state = table_->when_opened();
  }
  if (!state->is_complete) table_ = nullptr;
  return std::shared_ptr<VectorIndex>(table_);
}

Result<> FollowedTable::bring_up_to_date(const Source& source) {
  std::optional<VectorTable::State> state;
  if (table_) state = TRY(table_->reload());
  if (!state) {  // another process may have discarded it, too
    table_ = TRY(VectorTable::make(catalog_, name_, source.generation, source.dim));
    state = table_->when_opened();
  }
  const auto reached = TRY(catch_up(*table_, state->seq, source,
                                    [&](int64_t seq) -> Result<> {
                                      if (!state->is_complete && options_.stop.stop_requested())
                                        return Error{ErrorCode::kCancelled, "stopped"};
                                      return table_->set_state({seq, state->is_complete});
                                    }),
                           name_);
  if (!reached) {
    TRY(discard());
    return bring_up_to_date(source);
  }
  if (*reached == state->seq && state->is_complete) return {};
  return table_->set_state({*reached, true});
}

void FollowedTable::build_graph_if_due() {
  // As of a file's graph (IndexOptions): fewer are compared as quickly.
  constexpr int64_t kGraphFrom = 10'000;
  if (table_->has_graph() || table_->size() < kGraphFrom ||
      table_->dim() > VectorTable::kMostGraphDims || is_building_.exchange(true))
    return;
  const auto build = [this, table = table_](const std::stop_token& stop) {
    const auto built = table->build_graph(stop);
    const auto code = built ? ErrorCode::kUnavailable : built.error().code;
    if (!built && !stop.stop_requested())
      log(LogLevel::kWarning, name_ + ": every row is compared: " + built.error().message);
    // Else it is not tried again: it would fail again, after hours.
    if (code == ErrorCode::kUnavailable || code == ErrorCode::kConflict) is_building_ = false;
  };
  if (options_.when == Merge::kAtOnce)
    build(options_.stop);
  else
    building_ = std::jthread(build);
}

Result<> FollowedTable::discard() {
  building_ = {};  // stopped, and waited for
  is_building_ = false;
  table_ = nullptr;
  return VectorTable::drop(catalog_, name_);
}

}  // namespace mimeme
