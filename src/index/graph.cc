#include "index/graph.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstring>
#include <mutex>
#include <thread>

#include "base/thread_count.h"
#include "core/half.h"
#include "index/kernels.h"

namespace mimeme {
namespace {

// Candidates among which a new row chooses its links: more make a better graph and a slower build.
// The levels above are few rows, and what is not found there is not found at all.
constexpr size_t kBuildBreadth = 128, kCoarseBuildBreadth = 512;
// A row is not linked to another one that is nearer, even by this share of the distance, to a row
// that it is linked to. With 1, as in HNSW, 18 of the 32 links are used; so, 26.
constexpr float kAlpha = 0.92F;
constexpr float kRounding = 1e-6F;  // of the same code compared twice
constexpr size_t kFewLinks = kLinks / 2;

// Of the levels above: so many are kept while walking, and the nearest of them are where the level
// below begins. With fewer some queries never reach the cluster that they belong to; of a level of
// 300,000 rows, with less than five times as many as of one of 30,000.
constexpr size_t kStarts = 8;
constexpr size_t coarse_breadth(uint32_t count) {
  return std::clamp<size_t>(count / 2048, 24, 128);
}

// Objects, not functions: these are inlined.
constexpr auto nearer = [](const Candidate& a, const Candidate& b) {
  return a.nearness > b.nearness;
};
constexpr auto further = [](const Candidate& a, const Candidate& b) {
  return a.nearness < b.nearness;
};
constexpr auto any = [](uint32_t) { return true; };  // accepts every row

float inverse_length(const std::byte* code, size_t bytes) {
  float value = 0;
  std::memcpy(&value, code + bytes - sizeof value, sizeof value);
  return value;
}

// One code against the others of a graph.
class Comparer {
 public:
  Comparer(int dim, const std::byte* codes, const std::byte* query)
      : codes_(codes),
        query_(reinterpret_cast<const int8_t*>(query)),
        dim_(static_cast<uint64_t>(dim)),
        bytes_(code_bytes(dim)),
        inverse_(inverse_length(query, bytes_)),
        dot_(kernels().dot_int8) {}
  float operator()(uint32_t row) const {
    const std::byte* code = codes_ + row * bytes_;
    int32_t dot = 0;
    dot_(query_, reinterpret_cast<const int8_t*>(code), dim_, &dot);
    const float cosine = static_cast<float>(dot) * inverse_ * inverse_length(code, bytes_);
    return cosine > -2 ? cosine : -2;  // damage may make it NaN, which cannot be sorted
  }
  void prefetch(uint32_t row) const {
    const std::byte* code = codes_ + row * bytes_;
    for (size_t i = 0; i < bytes_; i += 64) __builtin_prefetch(code + i);
  }

 private:
  const std::byte* codes_;
  const int8_t* query_;
  const uint64_t dim_;
  const size_t bytes_;
  const float inverse_;
  const DotInt8 dot_;
};

// What a walk needs; a thread keeps it for its next.
class Scratch {
 public:
  std::vector<Candidate> next;  // a heap with the nearest on top
  std::vector<Candidate> best;  // a heap with the furthest on top

  void clear(uint32_t count) {
    for (const uint32_t word : touched_) seen_[word] = 0;
    touched_.clear();
    if (seen_.size() <= count / 64) seen_.resize(count / 64 + 1);
    next.clear();
    best.clear();
  }
  // Whether this is the first time.
  bool see(uint32_t row) {
    uint64_t& word = seen_[row / 64];
    const uint64_t bit = uint64_t{1} << row % 64;
    if (word & bit) return false;
    if (word == 0) touched_.push_back(row / 64);
    word |= bit;
    return true;
  }

