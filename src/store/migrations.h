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

// The tables of the current generation of vectors and of the one being made.
inline constexpr const char* kVectors = "vectors";
inline constexpr const char* kVectorsNext = "vectors_next";

// Makes one of them anew, empty, for vectors of `dim` numbers.
Result<> recreate_vectors(sql::Connection& connection, const std::string& table, int64_t dim);
// Puts the next generation in the place of the current one.
Result<> replace_vectors(sql::Connection& connection);

}  // namespace mimeme

#endif  // MIMEME_STORE_MIGRATIONS_H_
