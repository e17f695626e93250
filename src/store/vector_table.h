// A vector index as a table on a PostgreSQL server: pgvector's halfvec, found by its HNSW graph
// (Malkov, Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical
// Navigable Small World graphs", 2018) once there is one, else compared one by one. All processes
// and standbys of the catalog search the same table; none holds it in memory. Where there are
// shards (store/shards.h) when it is made, each holds a part, by a hash of the ids.
//
// One process at a time writes (Catalog::take_turn), the others search meanwhile, and see what is
// committed. Errors: as the catalog's; kConflict: another generation has taken its place.
#ifndef MIMEME_STORE_VECTOR_TABLE_H_
#define MIMEME_STORE_VECTOR_TABLE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/vector_index.h"
#include "store/catalog.h"

namespace mimeme {

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

  // The last change of the catalog that it shows at least; none: it was never complete.
  Result<std::optional<int64_t>> seq() const;
  // From now on. Tables of other generations go once this one has been complete for a minute: by
  // then every server has taken it over.
  Result<> set_seq(int64_t seq);
  // Builds the graph, if nobody has, while others search and write: pgvector keeps it up from then
  // on. REQUIRES: one at a time. Takes long; kUnavailable: a stop was requested. kUnsupported for
  // more dimensions than pgvector's graphs take.
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
  Result<std::vector<float>> row(ImageId id) const override;
  Result<std::vector<ImageId>> known(std::span<const ImageId> ids) const override;
  Result<std::vector<float>> sample(int64_t count) const override;
  Result<> verify() const override { return {}; }  // the server's checksums are for that

 private:
  VectorTable(Catalog& catalog, std::string name, int64_t generation)
      : catalog_(catalog),
        name_(std::move(name)),
        generation_(generation),
        table_("search_" + name_ + '_' + std::to_string(generation)) {}
  Result<bool> load();  // whether it is there
  Error gone(Error error) const;
  std::string few_sql() const;
  std::string nearest_sql(int64_t rows) const;
  Result<> change(std::span<const ImageId> ids, std::span<const float> rows);

  Catalog& catalog_;
  const std::string name_;
  const int64_t generation_;
  const std::string table_;
  int dim_ = 0;         // constant once it is made, as is the next
  int64_t shards_ = 0;  // that hold it; 0: it lies where the catalog does
  std::atomic<int64_t> rows_ = 0;
  std::atomic<bool> has_graph_ = false;
};

}  // namespace mimeme

#endif  // MIMEME_STORE_VECTOR_TABLE_H_
