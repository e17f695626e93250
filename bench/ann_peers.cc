#include "bench/ann_peers.h"

#include <duckdb.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <thread>
#include <usearch/index_dense.hpp>

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
    index_.reset(dynamic_cast<faiss::IndexHNSWFlat*>(faiss::read_index(path.c_str())));
  }
  void set_breadth(int breadth) override { index_->hnsw.efSearch = breadth; }
  std::vector<int64_t> search(std::span<const float> query, int k) const override {
    std::vector<int64_t> positions(static_cast<size_t>(k));
    std::vector<float> similarities(static_cast<size_t>(k));
    omp_set_num_threads(1);  // of the calling thread: the bench has threads of its own
    index_->search(1, query.data(), k, similarities.data(), positions.data());
    return positions;
  }

 private:
  const int dim_;
  std::unique_ptr<faiss::IndexHNSWFlat> index_;
};
#endif

// Codes like ours (8 bits of each row's own maximum), the best of them compared exactly as floats.
class Usearch : public AnnPeer {
  using Index = unum::usearch::index_dense_gt<uint64_t, uint32_t>;

 public:
  explicit Usearch(int dim) : dim_(static_cast<size_t>(dim)) {}
  std::string name() const override { return "USearch i8"; }
  void build(std::span<const float> rows, const std::string& path) override {
    Index index = make();
    const size_t n = rows.size() / dim_;
    if (!index.try_reserve({n, 2})) std::abort();
    std::atomic<size_t> next = 0;
    const auto work = [&](size_t thread) {
      for (size_t i = 0; (i = next++) < n;)
        if (!index.add(i, code(rows.subspan(i * dim_, dim_)).data(), thread)) std::abort();
    };
    {
      const std::jthread other([&] { work(1); });
      work(0);
    }
    if (!index.save(path.c_str())) std::abort();
  }
  void open(const std::string& path) override {
    index_ = std::make_unique<Index>(make());
    if (!index_->view(path.c_str()) || !index_->try_reserve({index_->size(), 2})) std::abort();
  }
  void set_rows(std::span<const float> rows) override { rows_ = rows; }
  void set_breadth(int breadth) override {
    index_->change_expansion_search(static_cast<size_t>(breadth));
  }
  std::vector<int64_t> search(std::span<const float> query, int k) const override {
    const auto wanted = static_cast<size_t>(k);
    auto found = index_->search(code(query).data(), wanted * 5 / 4 + 10);
    if (!found) std::abort();
    std::vector<std::pair<float, int64_t>> ranked;
    for (size_t i = 0; i < found.size(); ++i) {
      const auto key = static_cast<int64_t>(found[i].member.key);
      const float* row = rows_.data() + static_cast<size_t>(key) * dim_;
      ranked.emplace_back(std::inner_product(query.begin(), query.end(), row, 0.0F), key);
    }
    std::sort(ranked.rbegin(), ranked.rend());
    std::vector<int64_t> positions;
    for (size_t i = 0; i < std::min(wanted, ranked.size()); ++i)
      positions.push_back(ranked[i].second);
    return positions;
  }

 private:
  Index make() const {
    unum::usearch::index_dense_config_t config(kPeerLinks, kPeerBuildBreadth, 64);
    config.enable_key_lookups = false;
    auto made = Index::make(
        {dim_, unum::usearch::metric_kind_t::cos_k, unum::usearch::scalar_kind_t::i8_k}, config);
    if (!made) std::abort();
    return std::move(made.index);
  }
  std::vector<unum::usearch::i8_t> code(std::span<const float> row) const {
    float largest = 0;
    for (const float v : row) largest = std::max(largest, std::abs(v));
    std::vector<unum::usearch::i8_t> code(dim_);
    for (size_t d = 0; d < dim_; ++d)
      code[d] = static_cast<unum::usearch::i8_t>(
          static_cast<int8_t>(std::lround(row[d] * 127 / largest)));
    return code;
  }

  const size_t dim_;
  std::span<const float> rows_;
  std::unique_ptr<Index> index_;
};

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
  peers.push_back(std::make_unique<Usearch>(dim));
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