 private:
  std::vector<uint64_t> seen_;
  std::vector<uint32_t> touched_;  // words of it that are not 0
};
thread_local Scratch scratch;

// Links may be written meanwhile by grow(): any mixture of old and new ones will do.
uint32_t load(const uint32_t* link) { return __atomic_load_n(link, __ATOMIC_RELAXED); }
void store(uint32_t* link, uint32_t row) { __atomic_store_n(link, row, __ATOMIC_RELAXED); }

// Leaves what it finds in scratch.best.
template <typename Accept>
void walk_level(const GraphView::Level& level, const Comparer& compare,
                std::span<const uint32_t> starts, size_t breadth, int64_t effort,
                const Accept& accept) {
  scratch.clear(level.count);
  auto& next = scratch.next;
  auto& best = scratch.best;
  const auto offer = [&](const Candidate& c) {
    const bool is_full = best.size() == breadth;
    if (is_full && c.nearness <= best.front().nearness) return;
    // It is likely to be gone to, and soon.
    __builtin_prefetch(level.links + size_t{c.row} * kLinks);
    __builtin_prefetch(level.links + size_t{c.row} * kLinks + kLinks / 2);
    next.push_back(c);
    std::push_heap(next.begin(), next.end(), further);
    if (!accept(c.row)) return;
    if (is_full) {
      std::pop_heap(best.begin(), best.end(), nearer);
      best.pop_back();
    }
    best.push_back(c);
    std::push_heap(best.begin(), best.end(), nearer);
  };
  for (const uint32_t row : starts)
    if (row < level.count && scratch.see(row)) offer({compare(row), row});
  std::array<uint32_t, kLinks> fresh;
  while (!next.empty()) {
    if (effort <= 0) return best.clear();  // what is nearest is not known
    const Candidate at = next.front();
    if (best.size() == breadth && at.nearness < best.front().nearness) return;
    std::pop_heap(next.begin(), next.end(), further);
    next.pop_back();
    const uint32_t* links = level.links + size_t{at.row} * kLinks;
    size_t n = 0;
    for (size_t i = 0; i < kLinks; ++i) {
      const uint32_t row = load(links + i);
      if (row >= level.count) break;
      if (!scratch.see(row)) continue;
      compare.prefetch(row);
      fresh[n++] = row;
    }
    for (size_t i = 0; i < n; ++i) offer({compare(fresh[i]), fresh[i]});
    effort -= static_cast<int64_t>(n);
  }
}

// Rows of level `wanted` to begin at: levels above it have led there.
std::vector<uint32_t> find_starts(const GraphView& graph, size_t wanted, const std::byte* query) {
  std::vector<uint32_t> starts;
  for (size_t l = graph.levels.size() - 1; l > wanted; --l) {
    const GraphView::Level& level = graph.levels[l];
    const Comparer compare(graph.dim, level.codes, query);
    std::vector<Candidate>& best = scratch.best;
    if (l + 1 == graph.levels.size()) {
      best.clear();
      for (uint32_t row = 0; row < level.count; ++row) best.push_back({compare(row), row});
    } else {
      walk_level(level, compare, starts, coarse_breadth(level.count), INT64_MAX, any);
    }
    const size_t n = std::min(kStarts, best.size());
    std::partial_sort(best.begin(), best.begin() + static_cast<ptrdiff_t>(n), best.end(), nearer);
    starts.clear();
    for (size_t i = 0; i < n; ++i) starts.push_back(level.below[best[i].row]);
  }
  return starts;
}

// Links the rows of one level.
class Linker {
 public:
  Linker(const GraphView& graph, size_t level, std::span<uint32_t> links)
      : graph_(graph), at_(level), level_(graph.levels[level]), links_(links) {}

  void link(uint32_t row) {
    const Comparer compare = from(row);
    if (at_ + 1 == graph_.levels.size()) {  // few enough to be compared with all before
      scratch.best.clear();
      for (uint32_t other = 0; other < row; ++other)
        scratch.best.push_back({compare(other), other});
    } else {
      walk_level(level_, compare, find_starts(graph_, at_, code(row)),
                 at_ == 0 ? kBuildBreadth : kCoarseBuildBreadth, INT64_MAX,
                 [row](uint32_t other) { return other != row; });
    }
    std::vector<Candidate> near = scratch.best;
    {
      // It may have links: those of the level above, or from others that were just linked.
      const std::lock_guard lock(mutex_of(row));
      for (size_t i = 0; i < kLinks; ++i)
        if (const uint32_t other = load(links_of(row) + i); other < level_.count)
          near.push_back({compare(other), other});
      choose(row, near);
      put(row, near);
    }
    for (const Candidate& c : near) link_back(c, row);
  }

  // Rows that no walk comes by, because all links to them were given up for others, get a link from
  // a row near them. After link(), alone.
  void reach_all() {
    std::vector<bool> is_reached(level_.count, false);
    std::vector<uint32_t> todo;
    const auto reach = [&](uint32_t start) {
      for (todo.push_back(start); !todo.empty();) {
        const uint32_t row = todo.back();
        todo.pop_back();
        if (is_reached[row]) continue;
        is_reached[row] = true;
        for (size_t i = 0; i < kLinks && links_of(row)[i] < level_.count; ++i)
          if (!is_reached[links_of(row)[i]]) todo.push_back(links_of(row)[i]);
      }
    };
    const GraphView::Level& above = graph_.levels[at_ + 1];
    for (uint32_t i = 0; i < above.count; ++i) reach(above.below[i]);
    for (uint32_t row = 0; row < level_.count; ++row) {
      if (is_reached[row]) continue;
      walk_level(level_, from(row), find_starts(graph_, at_, code(row)), kBuildBreadth, INT64_MAX,
                 any);
      std::vector<Candidate>& near = scratch.best;
      if (near.empty()) continue;
      std::sort(near.begin(), near.end(), nearer);
      const auto has_room = [this](const Candidate& c) {
        return links_of(c.row)[kLinks - 1] >= level_.count;
      };
      const auto found = std::find_if(near.begin(), near.end(), has_room);
      uint32_t* links = links_of(found == near.end() ? near[0].row : found->row);
      size_t n = 0;
      while (n + 1 < kLinks && links[n] < level_.count) ++n;
      links[n] = row;
      reach(row);
    }
  }

