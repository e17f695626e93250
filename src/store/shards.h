// Servers that hold parts of a table of the catalog's server (docs/scale-out.md): its foreign
// servers by postgres_fdw whose names begin with "mimeme_shard_" and go on in small letters and
// digits, in the order of their names.
// mimeme makes its tables there by dblink, which takes the same foreign servers and user mappings.
#ifndef MIMEME_STORE_SHARDS_H_
#define MIMEME_STORE_SHARDS_H_

#include <string>
#include <vector>

#include "base/result.h"
#include "store/sql.h"

namespace mimeme {

struct Shards {
  std::vector<std::string> servers;
  // Where the tables of this catalog lie on each; of other catalogs there may be others.
  std::string schema;
  std::string name_of(const std::string& table) const { return schema + '.' + table; }
};

// Those that the role may use; none if dblink is not installed.
Result<Shards> list_shards(sql::Connection& connection);
// Those that the table's partitions lie on.
Result<Shards> shards_of(sql::Connection& connection, const std::string& table);

// Runs the statement, or several, on each at the same time, with `maintenance_work_mem` in bytes,
// and waits for all. What is done there stays done, whatever becomes of the transaction here.
Result<> run_on_shards(sql::Connection& connection, const Shards& shards,
                       const std::string& statement, int64_t maintenance_work_mem = 1 << 26);

}  // namespace mimeme

#endif  // MIMEME_STORE_SHARDS_H_
