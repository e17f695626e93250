#include "store/catalog.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "store/catalog_impl.h"
#include "store/migrations.h"

namespace mimeme {

Result<> Catalog::Impl::writable() const {
  if (access == Access::kReadOnly)
    return Error{ErrorCode::kInvalidArgument, "the catalog is open for reading only"};
  if (commit_failed)
    return Error{ErrorCode::kIo,
                 "an earlier change could not be written to disk: make room, and restart"};
  return {};
}

Result<bool> Catalog::Impl::after_failed_commit(Error failed, const std::string& transaction_id) {
  if (failed.code != ErrorCode::kUnavailable) {
    commit_failed = database->dialect() == sql::Dialect::kDuckDb;
    return failed;
  }
  if (transaction_id.empty()) return false;  // it only read, or leased what nobody renews
  // The server went away before it answered: it knows what became of the transaction.
  for (Patience patience;;) {
    auto committed = database->has_committed(transaction_id);
    if (committed.ok() || !patience.wait()) return committed;
  }
}

namespace {

// Of a catalog on a server.
Result<std::string> id_of(sql::Connection& c) {
  auto rows = TRY(c.query("SELECT id FROM identity"));
  return rows.next() ? rows.text(0) : std::string();
}

}  // namespace

Result<int64_t> Replica::position_of(sql::Connection& c) {
  return c.integer(
      "SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() "
      "ELSE pg_current_wal_insert_lsn() END - '0/0'::pg_lsn)::BIGINT");
}

void Replica::saw(int64_t position) {
  for (int64_t seen = seen_; seen < position && !seen_.compare_exchange_weak(seen, position);) {
  }
}

Result<sql::Database::Lease> Replica::connect() {
  if (!database_) {
    auto database = TRY(sql::Database::open(address_, sql::Database::Access::kReadOnly));
    if (TRY(id_of(*TRY(database->lease()))) != id_)
      return Error{ErrorCode::kConflict, database->name() + ": has another catalog"};
    database_ = (owned_ = std::move(database)).get();
  }
  return database_.load()->lease();
}

std::optional<sql::Database::Lease> Replica::lease() {
  // After a failure, and at first, one asks at a time, and the primary answers the others.
  Clock::rep until = away_until_;
  const Clock::rep now = Clock::now().time_since_epoch().count();
  if (until != 0 && (now < until || !away_until_.compare_exchange_strong(
                                        until, now + Clock::duration(kAwayFor).count())))
    return std::nullopt;
  // Before what is read: what the replica gets meanwhile does no harm.
  const int64_t seen = seen_;
  auto leased = connect();
  auto position = leased ? position_of(**leased) : Result<int64_t>(leased.error());
  if (!position) {
    is_away(position.error());
    return std::nullopt;
  }
  away_until_ = 0;
  if (*position < seen) return std::nullopt;
  saw(*position);  // another replica may be further behind
  return *std::move(leased);
}

void Replica::is_away(const Error& error) {
  log(error.code == ErrorCode::kConflict ? LogLevel::kWarning : LogLevel::kDebug,
      "the primary answers instead of its replica: " + error.message);
  away_until_ = (Clock::now() + kAwayFor).time_since_epoch().count();
}

bool Patience::wait() {
  if (left_.count() <= 0) return false;
  std::this_thread::sleep_for(next_);
  left_ -= next_;
  next_ = std::min(next_ * 2, std::chrono::milliseconds(1000));
  return true;
}

Result<int64_t> take(sql::Connection& connection, const char* counter, int64_t n) {
  const int64_t last = TRY(connection.integer(
      "UPDATE counters SET last = last + ? WHERE name = ? RETURNING last", {n, counter}));
  return last - n + 1;
}

Result<int64_t> model_dim(sql::Connection& connection, ModelId model) {
  auto rows = TRY(connection.query("SELECT dim FROM models WHERE id = ?", {model}));
  if (!rows.next())
    return Error{ErrorCode::kNotFound, "the catalog has no model " + std::to_string(model)};
  return rows.integer(0);
}

namespace {

// The model for which the condition holds, if there is one.
Result<std::optional<ModelRecord>> only_model(sql::Connection& c, const std::string& condition,
                                              std::initializer_list<sql::Value> values) {
  auto rows = TRY(c.query("SELECT id, name, digest, dim FROM models WHERE " + condition, values));
  if (!rows.next()) return std::optional<ModelRecord>();
  return std::optional(ModelRecord{.id = rows.integer(0),
                                   .name = rows.text(1),
                                   .digest = rows.text(2),
                                   .dim = static_cast<int>(rows.integer(3))});
}

}  // namespace

Catalog::Catalog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Catalog::~Catalog() = default;

Result<std::unique_ptr<Catalog>> Catalog::open(const std::string& where, Access access,
                                               const std::string& replica) {
  auto impl = std::make_unique<Impl>();
  impl->access = access;
  const bool writes = access == Access::kReadWrite;
  impl->database = TRY(sql::Database::open(
      where, writes ? sql::Database::Access::kReadWrite : sql::Database::Access::kReadOnly));
  {
    const auto lease = TRY(impl->database->lease());
    const std::string& name = impl->database->name();
    TRY(writes ? migrate(*lease, name) : check_schema(*lease, name));
    // Of a server's, another process may be at work on it.
    if (writes && lease->dialect() == sql::Dialect::kDuckDb)
      TRY(impl->write(*lease, drop_unfinished_projection));
  }
  if (!replica.empty()) {
    if (!is_server(where) || !is_server(replica))
      return Error{
          ErrorCode::kInvalidArgument,
          "a replica is the address of a PostgreSQL server, and of one that has the catalog"};
    const auto lease = TRY(impl->database->lease());
    impl->replica = std::make_unique<Replica>(replica, TRY(id_of(*lease)));
    impl->note_position(*lease);
  }
  return std::make_unique<Catalog>(std::move(impl));
}

bool Catalog::is_server(std::string_view where) { return sql::Database::is_server(where); }

Result<std::string> Catalog::id() {
  if (impl_->database->dialect() == sql::Dialect::kDuckDb) return std::string();
  return impl_->read(id_of);
}

Result<Catalog::Version> Catalog::version() {
  // Else a process that only reads would see ever older states of a replica that lags.
  if (impl_->replica)
    if (const auto lease = impl_->database->lease()) impl_->note_position(**lease);
  return impl_->read([](sql::Connection& c) -> Result<Version> {
    auto rows =
        TRY(c.query("SELECT (SELECT last FROM counters WHERE name = 'change'), "
                    "(SELECT last FROM counters WHERE name = 'text'), "
                    "(SELECT coalesce(max(last), 0) FROM counters WHERE name = 'details'), "
                    "(SELECT coalesce(max(id), 0) FROM projections WHERE is_current)"));
    rows.next();
    return Version{.change = rows.integer(0),
                   .text = rows.integer(1),
                   .details = rows.integer(2),
                   .projection = rows.integer(3)};
  });
}

Result<std::vector<std::string>> Catalog::roots() {
  return impl_->read([&](sql::Connection& c) -> Result<std::vector<std::string>> {
    std::vector<std::string> roots;
    auto rows = TRY(c.query("SELECT path FROM roots ORDER BY path COLLATE \"C\""));
    while (rows.next()) roots.push_back(rows.text(0));
    return roots;
  });
}

Result<> Catalog::add_root(const std::string& path) {
  return impl_->write([&](sql::Connection& c) -> Result<> {
    TRY(c.run("INSERT INTO roots SELECT ? WHERE NOT EXISTS (SELECT 1 FROM roots WHERE path = ?)",
              {path, path}));
    return {};
  });
}

Result<ModelId> Catalog::register_model(const ModelRecord& model) {
  return impl_->write([&](sql::Connection& c) -> Result<ModelId> {
    auto rows = TRY(c.query("SELECT id FROM models WHERE digest = ?", {model.digest}));
    if (rows.next()) return rows.integer(0);
    const ModelId id = TRY(take(c, "model", 1));
    TRY(c.run("INSERT INTO models VALUES (?, ?, ?, ?, make_timestamp(?), false)",
              {id, model.name, model.digest, int64_t{model.dim}, now_us()}));
    return id;
  });
}

Result<std::optional<ModelRecord>> Catalog::active_model() {
  return impl_->read([](sql::Connection& c) { return only_model(c, "is_active", {}); });
}

Result<std::optional<ModelRecord>> Catalog::find_model(const std::string& digest) {
  return impl_->read([&](sql::Connection& c) { return only_model(c, "digest = ?", {digest}); });
}

Result<> Catalog::set_active_model(ModelId id) {
  return impl_->write([&](sql::Connection& c) -> Result<> {
    TRY(model_dim(c, id));
    if (TRY(c.integer("SELECT count(*) FROM models WHERE id = ? AND is_active", {id})) > 0)
      return {};
    TRY(c.run("UPDATE models SET is_active = (id = ?)", {id}));
    TRY(c.run("DELETE FROM embeddings WHERE model_id <> ?", {id}));
    return drop_projections(c);
  });
}

Result<CatalogCounts> Catalog::counts() {
  return impl_->read([](sql::Connection& c) -> Result<CatalogCounts> {
    auto rows =
        TRY(c.query("SELECT (SELECT count(*) FROM images), "
                    "(SELECT count(*) FROM files WHERE error IS NULL), "
                    "(SELECT count(*) FROM files WHERE error IS NOT NULL), "
                    "(SELECT count(*) FROM embeddings WHERE model_id IN (SELECT id FROM models "
                    "WHERE is_active)), "
                    "(SELECT count(*) FROM vectors), "
                    "(SELECT coalesce(sum(bytes), 0)::BIGINT FROM images), "
                    "(SELECT coalesce(max(id), 0) FROM images)"));
    rows.next();
    return CatalogCounts{.images = rows.integer(0),
                         .files = rows.integer(1),
                         .failed_files = rows.integer(2),
                         .embedded = rows.integer(3),
                         .vectors = rows.integer(4),
                         .bytes = rows.integer(5),
                         .newest = rows.integer(6)};
  });
}

Result<std::string> Catalog::write_copy() { return impl_->database->write_copy(); }

Result<int64_t> Catalog::bytes_on_disk() { return impl_->database->bytes_on_disk(); }

Result<> Catalog::checkpoint() {
  const auto lease = TRY(impl_->database->lease());
  if (lease->dialect() == sql::Dialect::kPostgreSql) return {};  // it does that by itself
  Lock lock(impl_->write_mu);
  TRY(impl_->writable());
  // FORCE: waits for running readers, where a plain CHECKPOINT refuses.
  TRY(lease->query("FORCE CHECKPOINT"));
  return {};
}

}  // namespace mimeme
