#include "index/vector_index.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/half.h"
#include "index/graph.h"
#include "index/index_file.h"
#include "index/kernels.h"
#include "index/rows.h"

namespace mimeme {
namespace {

// A graph in which more than this share of the rows is dead is built anew without them.
constexpr double kMostDead = 0.2;
// Rows that are asked whether they pass a filter before it is known how to search, and how many of
// them must: if fewer than 1 in 100 pass, asking every row is quicker than walking past the others.
constexpr uint32_t kAsked = 400;
constexpr uint32_t kMustPass = 4;

// So many of the nearest by their codes are compared exactly. More find no more: of a million rows,
// those nearest ten that the walk comes by are among the first sixteen by their codes.
size_t compared_exactly(size_t limit) { return limit + limit / 4 + 4; }

using Ids = std::unordered_set<ImageId>;

class Index : public FileIndex {
 public:
  Index(int dim, const IndexOptions& options) : dim_(dim), options_(options), recent_(dim) {}
  Index(std::shared_ptr<const IndexFile> file, const IndexOptions& options)
      : Index(file->dim(), options) {
    set_file(std::move(file));
  }

  int dim() const override { return dim_; }
  std::string_view isa() const override { return kernels().isa; }
  int64_t size() const override {
    std::shared_lock lock(mu_);
    return static_cast<int64_t>(living_in_file() + recent_.size());
  }
  bool has_graph() const override {
    std::shared_lock lock(mu_);
    return file_ && file_->has_graph();
  }
  int64_t unsaved() const override {
    std::shared_lock lock(mu_);
    return static_cast<int64_t>(gone_count_ + recent_.size());
  }

  Result<> add(std::span<const ImageId> ids, std::span<const float> rows) override {
    const std::vector<Half> halves = to_half(rows);
    std::unique_lock lock(mu_);
    forget(ids);
    recent_.add(ids, halves);
    return {};
  }

  Result<> remove(std::span<const ImageId> ids) override {
    std::unique_lock lock(mu_);
    forget(ids);
    recent_.remove(ids);
    return {};
  }

  Result<std::vector<Hit>> search(std::span<const float> query,
                                  const SearchOptions& options) const override {
    Search search(query, options);
    if (!search.is_empty()) {
      std::shared_lock lock(mu_);
      recent_.search(search);
      if (living_in_file() > 0 && !walk_file(search)) scan_file(search);
    }
    return search.take();
  }

  Result<std::vector<std::vector<float>>> rows(std::span<const ImageId> ids) const override {
    std::shared_lock lock(mu_);
    std::vector<std::vector<float>> rows;
    for (const ImageId id : ids) rows.push_back(find_row(id));
    return rows;
  }

  Result<std::vector<ImageId>> known(std::span<const ImageId> ids) const override {
    std::shared_lock lock(mu_);
    std::vector<ImageId> known;
    std::copy_if(ids.begin(), ids.end(), std::back_inserter(known), [&](ImageId id) {
      const uint32_t position = file_ ? file_->find(id) : kNoRow;
      return recent_.find(id) || (position != kNoRow && !gone_[position]);
    });
    return known;
  }

  Result<std::vector<float>> sample(int64_t count) const override {
    std::shared_lock lock(mu_);
    std::vector<float> rows;
    const auto take = [&](const Half* row) {
      const std::vector<float> values = to_float({row, width()});
      rows.insert(rows.end(), values.begin(), values.end());
    };
    const size_t in_file = file_ ? file_->count() : 0, all = in_file + recent_.size();
    const size_t step = std::max<size_t>(1, all / static_cast<size_t>(count));
    for (size_t i = 0; i < all; i += step) {
      if (i >= in_file)
        take(recent_.at(i - in_file));
      else if (const auto position = static_cast<uint32_t>(i); is_alive(position))
        take(file_->row(position));
    }
    return rows;
  }

  Result<> save(const std::string& path, const IndexStamp& stamp,
                const SaveOptions& options) override {
    const std::lock_guard one_at_a_time(saving_);
    {
      std::unique_lock lock(mu_);
      changed_.emplace();
    }
    auto saved = merge(path, stamp, options);
    std::unique_lock lock(mu_);
    const Ids changed = *std::exchange(changed_, std::nullopt);
    if (!saved) return std::move(saved).error();
    // What has changed meanwhile is as it is in memory; all else is as it is in the file.
    Rows recent(dim_);
    for (const ImageId id : changed)
      if (const Half* row = recent_.find(id)) recent.add(std::span(&id, 1), {row, width()});
    recent_ = std::move(recent);
    set_file(*std::move(saved));
    for (const ImageId id : changed) forget(std::span(&id, 1));
    return {};
  }

  Result<> verify() const override {
    std::shared_ptr<const IndexFile> file;
    {
      std::shared_lock lock(mu_);
      file = file_;
    }
    return file ? file->verify() : Result<>();
  }

 private:
  size_t width() const { return static_cast<size_t>(dim_); }

  // What follows REQUIRES mu_, shared or, where it is not const, alone.

  std::vector<float> find_row(ImageId id) const {
    if (const Half* row = recent_.find(id)) return to_float({row, width()});
    const uint32_t position = file_ ? file_->find(id) : kNoRow;
    std::vector<Half> row(width());
    if (position == kNoRow || gone_[position] || !file_->read_row(position, row)) return {};
    return to_float(row);
  }

  size_t living_in_file() const { return file_ ? file_->living() - gone_count_ : 0; }
  bool is_alive(uint32_t position) const {
    return !gone_[position] && file_->id(position) != kDead;
  }

