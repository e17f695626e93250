// An index file with bytes of it replaced is refused, or answers something: never more. The input
// is where (3 bytes) and what (1), again and again.
#include <cmath>
#include <fstream>
#include <iterator>
#include <vector>

#include "fuzz/fuzz.h"
#include "index/vector_index.h"

using namespace mimeme;

namespace {

constexpr int kDim = 4, kRows = 300;

// With a graph.
std::vector<uint8_t> whole() {
  const auto index = make_index(kDim, {.graph_from = 100});
  std::vector<ImageId> ids;
  std::vector<float> rows;
  for (int i = 0; i < kRows; ++i) {
    ids.push_back(i + 1);
    for (int d = 0; d < kDim; ++d) rows.push_back(std::sin(static_cast<float>(i * 7 + d * 3)));
  }
  require(index->add(ids, rows).ok());
  const std::string path = scratch() / "whole.bin";
  require(index->save(path, {.generation = 1, .seq = 1}).ok());
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<uint8_t> good = whole();
  std::vector<uint8_t> bytes = good;
  for (size_t i = 0; i + 4 <= size; i += 4) {
    const size_t at = data[i] | size_t{data[i + 1]} << 8 | size_t{data[i + 2]} << 16;
    bytes[at % bytes.size()] = data[i + 3];
  }
  const auto loaded = load_index(write_input("damaged.bin", bytes.data(), bytes.size()));
  if (!loaded) return 0;
  FileIndex& index = *loaded->index;
  const std::vector<float> query(static_cast<size_t>(index.dim()), 0.5F);
  for (const int limit : {1, 10, 1000}) {
    (void)index.search(query, {.limit = limit});
    (void)index.search(query, {.limit = limit, .filter = [](ImageId id) { return id % 7 == 0; }});
  }
  (void)index.row(7);
  (void)index.sample(10);
  (void)index.verify();
  return 0;
}