 private:
  static constexpr size_t kMutexes = 4096;

  const std::byte* code(uint32_t row) const { return level_.codes + row * code_bytes(graph_.dim); }
  Comparer from(uint32_t row) const { return {graph_.dim, level_.codes, code(row)}; }
  std::mutex& mutex_of(uint32_t row) { return mutexes_[row % kMutexes]; }
  uint32_t* links_of(uint32_t row) { return links_.data() + size_t{row} * kLinks; }
  void put(uint32_t row, std::span<const Candidate> near) {
    for (size_t i = 0; i < kLinks; ++i)
      store(links_of(row) + i, i < near.size() ? near[i].row : kNoRow);
  }

  // Leaves of the rows near one those that none of the others leads to, and if those are few, the
  // nearest of the rest: without them rows that are all alike would not find one another.
  void choose(uint32_t row, std::vector<Candidate>& near) const {
    // Rows that are equally near come in another order for each row: else all would be linked to
    // the same few of those that are all alike.
    const auto order = [row](const Candidate& c) {
      return (c.row ^ row * 0x9E3779B1U) * 0x85EBCA6BU;
    };
    std::sort(near.begin(), near.end(), [&](const Candidate& a, const Candidate& b) {
      return a.nearness != b.nearness ? a.nearness > b.nearness : order(a) < order(b);
    });
    const auto is_same = [](const Candidate& a, const Candidate& b) { return a.row == b.row; };
    near.erase(std::unique(near.begin(), near.end(), is_same), near.end());
    std::vector<Candidate> kept, rest;
    for (const Candidate& c : near) {
      if (kept.size() == kLinks) break;
      const Comparer compare = from(c.row);
      const float bound = 1 - (1 - c.nearness) * kAlpha - kRounding;
      const bool is_led_to = std::any_of(
          kept.begin(), kept.end(), [&](const Candidate& k) { return compare(k.row) > bound; });
      (is_led_to ? rest : kept).push_back(c);
    }
    for (size_t i = 0; i < rest.size() && kept.size() < kFewLinks; ++i) kept.push_back(rest[i]);
    near = std::move(kept);
  }

  void link_back(const Candidate& of, uint32_t to) {
    const std::lock_guard lock(mutex_of(of.row));
    uint32_t* links = links_of(of.row);
    size_t n = 0;
    for (; n < kLinks && load(links + n) < level_.count; ++n)
      if (load(links + n) == to) return;
    if (n < kLinks) return store(links + n, to);
    const Comparer compare = from(of.row);
    std::vector<Candidate> near{{of.nearness, to}};
    for (size_t i = 0; i < kLinks; ++i) near.push_back({compare(load(links + i)), load(links + i)});
    choose(of.row, near);
    put(of.row, near);
  }

  const GraphView& graph_;
  const size_t at_;
  const GraphView::Level& level_;
  const std::span<uint32_t> links_;
  std::vector<std::mutex> mutexes_{kMutexes};
};

// The parts of [begin, end) at the same time.
void in_parallel(uint32_t begin, uint32_t end, int threads,
                 const std::function<void(uint32_t i)>& work) {
  std::atomic<uint64_t> next = begin;
  const auto pieces = [&] {
    constexpr uint64_t kPiece = 64;
    for (uint64_t first = 0; (first = next.fetch_add(kPiece)) < end;)
      for (uint64_t i = first; i < std::min<uint64_t>(first + kPiece, end); ++i)
        work(static_cast<uint32_t>(i));
  };
  std::vector<std::jthread> others;
  for (int i = 1; i < thread_count(threads); ++i) others.emplace_back(pieces);
  pieces();
}

}  // namespace

void encode(std::span<const Half> row, std::byte* code) {
  const std::vector<float> values = to_float(row);
  const size_t bytes = code_bytes(static_cast<int>(row.size()));
  std::memset(code, 0, bytes);
  float largest = 0, sum = 0;
  for (const float v : values) largest = std::max(largest, std::abs(v)), sum += v;
  if (largest == 0 || !std::isfinite(sum)) return;
  const float scale = 127 / largest;
  int64_t squares = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const float v = values[i] * scale;
    const int c = static_cast<int>(v + (v < 0 ? -0.5F : 0.5F));
    code[i] = static_cast<std::byte>(c);
    squares += c * c;
  }
  const auto inverse = static_cast<float>(1 / std::sqrt(static_cast<double>(squares)));
  std::memcpy(code + bytes - sizeof inverse, &inverse, sizeof inverse);
}

