// The schema of the catalog, and how an older one becomes the present one.
#ifndef MIMEME_STORE_MIGRATIONS_H_
#define MIMEME_STORE_MIGRATIONS_H_

#include <string>

#include "base/result.h"
#include "store/sql.h"

namespace mimeme {

// Runs the migrations that the database lacks, each in a transaction of its own. kConflict if a
// newer mimeme made it; kCorrupt if it is a database of something else.
Result<> migrate(sql::Connection& connection, const std::string& path);

// For a catalog that is only read: kConflict unless its schema is the present one; kCorrupt as
// above.
Result<> check_schema(sql::Connection& connection, const std::string& path);

// The statement that makes `vectors` or `vectors_next`, whose type depends on the projection.
std::string create_vectors_sql(const std::string& table, int dim);

// The statement that makes the view for SQL clients. To be repeated when vectors changes its type:
// DuckDB remembers the types of a view.
extern const char* const kCreateViewSql;

}  // namespace mimeme

#endif  // MIMEME_STORE_MIGRATIONS_H_
