// A vector index that follows the catalog: made anew if it is of another generation. Losing it
// loses nothing. Kept in a file, with what has changed since then in memory; or, for a catalog on a
// server, in a table there, which one process at a time brings up to date for all.
#ifndef MIMEME_ENGINE_FOLLOWED_INDEX_H_
#define MIMEME_ENGINE_FOLLOWED_INDEX_H_

#include <atomic>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "base/result.h"
#include "index/vector_index.h"
#include "store/catalog.h"
#include "store/vector_table.h"

namespace mimeme {

// When many changes are merged into the file, which takes as long as the file is large.
enum class Merge {
  kAtOnce,  // follow() returns when it is done
  // By a thread of its own, on one core at a lower priority, for a process that stays: searches and
  // changes go on. It is given up when the FollowedIndex ends.
  kBehind,
};

struct MergeOptions {
  Merge when = Merge::kAtOnce;
  // Gives a merge up: what is new stays in memory, and the next one begins again. Of a table also
  // its first filling, which the next follow() goes on with.
  std::stop_token stop;
};

// Of a task that others are done with in a moment, usually. Null: another has had it for a second.
Result<std::unique_ptr<Catalog::Turn>> wait_for_turn(Catalog& catalog, Catalog::Task task);

// Not thread-safe; the index that it gives is.
class FollowedIndex {
 public:
  virtual ~FollowedIndex() = default;

  // The vectors of one generation.
  struct Source {
    int64_t generation = 0;
    int dim = 0;
    std::function<Result<Catalog::Removals>(int64_t seq)> removals_since;
    std::function<Result<FloatRows>(int64_t seq)> rows_since;  // a page
    std::function<void(int64_t indexed)> progress;
  };

  // Begins an empty index if there is none of this generation; then brings it up to the source.
  // Null: another process is making one, which takes long. What there was before does until then.
  virtual Result<std::shared_ptr<VectorIndex>> follow(const Source& source) = 0;
  // The next follow() reads everything from the source.
  virtual Result<> discard() = 0;
};

// In a file, which is brought up to the source too when much has changed (then or later).
class FollowedFile : public FollowedIndex {
 public:
  FollowedFile(std::string path, MergeOptions options)
      : path_(std::move(path)), options_(std::move(options)) {}

  Result<std::shared_ptr<VectorIndex>> follow(const Source& source) override;
  Result<> discard() override;

 private:
  void merge(FileIndex& index, const IndexStamp& stamp, const SaveOptions& options) const;

  const std::string path_;
  const MergeOptions options_;
  std::shared_ptr<FileIndex> index_;
  IndexStamp stamp_;
  std::atomic<bool> is_merging_ = false;
  std::jthread merging_;
};

// In a table (store/vector_table.h) of the catalog's server. A graph is built when there are enough
// rows, beside all else or before follow() returns, as the options say of merges.
class FollowedTable : public FollowedIndex {
 public:
  // task: whose turn it takes to write. REQUIRES: the catalog outlives this, and is writable if
  // `writes`; else it only looks for what others have made.
  enum class Access { kWrite, kRead };
  FollowedTable(Catalog& catalog, std::string name, Catalog::Task task, Access access,
                MergeOptions options)
      : catalog_(catalog),
        name_(std::move(name)),
        task_(task),
        access_(access),
        options_(std::move(options)) {}

  Result<std::shared_ptr<VectorIndex>> follow(const Source& source) override;
  Result<> discard() override;

 private:
  Result<> bring_up_to_date(const Source& source);
  void build_graph_if_due();

  Catalog& catalog_;
  const std::string name_;
  const Catalog::Task task_;
  const Access access_;
  const MergeOptions options_;
  std::shared_ptr<VectorTable> table_;
  std::atomic<bool> is_building_ = false;
  std::jthread building_;
};

}  // namespace mimeme

#endif  // MIMEME_ENGINE_FOLLOWED_INDEX_H_
