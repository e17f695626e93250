#include "store/migrations.h"

#include <vector>

namespace mimeme {

const char* const kCreateViewSql =
    "CREATE OR REPLACE VIEW image_vectors AS "
    "SELECT v.image_id, f.path, lower(hex(i.sha256)) AS sha256, i.width, i.height, v.vec "
    "FROM vectors v JOIN images i ON i.id = v.image_id "
    "JOIN (SELECT image_id, min(path) AS path FROM files GROUP BY image_id) f USING (image_id)";

std::string create_vectors_sql(const std::string& table, int dim) {
  return "CREATE TABLE " + table + "(image_id BIGINT NOT NULL, seq BIGINT NOT NULL, vec FLOAT[" +
         std::to_string(dim) + "])";
}

namespace {

// No primary keys, unique constraints or foreign keys: their indexes (ART) are written anew at
// every checkpoint, live in memory, and refuse a key that was deleted while an older reader still
// runs. Rows lie in the order of their ids, so that a look-up by id reads one row group; writers
// take turns (Catalog::Impl) and keep keys unique; check() looks.
const std::vector<std::vector<std::string>>& migrations() {
  static const std::vector<std::vector<std::string>> all = {
      {
          // 1
          "CREATE TABLE roots(path VARCHAR NOT NULL)",
          // The last number given out, in the transaction that uses it: never given again, never
          // skipped.
          "CREATE TABLE counters(name VARCHAR NOT NULL, last BIGINT NOT NULL)",
          R"(INSERT INTO counters VALUES ('image', 0), ('model', 0), ('projection', 0), ('change', 0))",
          R"(CREATE TABLE models(
               id BIGINT NOT NULL, name VARCHAR NOT NULL, digest VARCHAR NOT NULL,
               dim BIGINT NOT NULL, created_at TIMESTAMP NOT NULL, is_active BOOLEAN NOT NULL))",
          // sha256_head: the first 8 bytes, big-endian. Scanning it finds an image ten times
          // faster.
          R"(CREATE TABLE images(
               id BIGINT NOT NULL, sha256 BLOB NOT NULL, sha256_head BIGINT NOT NULL,
               bytes BIGINT NOT NULL, format VARCHAR NOT NULL, width BIGINT NOT NULL,
               height BIGINT NOT NULL, frames BIGINT NOT NULL, added_at TIMESTAMP NOT NULL))",
          // Healthy: image_id. Failed: error. A failure of the scan has no size and time: it is
          // tried again as soon as the scan sees no problem.
          R"(CREATE TABLE files(
               path VARCHAR NOT NULL, size BIGINT, mtime_ns BIGINT, image_id BIGINT, error VARCHAR))",
          // IEEE 754 binary16, little-endian, as the model gave it.
          R"(CREATE TABLE embeddings(
               image_id BIGINT NOT NULL, model_id BIGINT NOT NULL, vector BLOB NOT NULL))",
          // At most the current one and the one being made. Matrices are float32, little-endian,
          // row-major.
          R"(CREATE TABLE projections(
               id BIGINT NOT NULL, model_id BIGINT NOT NULL, kind VARCHAR NOT NULL,
               input_dim BIGINT NOT NULL, output_dim BIGINT NOT NULL, mean BLOB NOT NULL,
               components BLOB NOT NULL, explained_variance_ratio BLOB NOT NULL,
               fitted_on BIGINT NOT NULL, is_current BOOLEAN NOT NULL))",
          // Both always exist, so that no query has to ask; FLOAT[1] and empty while there is no
          // projection.
          create_vectors_sql("vectors", 1),
          create_vectors_sql("vectors_next", 1),
          "CREATE TABLE removals(image_id BIGINT NOT NULL, seq BIGINT NOT NULL)",
          kCreateViewSql,
      },
      {
          // 2: words. texts has a row for each image: the number of the last change of its words.
          "CREATE TABLE texts(image_id BIGINT NOT NULL, seq BIGINT NOT NULL)",
          "INSERT INTO texts SELECT id, row_number() OVER (ORDER BY id) FROM images",
          "CREATE TABLE text_removals(image_id BIGINT NOT NULL, seq BIGINT NOT NULL)",
          "INSERT INTO counters SELECT 'text', count(*) FROM images",
          // Which model has read an image, though it found nothing.
          "CREATE TABLE readings(image_id BIGINT NOT NULL, reader VARCHAR NOT NULL)",
          "CREATE TABLE ocr_lines(image_id BIGINT NOT NULL, n BIGINT NOT NULL, "
          "text VARCHAR NOT NULL, confidence FLOAT NOT NULL, box FLOAT[8] NOT NULL)",
          // Of the text that had the change number text_seq; binary16; empty if there was no text.
          "CREATE TABLE text_embeddings(image_id BIGINT NOT NULL, model_id BIGINT NOT NULL, "
          "text_seq BIGINT NOT NULL, seq BIGINT NOT NULL, vector BLOB NOT NULL)",
          // described_by: the number of DescribedBy.
          "CREATE TABLE descriptions(image_id BIGINT NOT NULL, described_by BIGINT NOT NULL, "
          "text VARCHAR NOT NULL)",
          "CREATE TABLE categories(image_id BIGINT NOT NULL, name VARCHAR NOT NULL)",
          "CREATE TABLE suggestions(image_id BIGINT NOT NULL, name VARCHAR NOT NULL, "
          "similarity FLOAT NOT NULL, is_refused BOOLEAN NOT NULL)",
      },
      {
          // 3: which model, asked in which way, has described an image, though it had nothing to
          // say; empty for the user.
          "ALTER TABLE descriptions ADD COLUMN describer VARCHAR DEFAULT ''",
      },
      {
          // 4: what is shown of an image until it is there (ImageInfo::preview).
          "ALTER TABLE images ADD COLUMN preview VARCHAR DEFAULT ''",
      },
      {
          // 5: what the user says are two pictures, though they look like one; image_a < image_b.
          "CREATE TABLE not_duplicates(image_a BIGINT NOT NULL, image_b BIGINT NOT NULL)",
      },
      {
          // 6: who may do what (AccessKey); a session has expires_at.
          "CREATE TABLE access_keys(hash BLOB NOT NULL, name VARCHAR NOT NULL, "
          "scope VARCHAR NOT NULL, created_at TIMESTAMP NOT NULL, expires_at TIMESTAMP)",
      },
  };
  return all;
}

