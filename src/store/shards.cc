#include "store/shards.h"

namespace mimeme {

Result<Shards> list_shards(sql::Connection& c) {
  Shards shards;
  auto rows = TRY(
      c.query("SELECT srvname::text, 'mimeme_' || replace((SELECT id FROM identity), '-', '_') "
              "FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON "
              "w.oid = srvfdw WHERE fdwname = 'postgres_fdw' AND srvname LIKE 'mimeme\\_shard\\_%' "
              "AND has_server_privilege(s.oid, 'USAGE') AND EXISTS (SELECT 1 FROM pg_extension "
              "WHERE extname = 'dblink') ORDER BY srvname COLLATE \"C\""));
  while (rows.next()) {
    shards.servers.push_back(rows.text(0));
    shards.schema = rows.text(1);
  }
  return shards;
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
  for (const std::string& shard : shards.servers)
    TRY(c.query("SELECT 1::bigint FROM dblink_get_result(?) AS done(status TEXT)", {shard}), shard);
  return {};
}

}  // namespace mimeme
