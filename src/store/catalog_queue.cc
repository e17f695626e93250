#include <algorithm>
#include <utility>

#include "store/catalog.h"
#include "store/catalog_impl.h"

namespace mimeme {
namespace {

bool has_queue(const sql::Connection& c) { return c.dialect() == sql::Dialect::kPostgreSql; }

// Runs f(connection) beside the catalog's writers.
template <typename F>
std::invoke_result_t<F, sql::Connection&> in_queue(Catalog::Impl& catalog, F f) {
  if (catalog.database->dialect() == sql::Dialect::kDuckDb) return no_queue();
  return catalog.run(sql::Mode::kQueue, f);
}

// The moments are the server's: its clients' clocks may differ.
const std::string kIsFree = "(leased_until IS NULL OR leased_until < now())";
const std::string kMost = std::to_string(Catalog::kMostTries);
const std::string kLast = std::to_string(Catalog::kMostTries - 1);
const std::string kWaits = "tries < " + kMost + " AND " + kIsFree;
const std::string kIsSetAside =
    "tries >= " + kMost + " AND (worker IS NULL OR leased_until < now())";
const std::string kIsLeased = "worker IS NOT NULL AND leased_until >= now()";

Work work_of(const sql::Rows& rows) {
  return {rows.integer(0), rows.text(1), rows.integer(2), rows.integer(3)};
}

}  // namespace

Error no_queue() {
  return {ErrorCode::kUnsupported,
          "this library's catalog is a file, which one process has at a time: workers share a "
          "catalog on a PostgreSQL server (--catalog)"};
}

Result<> take_out(sql::Connection& c, const char* stage, std::span<const int64_t> done) {
  if (has_queue(c))
    TRY(c.run("DELETE FROM queue WHERE stage = ? AND n IN (SELECT unnest(?::BIGINT[]))",
              {std::string_view(stage), done}));
  return {};
}

Result<> take_files_out(sql::Connection& c, std::span<const std::string> paths) {
  if (has_queue(c))
    TRY(
        c.run("DELETE FROM queue WHERE stage = 'embed' "
              "AND md5(path) IN (SELECT md5(unnest(?::VARCHAR[])))",
              {paths}));
  return {};
}

Result<> take_files_below_out(sql::Connection& c, const std::string& path) {
  if (has_queue(c))
    TRY(c.run("DELETE FROM queue WHERE stage = 'embed' AND (path = ? OR starts_with(path, ?))",
              {without_slash(path), prefix_below(path)}));
  return {};
}

Result<> take_doomed_out(sql::Connection& c) {
  if (has_queue(c))
    TRY(
        c.run("DELETE FROM queue WHERE stage IN ('look', 'read', 'label', 'ask') "
              "AND n IN (SELECT id FROM doomed)"));
  return {};
}

Result<> Catalog::enqueue(const std::string& stage, std::span<const Work> work) {
  return in_queue(*impl_, [&](sql::Connection& c) -> Result<> {
    std::vector<int64_t> ns, sizes, mtimes;
    std::vector<std::string> paths;
    for (const Work& one : work) {
      ns.push_back(one.n);
      sizes.push_back(one.size);
      mtimes.push_back(one.mtime_ns);
      paths.push_back(one.path);
    }
    TRY(
        c.run("INSERT INTO queue (stage, n, path, size, mtime_ns) SELECT ?, new.* FROM unnest("
              "?::BIGINT[], ?::VARCHAR[], ?::BIGINT[], ?::BIGINT[]) AS new(id, path, size, mtime) "
              "WHERE ? = 'embed' OR EXISTS (SELECT 1 FROM images WHERE images.id = new.id) "
              "ON CONFLICT DO NOTHING",
              {stage, ns, paths, sizes, mtimes, stage}));
    return {};
  });
}

Result<std::vector<Work>> Catalog::lease(const std::string& stage, const std::string& worker,
                                         int64_t seconds, int limit, Tries tries) {
  const std::string which =
      "tries " + std::string(tries == Tries::kAny ? "< " : "= ") + kLast + " AND " + kIsFree;
  return in_queue(*impl_, [&](sql::Connection& c) -> Result<std::vector<Work>> {
    auto rows =
        TRY(c.query("UPDATE queue SET worker = ?, tries = tries + 1, error = '', "
                    "leased_until = now() + make_interval(secs => ?::BIGINT) "
                    "FROM (SELECT n AS free FROM queue WHERE stage = ? AND " +
                        which +
                        " ORDER BY n LIMIT ? FOR UPDATE SKIP LOCKED) AS waiting "
                        "WHERE stage = ? AND n = free RETURNING n, path, size, mtime_ns",
                    {worker, seconds, stage, int64_t{tries == Tries::kAny ? limit : 1}, stage}));
    std::vector<Work> leased;
    while (rows.next()) leased.push_back(work_of(rows));
    std::ranges::sort(leased, {}, &Work::n);
    return leased;
  });
}

Result<bool> Catalog::has_waiting(const std::string& stage) {
  return in_queue(*impl_, [&](sql::Connection& c) -> Result<bool> {
    return TRY(c.integer("SELECT count(*) FROM (SELECT 1 FROM queue WHERE stage = ? AND " + kWaits +
                             " LIMIT 1) AS first",
                         {stage})) > 0;
  });
}

Result<> Catalog::renew(const std::string& stage, std::span<const int64_t> leased,
                        const std::string& worker, int64_t seconds) {
  return in_queue(*impl_, [&](sql::Connection& c) -> Result<> {
    TRY(
        c.run("UPDATE queue SET leased_until = now() + make_interval(secs => ?::BIGINT) "
              "WHERE stage = ? AND n IN (SELECT unnest(?::BIGINT[])) AND worker = ?",
              {seconds, stage, leased, worker}));
    return {};
  });
}

Result<> Catalog::finish(const std::string& stage, std::span<const int64_t> done) {
  return in_queue(*impl_, [&](sql::Connection& c) { return take_out(c, stage.c_str(), done); });
}

Result<> Catalog::put_off(const std::string& stage, int64_t n, const std::string& worker,
                          const std::string& error, int64_t seconds) {
  return in_queue(*impl_, [&](sql::Connection& c) -> Result<> {
    TRY(
        c.run("UPDATE queue SET worker = NULL, error = ?, "
              "leased_until = now() + make_interval(secs => ?::BIGINT * tries) "
              "WHERE stage = ? AND n = ? AND worker = ?",
              {error, seconds, stage, n, worker}));
    return {};
  });
}

Result<> Catalog::give_back(const std::string& worker) {
  return in_queue(*impl_, [&](sql::Connection& c) -> Result<> {
    TRY(
        c.run("UPDATE queue SET worker = NULL, leased_until = NULL, tries = tries - 1 "
              "WHERE worker = ?",
              {worker}));
    return {};
  });
}

Result<std::vector<Catalog::SetAside>> Catalog::set_aside(const std::string& stage, int limit) {
  return in_queue(*impl_, [&](sql::Connection& c) -> Result<std::vector<SetAside>> {
    auto rows =
        TRY(c.query("SELECT n, path, size, mtime_ns, error FROM queue WHERE stage = ? AND " +
                        kIsSetAside + " ORDER BY n LIMIT ?",
                    {stage, int64_t{limit}}));
    std::vector<SetAside> found;
    while (rows.next()) found.push_back({work_of(rows), rows.text(4)});
    return found;
  });
}

Result<std::vector<std::string>> Catalog::fail_deadly_files(const std::string& error) {
  if (impl_->database->dialect() == sql::Dialect::kDuckDb) return no_queue();
  const std::string deadly = "stage = 'embed' AND error = '' AND " + kIsSetAside;
  // Looked for first: writers take turns, and most of the time there is nothing to write.
  const int64_t any = TRY(impl_->read(
      [&](sql::Connection& c) { return c.integer("SELECT count(*) FROM queue WHERE " + deadly); }));
  if (any == 0) return std::vector<std::string>();
  return impl_->write([&](sql::Connection& c) -> Result<std::vector<std::string>> {
    auto rows =
        TRY(c.query("WITH deadly AS (DELETE FROM queue WHERE " + deadly +
                        " RETURNING path, size, mtime_ns) "
                        "INSERT INTO files SELECT path, size, mtime_ns, NULL, ? FROM deadly "
                        "WHERE NOT EXISTS (SELECT 1 FROM files f WHERE f.path = deadly.path) "
                        "RETURNING path",
                    {error}));
    std::vector<std::string> failed;
    while (rows.next()) failed.push_back(rows.text(0));
    return failed;
  });
}

Result<> Catalog::retry() {
  return in_queue(*impl_, [&](sql::Connection& c) -> Result<> {
    TRY(c.run("UPDATE queue SET worker = NULL, leased_until = NULL, tries = 0 WHERE " +
              kIsSetAside));
    return {};
  });
}

Result<std::vector<Catalog::QueueCounts>> Catalog::queue() {
  return in_queue(*impl_, [&](sql::Connection& c) -> Result<std::vector<QueueCounts>> {
    auto rows = TRY(c.query("SELECT stage, count(*), count(*) FILTER (WHERE " + kIsLeased +
                            "), count(*) FILTER (WHERE " + kIsSetAside +
                            "), count(DISTINCT worker) FILTER (WHERE " + kIsLeased +
                            ") FROM queue GROUP BY stage ORDER BY stage COLLATE \"C\""));
    std::vector<QueueCounts> counts;
    while (rows.next())
      counts.push_back({.stage = rows.text(0),
                        .waiting = rows.integer(1) - rows.integer(2) - rows.integer(3),
                        .leased = rows.integer(2),
                        .set_aside = rows.integer(3),
                        .workers = rows.integer(4)});
    return counts;
  });
}

}  // namespace mimeme