int64_t known_version() { return static_cast<int64_t>(migrations().size()); }

Result<int64_t> schema_version(sql::Connection& connection, const std::string& path) {
  const char* const kCountTables =
      "SELECT count(*) FROM duckdb_tables() WHERE NOT internal AND NOT temporary";
  const std::string tables = kCountTables;
  const int64_t all = TRY(connection.integer(tables));
  if (all == 0) return 0;
  if (TRY(connection.integer(tables + " AND table_name = 'schema_migrations'")) == 0)
    return Error{ErrorCode::kCorrupt, path + ": is a database, but no catalog of mimeme"};
  const int64_t version =
      TRY(connection.integer("SELECT coalesce(max(version), 0) FROM schema_migrations"));
  if (version > known_version())
    return Error{ErrorCode::kConflict, path + ": made by a newer mimeme (schema " +
                                           std::to_string(version) + ", this one knows " +
                                           std::to_string(known_version()) + "): update mimeme"};
  return version;
}

}  // namespace

Result<> migrate(sql::Connection& connection, const std::string& path) {
  for (int64_t version = TRY(schema_version(connection, path)); version < known_version();
       ++version) {
    auto transaction = TRY(sql::Transaction::begin(connection));
    TRY(
        connection.run("CREATE TABLE IF NOT EXISTS schema_migrations(version BIGINT NOT NULL, "
                       "applied_at TIMESTAMP NOT NULL)"));
    for (const auto& statement : migrations()[static_cast<size_t>(version)])
      TRY(connection.run(statement));
    TRY(connection.run("INSERT INTO schema_migrations VALUES (?, make_timestamp(epoch_us(now())))",
                       {version + 1}));
    TRY(transaction.commit());
  }
  return {};
}

Result<> check_schema(sql::Connection& connection, const std::string& path) {
  const int64_t version = TRY(schema_version(connection, path));
  if (version < known_version())
    return Error{ErrorCode::kConflict, path + ": made by an older mimeme (schema " +
                                           std::to_string(version) + ", this one needs " +
                                           std::to_string(known_version()) +
                                           "): open it once for writing"};
  return {};
}

}  // namespace mimeme