std::vector<Candidate> walk(const GraphView& graph, const std::byte* query,
                            const WalkOptions& options) {
  const std::vector<uint32_t> starts = find_starts(graph, 0, query);
  const GraphView::Level& level = graph.levels[0];
  const Comparer compare(graph.dim, level.codes, query);
  if (options.accept)
    walk_level(level, compare, starts, options.breadth, options.effort, options.accept);
  else
    walk_level(level, compare, starts, options.breadth, options.effort, any);
  std::vector<Candidate> best = scratch.best;
  std::sort(best.begin(), best.end(), nearer);
  return best;
}

std::vector<uint32_t> level_sizes(uint32_t count) {
  constexpr uint32_t kApart = 32;       // so that a cluster of a hundred rows has some
  constexpr uint32_t kCompared = 1024;  // in some microseconds
  std::vector<uint32_t> sizes{count};
  do sizes.push_back((sizes.back() + kApart - 1) / kApart);
  while (sizes.back() > kCompared);
  return sizes;
}

GraphView Graph::view() const {
  GraphView view{.dim = dim_, .levels = {}};
  for (const Level& level : levels_)
    view.levels.push_back({.count = static_cast<uint32_t>(level.links.size() / kLinks),
                           .codes = level.codes.data(),
                           .links = level.links.data(),
                           .below = level.below.data()});
  return view;
}

bool Graph::grow(const GraphView& old, std::span<const Half* const> rows,
                 const GrowOptions& options) {
  const uint32_t old_count = old.levels.empty() ? 0 : old.levels[0].count;
  const std::vector<uint32_t> sizes = level_sizes(old_count + static_cast<uint32_t>(rows.size()));
  const size_t bytes = code_bytes(dim_);
  levels_.resize(sizes.size());
  for (size_t l = 0; l < sizes.size(); ++l) {
    Level& level = levels_[l];
    level.codes.resize(sizes[l] * bytes);
    level.links.resize(size_t{sizes[l]} * kLinks, kNoRow);
    if (l == 0) {
      if (old_count > 0) {
        std::copy_n(old.levels[0].codes, old_count * bytes, level.codes.begin());
        std::copy_n(old.levels[0].links, size_t{old_count} * kLinks, level.links.begin());
      }
      in_parallel(old_count, sizes[0], options.threads, [&](uint32_t row) {
        encode({rows[row - old_count], static_cast<size_t>(dim_)},
               level.codes.data() + row * bytes);
      });
      continue;
    }
    for (uint32_t i = 0; i < sizes[l]; ++i) {
      const auto row = static_cast<uint32_t>(uint64_t{i} * sizes[l - 1] / sizes[l]);
      level.below.push_back(row);
      std::copy_n(levels_[l - 1].codes.data() + row * bytes, bytes, level.codes.data() + i * bytes);
    }
  }

  // From the top, each level beginning with the links of the one above.
  const GraphView graph = view();
  const std::thread::id caller = std::this_thread::get_id();
  for (size_t l = sizes.size(); l-- > 0;) {
    std::vector<uint32_t>& links = levels_[l].links;
    const uint32_t linked = l == 0 ? old_count : 0;
    if (l + 1 < sizes.size()) {
      const Level& above = levels_[l + 1];
      for (uint32_t i = 0; i < sizes[l + 1]; ++i) {
        if (above.below[i] < linked) continue;
        for (size_t k = 0; k < kLinks; ++k)
          if (const uint32_t other = above.links[i * kLinks + k]; other != kNoRow)
            links[above.below[i] * size_t{kLinks} + k] = above.below[other];
      }
    }
    Linker linker(graph, l, links);
    if (l == 0 && options.progress) options.progress(linked, sizes[0]);
    // One after the other at the top: a row is compared with those before it.
    in_parallel(linked, sizes[l], l + 1 == sizes.size() ? 1 : options.threads, [&](uint32_t row) {
      if (options.stop.stop_requested()) return;
      linker.link(row);
      if (l == 0 && options.progress && row % 64 == 0 && std::this_thread::get_id() == caller)
        options.progress(row, sizes[0]);
    });
    if (l + 1 < sizes.size() && !options.stop.stop_requested()) linker.reach_all();
  }
  return !options.stop.stop_requested();
}

}  // namespace mimeme
