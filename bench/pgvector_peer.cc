// pgvector on the server that MIMEME_TEST_POSTGRESQL names (tools/postgres): halfvec with an HNSW
// index, a connection for each thread; and the same as mimeme searches in it (VectorTable), on
// shards if that server has any.
#include <libpq-fe.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "bench/ann_peers.h"
#include "bench/need.h"
#include "core/half.h"
#include "store/appender.h"
#include "store/sql.h"
#include "store/vector_table.h"

namespace mimeme {
namespace {

class Pgvector : public AnnPeer {
 public:
  Pgvector(int dim, std::string address)
      : dim_(static_cast<size_t>(dim)), address_(std::move(address)) {}
  std::string name() const override { return "pgvector halfvec"; }

  // The index as a catalog of that size would have it: 16 links, 64 candidates (pgvector's
  // defaults).
  void build(std::span<const float> rows, const std::string& path) override {
    const auto database = need(sql::Database::open(address_, sql::Database::Access::kReadWrite));
    const auto c = need(database->lease());
    const std::string type = "halfvec(" + std::to_string(dim_) + ")";
    need(c->run("CREATE EXTENSION IF NOT EXISTS vector"));
    need(c->run("DROP TABLE IF EXISTS ann"));
    need(c->run("CREATE TABLE ann(id BIGINT, v " + type + ")"));
    need(c->run("ALTER TABLE ann ALTER v SET STORAGE PLAIN"));
    const auto start = std::chrono::steady_clock::now();
    auto out = need(sql::Appender::open(*c, "ann"));
    for (size_t i = 0; i < rows.size() / dim_; ++i) {
      out.integer(static_cast<int64_t>(i)).floats(rows.subspan(i * dim_, dim_));
      need(out.end_row());
    }
    need(out.close());
    std::printf("pgvector: %zu rows copied in %.1f s\n", rows.size() / dim_,
                std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    need(c->run("SET maintenance_work_mem = '4GB'"));
    need(c->run("SET max_parallel_maintenance_workers = 1"));  // and the leader: two cores
    need(c->run("CREATE INDEX ON ann USING hnsw (v halfvec_cosine_ops)"));
    need(c->run("ANALYZE ann"));
    std::ofstream(path) << "in PostgreSQL\n";
  }
  void open(const std::string&) override {
    const auto database = need(sql::Database::open(address_, sql::Database::Access::kReadWrite));
    const auto c = need(database->lease());
    bytes_ = need(c->integer("SELECT pg_relation_size('ann_v_idx')"));
  }
  double bytes() const override { return static_cast<double>(bytes_); }
  void set_breadth(int breadth) override { breadth_ = breadth; }

  std::vector<int64_t> search(std::span<const float> query, int k) const override {
    thread_local const Session session(address_);
    if (session.breadth != breadth_) {
      const std::string set = "SET hnsw.ef_search = " + std::to_string(breadth_);
      PQclear(PQexec(session.connection, set.c_str()));
      session.breadth = breadth_;
    }
    std::string halves;
    const auto put = [&](uint16_t word) {
      halves += static_cast<char>(word >> 8);
      halves += static_cast<char>(word & 255);
    };
    put(static_cast<uint16_t>(query.size()));
    put(0);
    for (const Half half : to_half(query)) put(half);
    const std::string limit = std::to_string(k);
    const char* const values[] = {halves.data(), limit.c_str()};
    const int lengths[] = {static_cast<int>(halves.size()), static_cast<int>(limit.size())};
    const int formats[] = {1, 0};
    PGresult* const result =
        PQexecPrepared(session.connection, "near", 2, values, lengths, formats, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
      std::fprintf(stderr, "ann_bench: %s", PQresultErrorMessage(result));
      std::exit(1);
    }
    std::vector<int64_t> positions;
    for (int row = 0; row < PQntuples(result); ++row)
      positions.push_back(std::atoll(PQgetvalue(result, row, 0)));
    PQclear(result);
    return positions;
  }

 private:
  struct Session {
    explicit Session(const std::string& address) : connection(PQconnectdb(address.c_str())) {
      PQclear(PQprepare(connection, "near", "SELECT id FROM ann ORDER BY v <=> $1 LIMIT $2", 0,
                        nullptr));
    }
    ~Session() { PQfinish(connection); }
    PGconn* const connection;
    mutable int breadth = 0;
  };

  const size_t dim_;
  const std::string address_;
  int64_t bytes_ = 0;
  int breadth_ = 0;
};

class Table : public AnnPeer {
 public:
  Table(int dim, const std::string& address)
      : dim_(dim), catalog_(need(Catalog::open(address, Catalog::Access::kReadWrite))) {}
  std::string name() const override { return "pgvector-mimeme halfvec"; }

  void build(std::span<const float> rows, const std::string& path) override {
    need(VectorTable::drop(*catalog_, "ann"));
    const auto table = need(VectorTable::make(*catalog_, "ann", 1, dim_));
    const auto start = std::chrono::steady_clock::now();
    const size_t all = rows.size() / static_cast<size_t>(dim_);
    for (size_t first = 0; first < all; first += 10'000) {
      std::vector<ImageId> ids;
      for (size_t i = first; i < std::min(all, first + 10'000); ++i)
        ids.push_back(static_cast<ImageId>(i) + 1);
      need(table->add(ids, rows.subspan(first * static_cast<size_t>(dim_),
                                        ids.size() * static_cast<size_t>(dim_))));
    }
    std::printf("pgvector-mimeme: %zu rows added in %.1f s\n", all,
                std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    need(table->build_graph());
    std::ofstream(path) << "in PostgreSQL\n";
  }
  void open(const std::string&) override { table_ = need(VectorTable::open(*catalog_, "ann", 1)); }
  double bytes() const override { return static_cast<double>(need(catalog_->bytes_on_disk())); }
  void set_breadth(int) override {}  // is the table's own

  std::vector<int64_t> search(std::span<const float> query, int k) const override {
    std::vector<int64_t> positions;
    for (const Hit& hit : need(table_->search(query, {.limit = k})))
      positions.push_back(hit.id - 1);
    return positions;
  }

 private:
  const int dim_;
  const std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<VectorTable> table_;
};

}  // namespace

std::vector<std::unique_ptr<AnnPeer>> pgvector_peers(int dim) {
  std::vector<std::unique_ptr<AnnPeer>> peers;
  if (const char* const address = std::getenv("MIMEME_TEST_POSTGRESQL")) {
    peers.push_back(std::make_unique<Pgvector>(dim, address));
    peers.push_back(std::make_unique<Table>(dim, address));
  }
  return peers;
}

}  // namespace mimeme
