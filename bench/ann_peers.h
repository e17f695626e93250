// The same search by other libraries, for bench/ann_bench.cc.
#ifndef MIMEME_BENCH_ANN_PEERS_H_
#define MIMEME_BENCH_ANN_PEERS_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace mimeme {

// Rows of length 1, n × dim; positions are found.
class AnnPeer {
 public:
  virtual ~AnnPeer() = default;
  virtual std::string name() const = 0;
  // Builds and writes to `path`.
  virtual void build(std::span<const float> rows, const std::string& path) = 0;
  virtual void open(const std::string& path) = 0;
  // For those that keep codes only: the rows themselves, to compare the best exactly.
  virtual void set_rows(std::span<const float> /*rows*/) {}
  virtual void set_breadth(int breadth) = 0;
  virtual std::vector<int64_t> search(std::span<const float> query, int k) const = 0;
  // Of its index, if that is in another process; else 0.
  virtual double bytes() const { return 0; }
};

// Those that were there when this was built; the others are named on stderr.
std::vector<std::unique_ptr<AnnPeer>> ann_peers(int dim);

// None unless MIMEME_TEST_POSTGRESQL names a server.
std::vector<std::unique_ptr<AnnPeer>> pgvector_peers(int dim);

// Top k by DuckDB's array_cosine_similarity on 2 threads: milliseconds a query.
double duckdb_scan_ms(std::span<const float> rows, int dim, std::span<const float> queries, int k);

}  // namespace mimeme

#endif  // MIMEME_BENCH_ANN_PEERS_H_