  void set_file(std::shared_ptr<const IndexFile> file) {
    file_ = std::move(file);
    gone_.assign(file_->count(), false);
    gone_count_ = 0;
  }

  // The file's rows of these are out of date.
  void forget(std::span<const ImageId> ids) {
    if (changed_) changed_->insert(ids.begin(), ids.end());
    if (!file_) return;
    for (const ImageId id : ids) {
      const uint32_t position = file_->find(id);
      if (position == kNoRow || gone_[position]) continue;
      gone_[position] = true;
      ++gone_count_;
    }
  }

  void scan_file(Search& search) const {
    for (uint32_t i = 0; i < file_->count(); ++i)
      if (is_alive(i)) search.offer(file_->id(i), file_->row(i));
  }

  // False if that would not find all that is asked for; nothing is offered then.
  bool walk_file(Search& search) const {
    const auto limit = static_cast<size_t>(search.options().limit);
    const uint32_t count = file_->count();
    if (!file_->has_graph() || limit > count / 16) return false;
    const auto passes = [&](uint32_t position) {
      const auto& filter = search.options().filter;
      return is_alive(position) && (!filter || filter(file_->id(position)));
    };
    const bool is_selective = gone_count_ > 0 || file_->living() < count || search.options().filter;
    if (search.options().filter) {
      uint32_t passed = 0;
      for (uint32_t i = 0; i < kAsked; ++i)
        passed += passes(static_cast<uint32_t>(uint64_t{i} * count / kAsked));
      if (passed < kMustPass) return false;
    }

    std::vector<std::byte> code(code_bytes(dim_));
    encode(search.query(), code.data());
    WalkOptions options{.breadth = std::max<size_t>(static_cast<size_t>(options_.breadth),
                                                    compared_exactly(limit))};
    if (is_selective) {
      options.accept = passes;
      options.effort = count / 4;  // near the query nothing passes: by then a scan is as quick
    }
    std::vector<Candidate> found = walk(file_->graph(), code.data(), options);
    if (found.size() < std::min(limit, living_in_file())) return false;
    found.resize(std::min(found.size(), compared_exactly(limit)));
    std::vector<Half> row(width());
    for (const Candidate& candidate : found)
      if (file_->read_row(candidate.row, row)) search.offer(file_->id(candidate.row), row.data());
    return true;
  }

  // What lies in the file and in memory, in a new file. Takes mu_ itself, and only to copy.
  Result<std::shared_ptr<const IndexFile>> merge(const std::string& path, const IndexStamp& stamp,
                                                 const SaveOptions& options) const {
    auto writer = TRY(IndexFileWriter::create(path));
    std::shared_ptr<const IndexFile> old;
    std::vector<bool> gone;
    std::vector<ImageId> recent_ids;
    std::vector<Half, Uncleared<Half>> recent;
    {
      std::shared_lock lock(mu_);
      old = file_;
      gone = gone_;
      recent_ids = recent_.ids();
      recent = recent_.halves();
    }
    const auto is_old_alive = [&](uint32_t i) { return !gone[i] && old->id(i) != kDead; };
    const uint32_t old_count = old ? old->count() : 0;
    uint32_t old_living = 0;
    for (uint32_t i = 0; i < old_count; ++i) old_living += is_old_alive(i);
    const uint64_t living = old_living + recent_ids.size();
    if (living >= kNoRow - old_count) return Error{ErrorCode::kTooLarge, "more than 2^32 vectors"};
    const bool has_graph = std::cmp_greater_equal(living, options_.graph_from);
    const bool keeps_graph =
        has_graph && old && old->has_graph() && old_count - old_living <= kMostDead * old_count;

    // A graph is kept with its dead rows, which lead on to others.
    std::vector<ImageId> ids;
    std::vector<const Half*> rows;
    for (uint32_t i = 0; i < old_count; ++i) {
      if (!keeps_graph && !is_old_alive(i)) continue;
      ids.push_back(is_old_alive(i) ? old->id(i) : kDead);
      rows.push_back(old->row(i));
    }
    for (size_t i = 0; i < recent_ids.size(); ++i) {
      ids.push_back(recent_ids[i]);
      rows.push_back(recent.data() + i * width());
    }
    Graph graph(dim_);
    if (has_graph) {
      const GraphView none;
      if (!graph.grow(
              keeps_graph ? old->graph() : none,
              std::span(rows).subspan(keeps_graph ? old_count : 0),
              {.threads = options.threads, .stop = options.stop, .progress = options.progress}))
        return Error{ErrorCode::kCancelled, path + ": cancelled"};
    }
    TRY(writer.commit(
        {.stamp = stamp, .dim = dim_, .ids = ids, .rows = rows, .graph = graph.view()},
        options.stop));
    return IndexFile::open(path);
  }

  const int dim_;
  const IndexOptions options_;
  std::mutex saving_;  // held through a save(); taken before mu_

  mutable std::shared_mutex mu_;  // guards what follows
  std::shared_ptr<const IndexFile> file_;
  std::vector<bool> gone_;  // of the file's rows: removed or replaced
  size_t gone_count_ = 0;
  Rows recent_;                 // added since the file was written
  std::optional<Ids> changed_;  // while it is saved: added or removed since that began
};

}  // namespace

std::unique_ptr<FileIndex> make_index(int dim, const IndexOptions& options) {
  return std::make_unique<Index>(dim, options);
}

Result<LoadedIndex> load_index(const std::string& path, const IndexOptions& options) {
  auto file = TRY(IndexFile::open(path));
  const IndexStamp stamp = file->stamp();
  return LoadedIndex{std::make_unique<Index>(std::move(file), options), stamp};
}

}  // namespace mimeme
