// The vector index beside hnswlib, FAISS and DuckDB's scan, on clustered vectors of our own making.
//     mimeme_ann_bench ROWS [DIM [FOLDER [PEER]]]
// Built graphs stay in FOLDER (default: ann-bench-data) and are used again. PEER: beside this one
// only (hnswlib, FAISS, USearch, pgvector, or none). pgvector: if MIMEME_TEST_POSTGRESQL names a
// server. Rounds are interleaved, because machines drift.
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <thread>

#include "bench/ann_peers.h"
#include "bench/need.h"
#include "index/vector_index.h"

namespace mimeme {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
constexpr int kHits = 10;
constexpr size_t kQueries = 1000;
constexpr size_t kPeersTo = 2'000'000;  // rows: beyond, theirs do not fit into 24 GiB beside these

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// "VmRSS:" now, "VmHWM:" at most.
double status_mib(std::string_view field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(field)) return std::stod(line.substr(field.size())) / 1024;
  return 0;
}

// `work` on each of [0, n), by so many threads.
void each(size_t n, int threads, const std::function<void(size_t)>& work) {
  std::atomic<size_t> next = 0;
  const auto all = [&] {
    for (size_t i = 0; (i = next++) < n;) work(i);
  };
  std::vector<std::jthread> others;
  for (int t = 1; t < threads; ++t) others.emplace_back(all);
  all();
}

// An endless sequence of rows: around one of `clusters` centres, the variance of component d
// falling as 1/(d + 1), as that of PCA's components does; length 1. Made as they are needed: ten
// million are 8 GB.
class Sequence {
 public:
  Sequence(size_t dim, size_t clusters) : dim_(dim), clusters_(clusters), centres_(clusters * dim) {
    for (size_t d = 0; d < dim; ++d)
      deviation_.push_back(1 / std::sqrt(1.0F + static_cast<float>(d)));
    each(clusters, 2, [&](size_t c) {
      std::minstd_rand random(c * 7919 + 1);
      random.discard(3);
      std::normal_distribution<float> normal;
      for (size_t d = 0; d < dim; ++d) centres_[c * dim + d] = normal(random) * deviation_[d];
    });
  }
  // Those numbered `first` and on.
  std::vector<float> rows(uint64_t first, size_t n, int threads = 2) const {
    std::vector<float> rows(n * dim_);
    each(n, threads, [&](size_t i) {
      std::minstd_rand random((first + i) * 104729 + 12345);
      random.discard(3);
      size_t centre = random() * uint64_t{2147483647};
      centre = (centre + random()) % clusters_ * dim_;
      std::normal_distribution<float> normal;
      double squares = 0;
      for (size_t d = 0; d < dim_; ++d) {
        float& v = rows[i * dim_ + d];
        v = centres_[centre + d] + 0.7F * normal(random) * deviation_[d];
        squares += v * v;
      }
      const auto scale = static_cast<float>(1 / std::sqrt(squares));
      for (size_t d = 0; d < dim_; ++d) rows[i * dim_ + d] *= scale;
    });
    return rows;
  }

 private:
  const size_t dim_, clusters_;
  std::vector<float> deviation_, centres_;
};

struct Contender {
  std::string name;
  std::function<void(int breadth)> set_breadth;
  std::function<std::vector<int64_t>(std::span<const float>)> search;
  double mib = 0;
  int breadth = 0;
  double recall = 0;
  std::vector<double> rate_1, rate_2;
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

class Bench {
 public:
  Bench(size_t n, size_t dim, const std::string& folder)
      : n_(n), dim_(dim), folder_(folder), sequence_(dim, std::max<size_t>(1, n / 100)) {
    fs::create_directories(folder);
    queries_ = sequence_.rows(uint64_t{1} << 40, kQueries);
    peers_ = pgvector_peers(static_cast<int>(dim));
  }

