#include "store/vector_table.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <stop_token>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/log.h"
#include "store/appender.h"
#include "store/catalog_impl.h"
#include "store/shards.h"

namespace mimeme {
namespace {

// Of the graph: links of a row, and rows that are looked at for them. With twice pgvector's own 64
// shorter walks find more; it takes twice as long to build (docs/scale-out.md).
constexpr const char* kGraph = "m = 16, ef_construction = 128";
// Bytes of memory for each row while it is built, beside its vector; without as much the server
// builds on disk, which takes many times as long. And how much is asked for at most.
constexpr int64_t kGraphBytes = 400;
constexpr int64_t kLeastGraphMemory = 64 << 20, kMostGraphMemory = int64_t{2} << 30;

// So many are compared one by one, rather than walked to.
constexpr size_t kFew = 20'000;
// Rows that are asked for until enough have passed the filter.
constexpr int64_t kMostRows = 1 << 17;

std::string table_of(const std::string& name, int64_t generation) {
  return "search_" + name + '_' + std::to_string(generation);
}

}  // namespace

VectorTable::VectorTable(Catalog& catalog, std::string name, int64_t generation, const Row& row)
    : catalog_(catalog),
      name_(std::move(name)),
      generation_(generation),
      table_(table_of(name_, generation)),
      dim_(row.dim),
      shards_(row.shards),
      opened_(row.state),
      rows_(row.rows),
      has_graph_(row.has_graph) {}

Result<std::optional<VectorTable::Row>> VectorTable::read(Catalog& catalog, const std::string& name,
                                                          int64_t generation) {
  // Not of a standby: whoever takes turns must know what the last one did.
  return catalog.impl_->run(
      sql::Mode::kRead, [&](sql::Connection& c) -> Result<std::optional<Row>> {
        auto rows =
            TRY(c.query("SELECT dim, rows, shards, has_graph::int::bigint, seq, "
                        "(completed_at IS NOT NULL)::int::bigint FROM search_vectors "
                        "WHERE name = ? AND generation = ?",
                        {name, generation}));
        if (!rows.next()) return std::optional<Row>();
        return std::optional(
            Row{.dim = static_cast<int>(rows.integer(0)),
                .rows = rows.integer(1),
                .shards = rows.integer(2),
                .has_graph = rows.integer(3) == 1,
                .state = {.seq = rows.integer(4), .is_complete = rows.integer(5) == 1}});
      });
}

// A table that is not there, though it is listed, was lost: by a shard, most likely.
Error VectorTable::explained(Error error) const {
  if (error.code != ErrorCode::kNotFound) return error;
  if (const auto row = read(catalog_, name_, generation_); row && *row)
    return {ErrorCode::kCorrupt, error.message + ": run `mimeme check`"};
  return {ErrorCode::kConflict, "the index of " + name_ + " was made anew: try again"};
}

Result<std::unique_ptr<VectorTable>> VectorTable::open(Catalog& catalog, const std::string& name,
                                                       int64_t generation) {
  const auto row = TRY(read(catalog, name, generation));
  if (!row) return Error{ErrorCode::kNotFound, "the index of " + name + " was not made yet"};
  return std::unique_ptr<VectorTable>(new VectorTable(catalog, name, generation, *row));
}

Result<std::optional<VectorTable::State>> VectorTable::reload() {
  const auto row = TRY(read(catalog_, name_, generation_));
  if (!row || row->dim != dim_ || row->shards != shards_) return std::optional<State>();
  rows_ = row->rows;
  has_graph_ = row->has_graph;
  return std::optional(row->state);
}

namespace {

// Of those of the name for which the condition holds. A backup that reads them is not waited for.
Result<> drop_tables(Catalog::Impl& catalog, const std::string& name, const std::string& which,
                     std::initializer_list<sql::Value> values) {
  return catalog.run(sql::Mode::kQueue, [&](sql::Connection& c) -> Result<> {
    TRY(c.run("SET LOCAL lock_timeout = '2s'"));
    const auto gone = TRY(read_ids(
        c, "DELETE FROM search_vectors WHERE name = ? AND " + which + " RETURNING generation",
        values));
    for (const int64_t generation : gone) {
      const std::string table = table_of(name, generation);
      const Shards shards = TRY(shards_of(c, table));
      TRY(c.run("DROP TABLE IF EXISTS " + table));
      TRY(run_on_shards(c, shards,
                        "SET lock_timeout = '2s'; DROP TABLE IF EXISTS " + shards.name_of(table)));
    }
    return {};
  });
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
  TRY(catalog.impl_->run(sql::Mode::kQueue, [&](sql::Connection& c) -> Result<> {
    const Shards shards = TRY(list_shards(c));
    if (TRY(c.run("INSERT INTO search_vectors (name, generation, dim, shards) SELECT ?, ?, ?, ? "
                  "ON CONFLICT DO NOTHING",
                  {name, generation, int64_t{dim}, std::ssize(shards.servers)})) == 0)
      return {};
    return create_table(c, table_of(name, generation), dim, shards);
  }));
  return open(catalog, name, generation);
}

Result<> VectorTable::drop(Catalog& catalog, const std::string& name) {
  return drop_tables(*catalog.impl_, name, "true", {name});
}

Result<> VectorTable::set_state(const State& state) {
  const auto changed =
      TRY(catalog_.impl_->run(sql::Mode::kQueue, [&](sql::Connection& c) -> Result<int64_t> {
        return c.run(
            "UPDATE search_vectors SET seq = ?, completed_at = CASE WHEN ? = 1 THEN "
            "coalesce(completed_at, now()) END WHERE name = ? AND generation = ?",
            {state.seq, int64_t{state.is_complete}, name_, generation_});
      }));
  if (changed == 0) return explained({ErrorCode::kNotFound, ""});
  if (!state.is_complete) return {};
  const auto dropped =
      drop_tables(*catalog_.impl_, name_,
                  "generation < ? AND EXISTS (SELECT 1 FROM search_vectors v WHERE v.name = ? AND "
                  "v.generation = ? AND v.completed_at < now() - INTERVAL '1 minute')",
                  {name_, generation_, name_, generation_});
  // Tried again next time.
  if (!dropped) log(LogLevel::kDebug, "an older table is left: " + dropped.error().message);
  return {};
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
  if (!changed) return explained(std::move(changed).error());
  rows_ = *changed;
  return {};
}

Result<> VectorTable::add(std::span<const ImageId> ids, std::span<const float> rows) {
  return ids.empty() ? Result<>() : change(ids, rows);
}

Result<> VectorTable::remove(std::span<const ImageId> ids) {
  constexpr size_t kPage = 50'000;
  for (; !ids.empty(); ids = ids.subspan(std::min(ids.size(), kPage)))
    TRY(change(ids.first(std::min(ids.size(), kPage)), {}));
  return {};
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
  const auto limit = static_cast<size_t>(options.limit);
  enum class Outcome { kAll, kAskForMore, kGraphHasNoMore };
  // Takes rows until there are enough hits, or none is as similar as wanted.
  const auto take = [&](sql::Rows found, int64_t asked) {
    hits.clear();
    int64_t seen = 0;
    for (; hits.size() < limit && found.next(); ++seen) {
      const float similarity = std::clamp(found.real(1), 0.0F, 1.0F);
      // A row of zeros has no angle: NaN, which comes last.
      if (std::isnan(similarity) || similarity < options.min_similarity) return Outcome::kAll;
      const ImageId id = found.integer(0);
      if (!filter || filter(id)) hits.push_back({.id = id, .similarity = similarity});
    }
    if (hits.size() == limit || (!has_graph_ && seen < asked)) return Outcome::kAll;
    return seen < asked ? Outcome::kGraphHasNoMore : Outcome::kAskForMore;
  };
  auto searched = catalog_.impl_->read([&](sql::Connection& c) -> Result<> {
    if (!filter.among || filter.among->size() > kFew) {
      // Powers of two, so that there are few statements to prepare.
      const auto first = static_cast<int64_t>(std::bit_ceil(filter ? 4 * limit : limit));
      auto outcome = Outcome::kAskForMore;
      for (int64_t rows = first;
           outcome == Outcome::kAskForMore && (rows <= kMostRows || !has_graph_); rows *= 8)
        outcome = take(TRY(c.query(nearest_sql(rows), {query})), rows);
      if (outcome == Outcome::kAll || !filter) return {};
      if (!filter.among) return {};  // as the header says
    }
    const auto all = std::ssize(*filter.among);
    take(TRY(c.query(few_sql(), {query, std::span<const ImageId>(*filter.among), all})), all);
    return {};
  });
  if (!searched) return explained(std::move(searched).error());
  std::ranges::sort(hits, [](const Hit& a, const Hit& b) {
    return a.similarity != b.similarity ? a.similarity > b.similarity : a.id < b.id;
  });
  return hits;
}

Result<std::vector<std::vector<float>>> VectorTable::rows(std::span<const ImageId> ids) const {
  using Found = std::unordered_map<ImageId, std::vector<float>>;
  auto found = catalog_.impl_->read([&](sql::Connection& c) -> Result<Found> {
    Found by_id;
    auto rows =
        TRY(c.query("SELECT id, vec FROM " + table_ + " WHERE id = ANY(?::BIGINT[])", {ids}));
    while (rows.next()) {
      const auto vec = rows.floats(1);
      by_id[rows.integer(0)] = {vec.begin(), vec.end()};
    }
    return by_id;
  });
  if (!found) return explained(std::move(found).error());
  std::vector<std::vector<float>> rows;
  for (const ImageId id : ids) rows.push_back((*found)[id]);
  return rows;
}

Result<std::vector<ImageId>> VectorTable::known(std::span<const ImageId> ids) const {
  if (ids.empty()) return std::vector<ImageId>();
  auto found = catalog_.impl_->read([&](sql::Connection& c) {
    return read_ids(c, "SELECT id FROM " + table_ + " WHERE id = ANY(?::BIGINT[])", {ids});
  });
  if (!found) return explained(std::move(found).error());
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
  return sampled ? std::move(sampled) : explained(std::move(sampled).error());
}

namespace {

Error stopped() { return {ErrorCode::kUnavailable, "stopped"}; }

}  // namespace

Result<> VectorTable::build_graph(const std::stop_token& stop) {
  auto lease = TRY(catalog_.impl_->database->lease());
  // The lock is of the session that builds, and ends with it: should this process be killed, the
  // server goes on for a while. One graph at a time, for each takes the memory there is. Waiting in
  // the server for the lock would be waited for by whoever builds.
  const std::string lock = '(' + sql::lock_of_schema(sql::kGraphLock) + ')';
  while (TRY(lease->integer("SELECT pg_try_advisory_lock" + lock + "::int::bigint")) == 0) {
    for (int i = 0; i < 50 && !stop.stop_requested(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    if (stop.stop_requested()) return stopped();
  }
  auto built = create_graph(*lease, stop);
  static_cast<void>(lease->query("SELECT pg_advisory_unlock" + lock));
  return built ? Result<>() : explained(std::move(built).error());
}

Result<> VectorTable::create_graph(sql::Connection& c, const std::stop_token& stop) {
  const auto state = TRY(reload());
  if (!state || has_graph_) return {};
  const Shards shards = TRY(shards_of(c, table_));
  if (std::ssize(shards.servers) != shards_)
    return Error{ErrorCode::kConflict, table_ + ": not all of its shards are there"};
  const int64_t memory =
      std::clamp(rows_ / std::max<int64_t>(shards_, 1) * (2 * dim_ + kGraphBytes),
                 kLeastGraphMemory, kMostGraphMemory);
  TRY(
      c.query("SELECT set_config('maintenance_work_mem', greatest(pg_size_bytes(current_setting("
              "'maintenance_work_mem')), ?) / 1024 || 'kB', false), "
              "set_config('statement_timeout', '0', false), "
              "set_config('client_connection_check_interval', '10s', false)",
              {memory}));
  const int64_t process = TRY(c.integer("SELECT pg_backend_pid()::bigint"));
  // CONCURRENTLY, which is done in no transaction: what failed has left an index behind.
  const std::string index = table_ + "_graph";
  const auto build = [&](const std::string& schema, const auto& run) -> Result<> {
    TRY(run("DROP INDEX CONCURRENTLY IF EXISTS " + schema + index));
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
                "query ~ 'INDEX CONCURRENTLY|dblink_get_result'",
                {process}));
      });
    });
    built = shards_ > 0 ? build(shards.schema + '.',
                                [&](const std::string& statement) {
                                  return run_on_shards(c, shards, statement, memory);
                                })
                        : build("", [&](const std::string& statement) -> Result<> {
                            TRY(c.run(statement));
                            return {};
                          });
  }
  static_cast<void>(c.run("RESET maintenance_work_mem"));
  static_cast<void>(c.run("RESET statement_timeout"));
  TRY(std::move(built));
  TRY(c.run("UPDATE search_vectors SET has_graph = true WHERE name = ? AND generation = ?",
            {name_, generation_}));
  has_graph_ = true;
  return {};
}

}  // namespace mimeme
