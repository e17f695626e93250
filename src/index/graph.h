// A navigable graph over quantised vectors: each row is linked to near rows in different
// directions, and a search walks from row to row towards the query (HNSW: Malkov & Yashunin 2016;
// links are chosen as in Vamana: Subramanya et al. 2019). Some of the rows have a graph of their
// own, which finds where to begin, and so on, until few enough are left to compare them all.
//
// Rows are numbered 0..count−1 and kept as codes: dim int8, each value's share of the row's own
// largest (so that all 8 bits are used whatever the length), and the inverse of the code's length.
#ifndef MIMEME_INDEX_GRAPH_H_
#define MIMEME_INDEX_GRAPH_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <vector>

#include "core/types.h"

namespace mimeme {

// Links of a row; unused ones come last and are kNoRow.
inline constexpr uint32_t kLinks = 32;
inline constexpr uint32_t kNoRow = UINT32_MAX;

// Bytes of a code of `dim` values, a multiple of 4.
constexpr size_t code_bytes(int dim) { return (static_cast<size_t>(dim) + 3) / 4 * 4 + 4; }
// code: code_bytes(row.size()). A row without a direction (zeros, or not finite) is near nothing.
void encode(std::span<const Half> row, std::byte* code);

// How many rows each level of a graph of `count` has: level 0 all, the next every 32nd of those,
// spread evenly.
std::vector<uint32_t> level_sizes(uint32_t count);

// Where a graph lies; what it points to must outlive it. Links are not believed: rows that are not
// there are passed over.
struct GraphView {
  struct Level {
    uint32_t count = 0;
    const std::byte* codes = nullptr;  // count × code_bytes(dim)
    const uint32_t* links = nullptr;   // count × kLinks: rows of this level
    const uint32_t* below = nullptr;   // count: which rows of the level below these are
  };
  int dim = 0;
  std::vector<Level> levels;
};

struct Candidate {
  float nearness = 0;  // the cosine of the codes
  uint32_t row = 0;
};

struct WalkOptions {
  size_t breadth = 64;  // how many of the nearest are kept while walking: recall against time
  // Gives up after as many comparisons, and has found nothing then.
  int64_t effort = INT64_MAX;
  std::function<bool(uint32_t row)> accept;  // which rows may be found; empty: all
};

// The nearest rows, at most `breadth`, nearest first, as far as the walk found them. query: a code.
// Thread-safe.
std::vector<Candidate> walk(const GraphView& graph, const std::byte* query,
                            const WalkOptions& options);

struct GrowOptions {
  int threads = 0;  // 0: one for each core
  std::stop_token stop;
  std::function<void(int64_t linked, int64_t total)> progress;  // in the calling thread
};

// A graph in memory.
class Graph {
 public:
  explicit Graph(int dim) : dim_(dim) {}
  // Links these rows (dim halves each) into `old`, whose rows stay the first; or into a new graph
  // if that has no levels. Once only. False if it was stopped: the graph is then of no use.
  bool grow(const GraphView& old, std::span<const Half* const> rows, const GrowOptions& options);
  GraphView view() const;

 private:
  struct Level {
    std::vector<std::byte> codes;
    std::vector<uint32_t> links, below;
  };
  int dim_;
  std::vector<Level> levels_;
};

}  // namespace mimeme

#endif  // MIMEME_INDEX_GRAPH_H_
