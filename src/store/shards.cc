#include "store/shards.h"

namespace mimeme {

namespace {

Result<Shards> read_shards(sql::Connection& c, const std::string& servers,
                           std::initializer_list<sql::Value> values) {
  Shards shards;
  auto rows =
      TRY(c.query("SELECT srvname::text, 'mimeme_' || replace((SELECT id FROM identity), '-', '_') "
                  "FROM pg_foreign_server s " +
                      servers + " ORDER BY srvname COLLATE \"C\"",
                  values));
  while (rows.next()) {
    shards.servers.push_back(rows.text(0));
    shards.schema = rows.text(1);
  }
  return shards;
}

}  // namespace

Result<Shards> list_shards(sql::Connection& c) {
  return read_shards(
      c,
      "JOIN pg_foreign_data_wrapper w ON w.oid = srvfdw WHERE fdwname = 'postgres_fdw' AND "
      "srvname ~ '^mimeme_shard_[a-z0-9_]+$' AND has_server_privilege(s.oid, 'USAGE') AND "
      "EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'dblink')",
      {});
}

Result<Shards> shards_of(sql::Connection& c, const std::string& table) {
  return read_shards(c,
                     "JOIN pg_foreign_table f ON f.ftserver = s.oid JOIN pg_inherits i ON "
                     "i.inhrelid = f.ftrelid WHERE i.inhparent = to_regclass(?)",
                     {table});
}

namespace {

// A connection to each, by its own name.
class Links {
 public:
  explicit Links(sql::Connection& c) : c_(c) {}
  ~Links() {
    for (const std::string& shard : open_) {
      static_cast<void>(c_.query("SELECT dblink_cancel_query(?)", {shard}));  // if it goes on
      static_cast<void>(c_.query("SELECT dblink_disconnect(?)", {shard}));
    }
  }
  Result<> open(const std::string& shard) {
    // One that a transaction which failed has left.
    TRY(
        c_.query("SELECT dblink_disconnect(name) FROM unnest(dblink_get_connections()) AS name "
                 "WHERE name = ?",
                 {shard}));
    TRY(c_.query("SELECT dblink_connect(?, ?)", {shard, shard}));
    open_.push_back(shard);
    return {};
  }

 private:
  sql::Connection& c_;
  std::vector<std::string> open_;
};

}  // namespace

Result<> run_on_shards(sql::Connection& c, const Shards& shards, const std::string& statement,
                       int64_t maintenance_work_mem) {
  Links links(c);
  for (const std::string& shard : shards.servers) {
    TRY(links.open(shard), shard);
    TRY(c.query("SELECT dblink_exec(?, 'SET maintenance_work_mem = ''' || ? / 1024 || 'kB''')",
                {shard, maintenance_work_mem}),
        shard);
    TRY(c.query("SELECT dblink_send_query(?, ?)", {shard, statement}), shard);
  }
  // A row for each statement that is done, and none when all are.
  const std::string done = "SELECT 1::bigint FROM dblink_get_result(?) AS done(status TEXT)";
  for (const std::string& shard : shards.servers)
    while (TRY(c.query(done, {shard}), shard).next()) {
    }
  return {};
}

}  // namespace mimeme
