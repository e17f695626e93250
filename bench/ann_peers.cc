#include "bench/ann_peers.h"

#include <duckdb.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#ifdef MIMEME_HNSWLIB
#include <hnswlib/hnswlib.h>
#endif
#ifdef MIMEME_FAISS
#include <faiss/IndexHNSW.h>
#include <faiss/index_io.h>
#include <omp.h>
#endif

namespace mimeme {
namespace {

// As their users set them: 16 links, 200 candidates when building.
constexpr int kPeerLinks = 16, kPeerBuildBreadth = 200;

#ifdef MIMEME_HNSWLIB
class Hnswlib : public AnnPeer {
 public:
  explicit Hnswlib(int dim) : dim_(static_cast<size_t>(dim)), space_(dim_) {}
  std::string name() const override { return "hnswlib f32"; }
  void build(std::span<const float> rows, const std::string& path) override {
    const size_t n = rows.size() / dim_;
    hnswlib::HierarchicalNSW<float> index(&space_, n, kPeerLinks, kPeerBuildBreadth);
    std::atomic<size_t> next = 0;
    const auto work = [&] {
      for (size_t i = 0; (i = next++) < n;) index.addPoint(rows.data() + i * dim_, i);
    };
    {
      const std::jthread other(work);
      work();
    }
    index.saveIndex(path);
  }
  void open(const std::string& path) override {
    index_ = std::make_unique<hnswlib::HierarchicalNSW<float>>(&space_, path);
  }
  void set_breadth(int breadth) override { index_->setEf(static_cast<size_t>(breadth)); }
  std::vector<int64_t> search(std::span<const float> query, int k) const override {
    auto found = index_->searchKnn(query.data(), static_cast<size_t>(k));
    std::vector<int64_t> positions;
    for (; !found.empty(); found.pop())
      positions.push_back(static_cast<int64_t>(found.top().second));
    return positions;
  }

 private:
  const size_t dim_;
  hnswlib::InnerProductSpace space_;
  std::unique_ptr<hnswlib::HierarchicalNSW<float>> index_;
};
#endif

#ifdef MIMEME_FAISS
class Faiss : public AnnPeer {
 public:
  explicit Faiss(int dim) : dim_(dim) {}
  std::string name() const override { return "FAISS HNSWFlat"; }
  void build(std::span<const float> rows, const std::string& path) override {
    omp_set_num_threads(2);
    faiss::IndexHNSWFlat index(dim_, kPeerLinks, faiss::METRIC_INNER_PRODUCT);
    index.hnsw.efConstruction = kPeerBuildBreadth;
    index.add(static_cast<int64_t>(rows.size()) / dim_, rows.data());
    faiss::write_index(&index, path.c_str());
  }
  void open(const std::string& path) override {
    omp_set_num_threads(1);  // the bench has threads of its own
    index_.reset(dynamic_cast<faiss::IndexHNSWFlat*>(faiss::read_index(path.c_str())));
  }
  void set_breadth(int breadth) override { index_->hnsw.efSearch = breadth; }
  std::vector<int64_t> search(std::span<const float> query, int k) const override {
    std::vector<int64_t> positions(static_cast<size_t>(k));
    std::vector<float> similarities(static_cast<size_t>(k));
    index_->search(1, query.data(), k, similarities.data(), positions.data());
    return positions;
  }

 private:
  const int dim_;
  std::unique_ptr<faiss::IndexHNSWFlat> index_;
};
#endif

void need(duckdb_state state, const char* what) {
  if (state == DuckDBSuccess) return;
  std::fprintf(stderr, "ann_bench: DuckDB: %s\n", what);
  std::exit(1);
}

}  // namespace

std::vector<std::unique_ptr<AnnPeer>> ann_peers([[maybe_unused]] int dim) {
  std::vector<std::unique_ptr<AnnPeer>> peers;
#ifdef MIMEME_HNSWLIB
  peers.push_back(std::make_unique<Hnswlib>(dim));
#else
  std::fprintf(stderr, "ann_bench: built WITHOUT hnswlib (apt: libhnswlib-dev)\n");
#endif
#ifdef MIMEME_FAISS
  peers.push_back(std::make_unique<Faiss>(dim));
#else
  std::fprintf(stderr, "ann_bench: built WITHOUT FAISS (apt: libfaiss-dev)\n");
#endif
  return peers;
}

double duckdb_scan_ms(std::span<const float> rows, int dim, std::span<const float> queries, int k) {
  const auto width = static_cast<size_t>(dim);
  const std::string type = "FLOAT[" + std::to_string(dim) + "]";
  duckdb_database database = nullptr;
  duckdb_connection connection = nullptr;
  need(duckdb_open(nullptr, &database), "open");
  need(duckdb_connect(database, &connection), "connect");
  need(duckdb_query(connection, "SET threads = 2", nullptr), "threads");
  need(duckdb_query(connection, ("CREATE TABLE t (id BIGINT, v " + type + ")").c_str(), nullptr),
       "create");
  duckdb_appender appender = nullptr;
  need(duckdb_appender_create(connection, nullptr, "t", &appender), "appender");
  duckdb_logical_type id_type = duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
  duckdb_logical_type float_type = duckdb_create_logical_type(DUCKDB_TYPE_FLOAT);
  duckdb_logical_type types[] = {id_type, duckdb_create_array_type(float_type, width)};
  for (size_t i = 0; i < rows.size() / width;) {
    const size_t n = std::min<size_t>(duckdb_vector_size(), rows.size() / width - i);
    duckdb_data_chunk chunk = duckdb_create_data_chunk(types, 2);
    auto* ids =
        static_cast<int64_t*>(duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, 0)));
    for (size_t j = 0; j < n; ++j) ids[j] = static_cast<int64_t>(i + j);
    std::memcpy(duckdb_vector_get_data(
                    duckdb_array_vector_get_child(duckdb_data_chunk_get_vector(chunk, 1))),
                rows.data() + i * width, n * width * sizeof(float));
    duckdb_data_chunk_set_size(chunk, n);
    need(duckdb_append_data_chunk(appender, chunk), "append");
    duckdb_destroy_data_chunk(&chunk);
    i += n;
  }
  need(duckdb_appender_destroy(&appender), "append");
  for (duckdb_logical_type each : {types[0], types[1], float_type})
    duckdb_destroy_logical_type(&each);

  const size_t count = queries.size() / width;
  double best = 1e300;
  for (size_t q = 0; q < count; ++q) {
    std::string list;
    for (const float v : queries.subspan(q * width, width))
      list += (list.empty() ? "" : ", ") + std::to_string(v);
    const std::string sql = "SELECT id FROM t ORDER BY array_cosine_similarity(v, [" + list +
                            "]::" + type + ") DESC LIMIT " + std::to_string(k);
    duckdb_result result;
    const auto start = std::chrono::steady_clock::now();
    need(duckdb_query(connection, sql.c_str(), &result), "query");
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    best = std::min(best, took.count());
    duckdb_destroy_result(&result);
  }
  duckdb_disconnect(&connection);
  duckdb_close(&database);
  return best;
}

}  // namespace mimeme
