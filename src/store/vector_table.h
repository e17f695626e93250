// A vector index as a table on a PostgreSQL server: pgvector's halfvec, found by its HNSW graph
// (Malkov, Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical
// Navigable Small World graphs", 2018) once there is one, else compared one by one. All processes
// and standbys of the catalog search the same table; none holds it in memory. Where there are
// shards (store/shards.h) when it is made, each holds a part, by a hash of the ids.
//
// One process at a time writes (Catalog::take_turn), the others search meanwhile, and see what is
// committed. Errors: as the catalog's; kConflict: the table has gone, for another was made in its
// place.
#ifndef MIMEME_STORE_VECTOR_TABLE_H_
#define MIMEME_STORE_VECTOR_TABLE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "core/vector_index.h"
#include "store/catalog.h"

namespace mimeme {

namespace sql {
class Connection;
}

class VectorTable : public VectorIndex {
 public:
  // "pictures" and a generation. kNotFound.
  static Result<std::unique_ptr<VectorTable>> open(Catalog& catalog, const std::string& name,
                                                   int64_t generation);
  // The same; an empty one if there is none.
  static Result<std::unique_ptr<VectorTable>> make(Catalog& catalog, const std::string& name,
                                                   int64_t generation, int dim);
  // Takes all generations away.
  static Result<> drop(Catalog& catalog, const std::string& name);

  // What others have made of it since: size(), has_graph(), and this. None: it has gone, or lies
  // elsewhere now: open it anew.
  struct State {
    int64_t seq = 0;           // the last change of the catalog that it shows at least
    bool is_complete = false;  // it has shown all of them once; else it is being filled
  };
  Result<std::optional<State>> reload();
  const State& when_opened() const { return opened_; }
  // Tables of earlier generations go once this one has been complete for a minute: by then every
  // server has taken it over.
  Result<> set_state(const State& state);

  // Builds the graph, if nobody has, while others search and write: pgvector keeps it up from then
  // on. Waits for others that build one. Takes long. kUnavailable: a stop was requested. REQUIRES:
  // dim() is at most kMostGraphDims.
  static constexpr int kMostGraphDims = 4000;  // of halfvec
  Result<> build_graph(const std::stop_token& stop = {});

  int64_t generation() const { return generation_; }
  int dim() const override { return dim_; }
  int64_t size() const override { return rows_; }
  std::string_view isa() const override { return "pgvector"; }
  bool has_graph() const override { return has_graph_; }
  Result<> add(std::span<const ImageId> ids, std::span<const float> rows) override;
  Result<> remove(std::span<const ImageId> ids) override;
  Result<std::vector<Hit>> search(std::span<const float> query,
                                  const SearchOptions& options) const override;
  Result<std::vector<std::vector<float>>> rows(std::span<const ImageId> ids) const override;
  Result<std::vector<ImageId>> known(std::span<const ImageId> ids) const override;
  Result<std::vector<float>> sample(int64_t count) const override;
  Result<> verify() const override { return {}; }  // the server's checksums are for that

 private:
  struct Row {
    int dim = 0;
    int64_t rows = 0, shards = 0;
    bool has_graph = false;
    State state;
  };
  VectorTable(Catalog& catalog, std::string name, int64_t generation, const Row& row);

  static Result<std::optional<Row>> read(Catalog& catalog, const std::string& name,
                                         int64_t generation);
  Error explained(Error error) const;
  std::string few_sql() const;
  std::string nearest_sql(int64_t rows) const;
  Result<> change(std::span<const ImageId> ids, std::span<const float> rows);
  Result<> create_graph(sql::Connection& connection, const std::stop_token& stop);

  Catalog& catalog_;
  const std::string name_;
  const int64_t generation_;
  const std::string table_;
  const int dim_;
  const int64_t shards_;  // that hold it; 0: it lies where the catalog does
  const State opened_;
  std::atomic<int64_t> rows_;
  std::atomic<bool> has_graph_;
};

}  // namespace mimeme

#endif  // MIMEME_STORE_VECTOR_TABLE_H_