  void run(const std::string& only) {
    std::printf("%zu rows of %zu, %d hits, %zu queries; build: " MIMEME_BUILD_TYPE
                ", gcc " __VERSION__ "\n\n",
                n_, dim_, kHits, kQueries);
    exact();
    add_ours();
    if (only != "none" && n_ <= kPeersTo)
      rows_ = sequence_.rows(0, n_);
    else
      std::printf("no peers%s\n",
                  only == "none" ? "" : ": they would need more memory than there is");
    for (auto& peer : peers_)
      if (!rows_.empty() && peer->name().starts_with(only)) add(*peer);
    std::printf(
        "\n| | breadth | recall@10 | q/s, 1 thread | q/s, 2 threads | MiB resident | bytes a row "
        "|\n"
        "|---|---|---|---|---|---|---|\n");
    for (Contender& each_one : contenders_) find_breadth(each_one);
    for (int round = 0; round < 5; ++round)
      for (Contender& c : contenders_) {
        c.rate_1.push_back(rate(c, 1));
        c.rate_2.push_back(rate(c, 2));
      }
    for (const Contender& c : contenders_)
      std::printf("| %s | %d | %.4f | %.0f | %.0f | %.0f | %.0f |\n", c.name.c_str(), c.breadth,
                  c.recall, median(c.rate_1), median(c.rate_2), c.mib,
                  c.mib * 1048576 / static_cast<double>(n_));
    for (const int clients : {1, 8})
      for (const Contender& c : contenders_) tell_latency(c, clients);
    contenders_[0].set_breadth(0);
    std::vector<double> ms;
    for (size_t q = 0; q < kQueries; ++q) {
      const auto start = Clock::now();
      contenders_[0].search(query(q));
      ms.push_back(seconds_since(start) * 1e3);
    }
    std::ranges::sort(ms);
    std::printf(
        "\nours with its own breadth: recall %.4f; one thread, p50 %.3f ms, p99 %.3f ms; two "
        "threads, %.0f q/s\n",
        recall(contenders_[0]), ms[kQueries / 2], ms[kQueries * 99 / 100], rate(contenders_[0], 2));
    add_thousand();
    if (rows_.empty()) return;
    std::fflush(stdout);
    const double duckdb =
        duckdb_scan_ms(rows_, static_cast<int>(dim_), std::span(queries_).first(5 * dim_), kHits);
    std::printf("DuckDB's scan, 2 threads, best of 5: %.1f ms\n", duckdb);
  }

 private:
  std::string file(const std::string& name) const {
    return folder_ + "/" + name + "-" + std::to_string(n_) + "-" + std::to_string(dim_);
  }
  std::span<const float> query(size_t q) const {
    return std::span(queries_).subspan(q * dim_, dim_);
  }

  void feed(VectorIndex& index) const {
    constexpr size_t kPiece = 100'000;
    for (size_t first = 0; first < n_; first += kPiece) {
      const size_t count = std::min(kPiece, n_ - first);
      std::vector<ImageId> ids(count);
      std::iota(ids.begin(), ids.end(), static_cast<ImageId>(first + 1));
      need(index.add(ids, sequence_.rows(first, count)));
    }
  }

  // The truth, and what an exact scan takes beside adding the same bytes up.
  void exact() {
    const auto in_memory = make_index(static_cast<int>(dim_));
    feed(*in_memory);
    const auto start = Clock::now();
    for (size_t q = 0; q < 5; ++q) need(in_memory->search(query(q), {.limit = kHits}));
    const double scan = seconds_since(start) / 5;
    const std::vector<uint64_t> same_bytes(n_ * dim_ / 4, 1);
    const auto sum_start = Clock::now();
    uint64_t sum = 0;
    for (int i = 0; i < 5; ++i)
      for (const uint64_t word : same_bytes) sum += word;
    const double read = seconds_since(sum_start) / 5;
    std::printf("exact scan (f16), 1 thread: %.2f ms; adding up the same bytes: %.2f ms (%d)\n",
                scan * 1e3, read * 1e3, static_cast<int>(sum % 2));
    truth_.resize(kQueries * kHits);
    std::fstream known(file("truth"), std::ios::in | std::ios::binary);
    const auto bytes = static_cast<std::streamsize>(truth_.size() * sizeof(int64_t));
    if (known.read(reinterpret_cast<char*>(truth_.data()), bytes)) return;
    each(kQueries, 2, [&](size_t q) {
      const auto hits = need(in_memory->search(query(q), {.limit = kHits}));
      for (size_t i = 0; i < hits.size(); ++i) truth_[q * kHits + i] = hits[i].id - 1;
    });
    std::ofstream(file("truth"), std::ios::binary)
        .write(reinterpret_cast<const char*>(truth_.data()), bytes);
  }

  void add_ours() {
    const std::string path = file("mimeme");
    if (!fs::exists(path)) {
      const auto index = make_index(static_cast<int>(dim_));
      feed(*index);
      const auto start = Clock::now();
      need(index->save(path, {}));
      std::printf("mimeme: built and written in %.1f s, %.0f MiB at most resident\n",
                  seconds_since(start), status_mib("VmHWM:"));
      std::fflush(stdout);
    }
    const double before = status_mib("VmRSS:");
    const auto start = Clock::now();
    ours_ = need(load_index(path)).index;
    std::printf("mimeme: opened in %.2f ms, %.0f bytes a row on disk, %s\n",
                seconds_since(start) * 1e3,
                static_cast<double>(fs::file_size(path)) / static_cast<double>(n_),
                ours_->has_graph() ? "a graph" : "compared exactly");
    Contender contender{.name = "mimeme"};
    contender.set_breadth = [this, path](int breadth) {
      IndexOptions options;
      if (breadth > 0) options.breadth = breadth;
      ours_ = need(load_index(path, options)).index;
    };
    contender.search = [this](std::span<const float> wanted) {
      std::vector<int64_t> found;
      for (const Hit& hit : need(ours_->search(wanted, {.limit = kHits})))
        found.push_back(hit.id - 1);
      return found;
    };
    warm(contender);
    contender.mib = status_mib("VmRSS:") - before;
    contenders_.push_back(std::move(contender));
  }

