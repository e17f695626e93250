#include "store/vector_table.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <stop_token>
#include <thread>
#include <unordered_set>
#include <utility>

#include "base/log.h"
#include "store/appender.h"
#include "store/catalog_impl.h"
#include "store/shards.h"

namespace mimeme {
namespace {

// Of the graph: links of a row, and rows that are looked at for them. Twice pgvector's own 64 finds
// more for the same search, for half as much time again (bench/README.md).
constexpr const char* kGraph = "m = 16, ef_construction = 128";
// Bytes of memory for each row while it is built, beside its vector; without as much the server
// builds on disk, which takes many times as long. And how much is asked for at most.
constexpr int64_t kGraphBytes = 400;
constexpr int64_t kLeastGraphMemory = 64 << 20, kMostGraphMemory = int64_t{2} << 30;

// So many are compared one by one, rather than walked to.
constexpr size_t kFew = 20'000;
// Rows that are asked for until enough have passed the filter: pgvector gives up before that.
constexpr int64_t kMostRows = 1 << 17;

}  // namespace

Error VectorTable::gone(Error error) const {
  if (error.code != ErrorCode::kNotFound) return error;
  return {ErrorCode::kConflict, "the index of " + name_ + " was made anew: try again"};
}

Result<bool> VectorTable::load() {
  return catalog_.impl_->run(sql::Mode::kQueue, [&](sql::Connection& c) -> Result<bool> {
    auto state =
        TRY(c.query("SELECT dim, rows, has_graph::int::bigint, shards FROM search_vectors "
                    "WHERE name = ? AND generation = ?",
                    {name_, generation_}));
    if (!state.next()) return false;
    dim_ = static_cast<int>(state.integer(0));
    rows_ = state.integer(1);
    has_graph_ = state.integer(2) == 1;
    shards_ = state.integer(3);
    return true;
  });
}

Result<std::unique_ptr<VectorTable>> VectorTable::open(Catalog& catalog, const std::string& name,
                                                       int64_t generation) {
  std::unique_ptr<VectorTable> table(new VectorTable(catalog, name, generation));
  if (!TRY(table->load()))
    return Error{ErrorCode::kNotFound, "the index of " + name + " was not made yet"};
  return table;
}

namespace {

Result<> drop_tables(sql::Connection& c, const std::string& name, const std::string& which,
                     std::initializer_list<sql::Value> values) {
  const auto gone = TRY(read_ids(
      c, "DELETE FROM search_vectors WHERE name = ? AND " + which + " RETURNING generation",
      values));
  const Shards shards = gone.empty() ? Shards() : TRY(list_shards(c));
  for (const int64_t generation : gone) {
    const std::string table = "search_" + name + '_' + std::to_string(generation);
    TRY(c.run("DROP TABLE IF EXISTS " + table));
    TRY(run_on_shards(c, shards, "DROP TABLE IF EXISTS " + shards.name_of(table)));
  }
  return {};
}

// The table, or one on each shard, which are its partitions here.
Result<> create_table(sql::Connection& c, const std::string& table, int dim, const Shards& shards) {
  const std::string columns =
      " (id BIGINT NOT NULL, vec halfvec(" + std::to_string(dim) + ") NOT NULL";
  const std::string drop = "DROP TABLE IF EXISTS ";  // of one that was given up
  TRY(c.run(drop + table));
  if (shards.servers.empty()) {
    TRY(c.run("CREATE TABLE " + table + columns + ", PRIMARY KEY (id))"));
    return {};
  }
  TRY(run_on_shards(c, shards, "CREATE SCHEMA IF NOT EXISTS " + shards.schema));
  TRY(run_on_shards(c, shards, drop + shards.name_of(table)));
  TRY(run_on_shards(c, shards,
                    "CREATE TABLE " + shards.name_of(table) + columns + ", PRIMARY KEY (id))"));
  TRY(c.run("CREATE TABLE " + table + columns + ") PARTITION BY HASH (id)"));
  const std::string count = std::to_string(shards.servers.size());
  for (size_t i = 0; i < shards.servers.size(); ++i)
    TRY(c.run("CREATE FOREIGN TABLE " + table + '_' + std::to_string(i) + " PARTITION OF " + table +
              " FOR VALUES WITH (MODULUS " + count + ", REMAINDER " + std::to_string(i) +
              ") SERVER " + shards.servers[i] + " OPTIONS (schema_name '" + shards.schema +
              "', table_name '" + table + "')"));
  return {};
}

}  // namespace

Result<std::unique_ptr<VectorTable>> VectorTable::make(Catalog& catalog, const std::string& name,
                                                       int64_t generation, int dim) {
  std::unique_ptr<VectorTable> table(new VectorTable(catalog, name, generation));
  TRY(catalog.impl_->run(sql::Mode::kQueue, [&](sql::Connection& c) -> Result<> {
    const Shards shards = TRY(list_shards(c));
    if (TRY(c.run("INSERT INTO search_vectors (name, generation, dim, shards) SELECT ?, ?, ?, ? "
                  "ON CONFLICT DO NOTHING",
                  {name, generation, int64_t{dim}, std::ssize(shards.servers)})) == 0)
      return {};
    return create_table(c, table->table_, dim, shards);
  }));
  if (!TRY(table->load())) return Error{ErrorCode::kInternal, table->table_ + ": was not made"};
  return table;
}

Result<> VectorTable::drop(Catalog& catalog, const std::string& name) {
  return catalog.impl_->run(
      sql::Mode::kQueue, [&](sql::Connection& c) { return drop_tables(c, name, "true", {name}); });
}

Result<std::optional<int64_t>> VectorTable::seq() const {
  return catalog_.impl_->run(
      sql::Mode::kQueue, [&](sql::Connection& c) -> Result<std::optional<int64_t>> {
        auto state = TRY(c.query("SELECT seq FROM search_vectors WHERE name = ? AND generation = ?",
                                 {name_, generation_}));
        if (!state.next() || state.is_null(0)) return std::optional<int64_t>();
        return std::optional(state.integer(0));
      });
}

Result<> VectorTable::set_seq(int64_t seq) {
  return catalog_.impl_->run(sql::Mode::kQueue, [&](sql::Connection& c) -> Result<> {
    if (TRY(c.run("UPDATE search_vectors SET seq = ?, completed_at = coalesce(completed_at, now()) "
                  "WHERE name = ? AND generation = ?",
                  {seq, name_, generation_})) == 0)
      return gone({ErrorCode::kNotFound, ""});
    return drop_tables(
        c, name_,
        "generation <> ? AND EXISTS (SELECT 1 FROM search_vectors v WHERE v.name = ? "
        "AND v.generation = ? AND v.completed_at < now() - INTERVAL '1 minute')",
        {name_, generation_, name_, generation_});
  });
}

Result<> VectorTable::change(std::span<const ImageId> ids, std::span<const float> rows) {
  auto changed = catalog_.impl_->run(sql::Mode::kQueue, [&](sql::Connection& c) -> Result<int64_t> {
    int64_t more = -TRY(c.run("DELETE FROM " + table_ + " WHERE id = ANY(?::BIGINT[])", {ids}));
    if (!rows.empty()) {
      auto out = TRY(sql::Appender::open(c, table_.c_str()));
      const auto dim = static_cast<size_t>(dim_);
      for (size_t i = 0; i < ids.size(); ++i) {
        out.integer(ids[i]).floats(rows.subspan(i * dim, dim));
        TRY(out.end_row());
      }
      TRY(out.close());
      more += std::ssize(ids);
    }
    return c.integer(
        "UPDATE search_vectors SET rows = rows + ? WHERE name = ? AND generation = ? "
        "RETURNING rows",
        {more, name_, generation_});
  });
  if (!changed) return gone(std::move(changed).error());
  rows_ = *changed;
  return {};
}

Result<> VectorTable::add(std::span<const ImageId> ids, std::span<const float> rows) {
  return ids.empty() ? Result<>() : change(ids, rows);
}

Result<> VectorTable::remove(std::span<const ImageId> ids) {
  return ids.empty() ? Result<>() : change(ids, {});
}

// Of $2, the $3 nearest to $1. MATERIALIZED: so that the graph is not walked past all others.
std::string VectorTable::few_sql() const {
  return "WITH few AS MATERIALIZED (SELECT id, vec <=> $1 AS distance FROM " + table_ +
         " WHERE id = ANY($2::BIGINT[])) SELECT id, (1 - distance)::real FROM few "
         "ORDER BY distance, id LIMIT $3";
}

// The `rows` nearest to $1. Of this form postgres_fdw asks all shards at the same time, and tells
// each the limit, without which it would not walk the graph: so that is no parameter, and the whole
// is sorted by what no shard has sorted by.
std::string VectorTable::nearest_sql(int64_t rows) const {
  const std::string limit = " LIMIT " + std::to_string(rows);
  std::string all;
  for (int64_t i = 0; i < std::max<int64_t>(shards_, 1); ++i)
    all += (i == 0 ? "(SELECT" : " UNION ALL (SELECT") +
           std::string(" id, vec <=> $1 AS distance FROM ") + table_ +
           (shards_ > 0 ? '_' + std::to_string(i) : "") + " ORDER BY distance" + limit + ")";
  return "SELECT id, (1 - distance)::real FROM (" + all + ") AS nearest ORDER BY distance + 0" +
         limit;
}

Result<std::vector<Hit>> VectorTable::search(std::span<const float> query,
                                             const SearchOptions& options) const {
  std::vector<Hit> hits;
  const bool is_zero = std::ranges::all_of(query, [](float v) { return v == 0; });
  if (options.limit <= 0 || is_zero) return hits;
  const IdFilter& filter = options.filter;
  const bool are_few = filter.among && filter.among->size() <= kFew;
  const std::span<const ImageId> among =
      are_few ? std::span<const ImageId>(*filter.among) : std::span<const ImageId>();
  const auto limit = static_cast<size_t>(options.limit);
  auto searched = catalog_.impl_->read([&](sql::Connection& c) -> Result<> {
    // Powers of two, so that there are few statements to prepare.
    const auto first = static_cast<int64_t>(std::bit_ceil(filter ? 4 * limit : limit));
    for (int64_t rows = first;; rows *= 8) {
      auto found = TRY(are_few ? c.query(few_sql(), {query, among, rows})
                               : c.query(nearest_sql(rows), {query}));
      hits.clear();
      int64_t seen = 0;
      bool is_over = false;
      for (; hits.size() < limit && found.next(); ++seen) {
        const float similarity = std::clamp(found.real(1), 0.0F, 1.0F);
        // A row of zeros has no angle: NaN, which comes last.
        is_over = std::isnan(similarity) || similarity < options.min_similarity;
        if (is_over) break;
        const ImageId id = found.integer(0);
        if (!filter || filter(id)) hits.push_back({.id = id, .similarity = similarity});
      }
      if (is_over || hits.size() == limit || seen < rows || rows >= kMostRows) return {};
    }
  });
  if (!searched) return gone(std::move(searched).error());
  std::ranges::sort(hits, [](const Hit& a, const Hit& b) {
    return a.similarity != b.similarity ? a.similarity > b.similarity : a.id < b.id;
  });
  return hits;
}

Result<std::vector<float>> VectorTable::row(ImageId id) const {
  auto row = catalog_.impl_->read([&](sql::Connection& c) -> Result<std::vector<float>> {
    auto rows = TRY(c.query("SELECT vec FROM " + table_ + " WHERE id = ?", {id}));
    if (!rows.next()) return std::vector<float>();
    const auto vec = rows.floats(0);
    return std::vector<float>(vec.begin(), vec.end());
  });
  return row ? std::move(row) : gone(std::move(row).error());
}

Result<std::vector<ImageId>> VectorTable::known(std::span<const ImageId> ids) const {
  if (ids.empty()) return std::vector<ImageId>();
  auto found = catalog_.impl_->read([&](sql::Connection& c) {
    return read_ids(c, "SELECT id FROM " + table_ + " WHERE id = ANY(?::BIGINT[])", {ids});
  });
  if (!found) return gone(std::move(found).error());
  const std::unordered_set<ImageId> there(found->begin(), found->end());
  std::vector<ImageId> known;
  std::ranges::copy_if(ids, std::back_inserter(known),
                       [&](ImageId id) { return there.contains(id); });
  return known;
}

Result<std::vector<float>> VectorTable::sample(int64_t count) const {
  auto sampled = catalog_.impl_->read([&](sql::Connection& c) -> Result<std::vector<float>> {
    auto rows = TRY(c.query(
        "SELECT vec FROM " + table_ + " WHERE id = ANY(ARRAY(SELECT (SELECT id FROM " + table_ +
            " WHERE id >= at ORDER BY id LIMIT 1) FROM (SELECT min(id) AS first, "
            "max(id) AS last FROM " +
            table_ +
            ") AS ends CROSS JOIN generate_series(first, last, greatest(1, (last - "
            "first) / ?)) AS at))",
        {count}));
    std::vector<float> sample;
    while (rows.next()) {
      const auto vec = rows.floats(0);
      sample.insert(sample.end(), vec.begin(), vec.end());
    }
    return sample;
  });
  return sampled ? std::move(sampled) : gone(std::move(sampled).error());
}

Result<> VectorTable::build_graph(const std::stop_token& stop) {
  TRY(load());
  if (has_graph_) return {};
  auto lease = TRY(catalog_.impl_->database->lease());
  const int64_t process = TRY(lease->integer("SELECT pg_backend_pid()::bigint"));
  const Shards shards = TRY(list_shards(*lease));
  const int64_t memory =
      std::clamp(rows_ / std::max<int64_t>(shards_, 1) * (2 * dim_ + kGraphBytes),
                 kLeastGraphMemory, kMostGraphMemory);
  TRY(lease->query(
      "SELECT set_config('maintenance_work_mem', greatest(pg_size_bytes(current_setting("
      "'maintenance_work_mem')), ?) / 1024 || 'kB', false)",
      {memory}));
  // CONCURRENTLY, which is done in no transaction: what failed has left an index behind.
  const std::string index = table_ + "_graph";
  const auto build = [&](const std::string& schema, const auto& run) -> Result<> {
    TRY(run("DROP INDEX IF EXISTS " + schema + index));
    return run("CREATE INDEX CONCURRENTLY " + index + " ON " + schema + table_ +
               " USING hnsw (vec halfvec_cosine_ops) WITH (" + kGraph + ")");
  };
  Result<> built;
  {
    std::optional<std::jthread> canceller;
    const std::stop_callback on_stop(stop, [&] {
      canceller.emplace([this, process](const std::stop_token& is_over) {
        // Again and again, for the statement may not have begun yet; and no other.
        for (; !is_over.stop_requested();
             std::this_thread::sleep_for(std::chrono::milliseconds(50)))
          if (const auto other = catalog_.impl_->database->lease())
            static_cast<void>((*other)->query(
                "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = ? AND "
                "query ~ 'CREATE INDEX|dblink_get_result'",
                {process}));
      });
    });
    built = shards_ > 0 ? build(shards.schema + '.',
                                [&](const std::string& statement) {
                                  return run_on_shards(*lease, shards, statement, memory);
                                })
                        : build("", [&](const std::string& statement) -> Result<> {
                            TRY(lease->run(statement));
                            return {};
                          });
  }
  static_cast<void>(lease->run("RESET maintenance_work_mem"));
  if (!built) return gone(std::move(built).error());
  TRY(lease->run("UPDATE search_vectors SET has_graph = true WHERE name = ? AND generation = ?",
                 {name_, generation_}));
  has_graph_ = true;
  return {};
}

}  // namespace mimeme