  void add(AnnPeer& peer) {
    std::string name = peer.name();
    const std::string path = file(name.substr(0, name.find(' ')));
    if (!fs::exists(path)) {
      const auto start = Clock::now();
      peer.build(rows_, path);
      std::printf("%s: built and written in %.1f s\n", name.c_str(), seconds_since(start));
      std::fflush(stdout);
    }
    const double before = status_mib("VmRSS:");
    peer.open(path);
    peer.set_rows(rows_);
    Contender contender{.name = std::move(name)};
    contender.set_breadth = [&peer](int breadth) { peer.set_breadth(breadth); };
    contender.search = [&peer](std::span<const float> wanted) {
      return peer.search(wanted, kHits);
    };
    contender.set_breadth(50);
    warm(contender);
    contender.mib = peer.bytes() > 0 ? peer.bytes() / 1048576 : status_mib("VmRSS:") - before;
    contenders_.push_back(std::move(contender));
  }

  // So many queries that about every page has been touched.
  void warm(const Contender& contender) const {
    each(n_ / 100, 2, [&](size_t i) { contender.search(sequence_.rows(i * 100, 1, 1)); });
  }

  double recall(const Contender& contender) const {
    std::atomic<size_t> found = 0;
    each(kQueries, 2, [&](size_t q) {
      const auto hits = contender.search(query(q));
      const std::set<int64_t> set(hits.begin(), hits.end());
      for (int i = 0; i < kHits; ++i)
        found += set.count(truth_[q * kHits + static_cast<size_t>(i)]);
    });
    return static_cast<double>(found) / (kQueries * kHits);
  }

  void find_breadth(Contender& contender) const {
    for (int breadth = 10; breadth <= 1000; breadth += breadth < 40 ? 4 : breadth / 10) {
      contender.set_breadth(contender.breadth = breadth);
      contender.recall = recall(contender);
      if (contender.recall >= 0.99) return;
    }
  }

  double rate(const Contender& contender, int threads) const {
    const auto start = Clock::now();
    each(kQueries, threads, [&](size_t q) { contender.search(query(q)); });
    return kQueries / seconds_since(start);
  }

  // Each client keeps its thread, and so its connection if it has one.
  void tell_latency(const Contender& contender, int clients) const {
    std::vector<double> ms(kQueries);
    std::atomic<size_t> next = 0;
    Clock::time_point start;
    std::barrier ready(clients, [&]() noexcept { start = Clock::now(); });
    {
      std::vector<std::jthread> threads;
      for (int t = 0; t < clients; ++t)
        threads.emplace_back([&] {
          for (size_t q = 0; q < 100; ++q) contender.search(query(q));
          ready.arrive_and_wait();
          for (size_t q = 0; (q = next++) < kQueries;) {
            const auto begun = Clock::now();
            contender.search(query(q));
            ms[q] = seconds_since(begun) * 1e3;
          }
        });
    }
    const double all = seconds_since(start);
    std::ranges::sort(ms);
    std::printf("%s, %d clients: %.0f q/s, p50 %.3f ms, p99 %.3f ms\n", contender.name.c_str(),
                clients, kQueries / all, ms[kQueries / 2], ms[kQueries * 99 / 100]);
  }

  void add_thousand() {
    const auto more = sequence_.rows(n_, 1000);
    std::vector<ImageId> ids(1000);
    std::iota(ids.begin(), ids.end(), static_cast<ImageId>(n_ + 1));
    auto start = Clock::now();
    need(ours_->add(ids, more));
    std::printf("mimeme: 1,000 rows added in %.2f ms", seconds_since(start) * 1e3);
    start = Clock::now();
    need(ours_->save(file("mimeme") + ".grown", {}));
    std::printf(", merged and written in %.1f s\n", seconds_since(start));
    ours_.reset();
    fs::remove(file("mimeme") + ".grown");
  }

  const size_t n_, dim_;
  const std::string folder_;
  const Sequence sequence_;
  std::vector<float> queries_;
  std::vector<float> rows_;  // for the peers; empty if there are too many
  std::vector<int64_t> truth_;
  std::vector<std::unique_ptr<AnnPeer>> peers_ = ann_peers(static_cast<int>(dim_));
  std::unique_ptr<FileIndex> ours_;
  std::vector<Contender> contenders_;
};

}  // namespace
}  // namespace mimeme

int main(int argc, char** argv) {
  if (argc < 2 || std::atoll(argv[1]) < 100) {
    std::fprintf(stderr, "usage: mimeme_ann_bench ROWS [DIM [FOLDER [PEER]]]\n");
    return 2;
  }
  mimeme::Bench(static_cast<size_t>(std::atoll(argv[1])),
                argc > 2 ? static_cast<size_t>(std::atoll(argv[2])) : 200,
                argc > 3 ? argv[3] : "ann-bench-data")
      .run(argc > 4 ? argv[4] : "");
}
