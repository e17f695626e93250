#include "store/migrations.h"

#include <utility>
#include <vector>

#include "base/clock.h"

namespace mimeme {

namespace {

const char* const kCreateViewSql =
    "CREATE OR REPLACE VIEW image_vectors AS "
    "SELECT v.image_id, f.path, lower(hex(i.sha256)) AS sha256, i.width, i.height, v.vec "
    "FROM vectors v JOIN images i ON i.id = v.image_id "
    "JOIN (SELECT image_id, min(path) AS path FROM files GROUP BY image_id) f USING (image_id)";

std::string create_vectors_sql(const std::string& table, int64_t dim) {
  return "CREATE TABLE " + table + "(image_id BIGINT NOT NULL, seq BIGINT NOT NULL, vec FLOAT[" +
         std::to_string(dim) + "])";
}

using Migrations = std::vector<std::vector<std::string>>;

// No primary keys, unique constraints or foreign keys: their indexes (ART) are written anew at
// every checkpoint, live in memory, and refuse a key that was deleted while an older reader still
// runs. Rows lie in the order of their ids, so that a look-up by id reads one row group; writers
// take turns (Catalog::Impl) and keep keys unique; check() looks.
const Migrations& of_duckdb() {
  static const Migrations all = {
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

// The same tables, with the same columns in the same order, as a server with many clients wants
// them: indexed, and its constraints kept by the server too. Paths are indexed by their hashes,
// because a B-tree takes no key of 4,096 bytes.
const Migrations& of_postgresql() {
  static const Migrations all = {
      {
          // 1
          "CREATE EXTENSION IF NOT EXISTS vector",
          // What DuckDB has, and a server has not or under another name.
          "CREATE FUNCTION epoch_us(TIMESTAMP) RETURNS BIGINT IMMUTABLE PARALLEL SAFE LANGUAGE sql "
          "AS $$ SELECT (extract(epoch FROM $1) * 1000000)::BIGINT $$",
          "CREATE FUNCTION make_timestamp(BIGINT) RETURNS TIMESTAMP IMMUTABLE PARALLEL SAFE "
          "LANGUAGE sql AS $$ SELECT TIMESTAMP 'epoch' + $1 * INTERVAL '1 microsecond' $$",
          "CREATE FUNCTION list_contains(BIGINT[], BIGINT) RETURNS BOOLEAN IMMUTABLE PARALLEL SAFE "
          "LANGUAGE sql AS $$ SELECT $2 = ANY($1) $$",
          "CREATE FUNCTION ends_with(VARCHAR, TEXT) RETURNS BOOLEAN IMMUTABLE PARALLEL SAFE "
          "LANGUAGE sql AS $$ SELECT right($1, length($2)) = $2 $$",
          "CREATE FUNCTION hex(BYTEA) RETURNS TEXT IMMUTABLE PARALLEL SAFE LANGUAGE sql "
          "AS $$ SELECT upper(encode($1, 'hex')) $$",
          "CREATE FUNCTION hex(BIGINT) RETURNS TEXT IMMUTABLE PARALLEL SAFE LANGUAGE sql "
          "AS $$ SELECT upper(to_hex($1)) $$",
          // In small letters, whatever the database's locale is; without the marks of U+0300 to
          // U+036F, after they have been taken apart from their letters.
          "CREATE FUNCTION strip_accents(TEXT) RETURNS TEXT IMMUTABLE PARALLEL SAFE LANGUAGE sql "
          "AS $$ SELECT regexp_replace(normalize(lower($1 COLLATE \"und-x-icu\"), NFD), "
          "'[\u0300-\u036F]', '', 'g') $$",

          "CREATE TABLE identity AS SELECT gen_random_uuid()::VARCHAR AS id",
          "CREATE TABLE roots(path VARCHAR NOT NULL)",
          "CREATE UNIQUE INDEX ON roots (md5(path))",
          "CREATE TABLE counters(name VARCHAR PRIMARY KEY, last BIGINT NOT NULL)",
          "INSERT INTO counters VALUES ('image', 0), ('model', 0), ('projection', 0), "
          "('change', 0), ('text', 0)",
          R"(CREATE TABLE models(
               id BIGINT PRIMARY KEY, name VARCHAR NOT NULL, digest VARCHAR NOT NULL UNIQUE,
               dim BIGINT NOT NULL, created_at TIMESTAMP NOT NULL, is_active BOOLEAN NOT NULL))",
          R"(CREATE TABLE images(
               id BIGINT PRIMARY KEY, sha256 BYTEA NOT NULL UNIQUE, sha256_head BIGINT NOT NULL,
               bytes BIGINT NOT NULL, format VARCHAR NOT NULL, width BIGINT NOT NULL,
               height BIGINT NOT NULL, frames BIGINT NOT NULL, added_at TIMESTAMP NOT NULL,
               preview VARCHAR DEFAULT ''))",
          "CREATE INDEX ON images (sha256_head)",
          R"(CREATE TABLE files(
               path VARCHAR NOT NULL, size BIGINT, mtime_ns BIGINT, image_id BIGINT, error VARCHAR))",
          "CREATE INDEX ON files USING hash (path)",
          "CREATE INDEX ON files (image_id)",
          R"(CREATE TABLE embeddings(
               image_id BIGINT NOT NULL, model_id BIGINT NOT NULL, vector BYTEA NOT NULL,
               PRIMARY KEY (image_id, model_id)))",
          // What is random compresses badly: no time is lost on trying.
          "ALTER TABLE embeddings ALTER vector SET STORAGE EXTERNAL",
          R"(CREATE TABLE projections(
               id BIGINT PRIMARY KEY, model_id BIGINT NOT NULL, kind VARCHAR NOT NULL,
               input_dim BIGINT NOT NULL, output_dim BIGINT NOT NULL, mean BYTEA NOT NULL,
               components BYTEA NOT NULL, explained_variance_ratio BYTEA NOT NULL,
               fitted_on BIGINT NOT NULL, is_current BOOLEAN NOT NULL UNIQUE))",
          // halfvec without a number of dimensions: the type of a column outlives the projection.
          "CREATE TABLE vectors(image_id BIGINT PRIMARY KEY, seq BIGINT NOT NULL UNIQUE, "
          "vec halfvec)",
          "CREATE TABLE vectors_next(LIKE vectors INCLUDING ALL)",
          "CREATE TABLE removals(image_id BIGINT NOT NULL, seq BIGINT PRIMARY KEY)",
          kCreateViewSql,

          "CREATE TABLE texts(image_id BIGINT PRIMARY KEY, seq BIGINT NOT NULL UNIQUE)",
          "CREATE TABLE text_removals(image_id BIGINT NOT NULL, seq BIGINT PRIMARY KEY)",
          "CREATE TABLE readings(image_id BIGINT PRIMARY KEY, reader VARCHAR NOT NULL)",
          "CREATE TABLE ocr_lines(image_id BIGINT NOT NULL, n BIGINT NOT NULL, text VARCHAR NOT "
          "NULL, confidence REAL NOT NULL, box REAL[] NOT NULL, PRIMARY KEY (image_id, n))",
          "CREATE TABLE text_embeddings(image_id BIGINT PRIMARY KEY, model_id BIGINT NOT NULL, "
          "text_seq BIGINT NOT NULL, seq BIGINT NOT NULL, vector BYTEA NOT NULL)",
          "CREATE UNIQUE INDEX ON text_embeddings (model_id, seq)",
          "CREATE TABLE descriptions(image_id BIGINT NOT NULL, described_by BIGINT NOT NULL, "
          "text VARCHAR NOT NULL, describer VARCHAR DEFAULT '', PRIMARY KEY (image_id, "
          "described_by))",
          "CREATE TABLE categories(image_id BIGINT PRIMARY KEY, name VARCHAR NOT NULL)",
          "CREATE INDEX ON categories USING hash (name)",
          "CREATE TABLE suggestions(image_id BIGINT NOT NULL, name VARCHAR NOT NULL, "
          "similarity REAL NOT NULL, is_refused BOOLEAN NOT NULL)",
          "CREATE INDEX ON suggestions (image_id)",
          "CREATE INDEX ON suggestions USING hash (name)",
          "CREATE TABLE not_duplicates(image_a BIGINT NOT NULL, image_b BIGINT NOT NULL, "
          "PRIMARY KEY (image_a, image_b), CHECK (image_a < image_b))",
          "CREATE INDEX ON not_duplicates (image_b)",
          "CREATE TABLE access_keys(hash BYTEA PRIMARY KEY, name VARCHAR NOT NULL, "
          "scope VARCHAR NOT NULL, created_at TIMESTAMP NOT NULL, expires_at TIMESTAMP)",
      },
      {
          // 2: what workers have to do, which is derived: it is not copied. `n` is the image; of
          // the stage "embed", which has files, a number of the queue's own.
          "CREATE SEQUENCE queue_n",
          "CREATE TABLE queue(stage VARCHAR NOT NULL, n BIGINT NOT NULL, path VARCHAR NOT NULL, "
          "size BIGINT NOT NULL, mtime_ns BIGINT NOT NULL, worker VARCHAR, "
          "leased_until TIMESTAMPTZ, tries BIGINT NOT NULL DEFAULT 0, "
          "error VARCHAR NOT NULL DEFAULT '', PRIMARY KEY (stage, n))",
          "CREATE UNIQUE INDEX ON queue (md5(path)) WHERE stage = 'embed'",
          "CREATE INDEX ON queue (worker) WHERE worker IS NOT NULL",
          "CREATE INDEX ON queue (stage, n) WHERE tries >= 2",
      },
      {
          // 3: what pictures look like in their details (StoredFeatures), which is derived. Bytes
          // that compress badly, but for the small picture.
          "INSERT INTO counters VALUES ('details', 0)",
          "CREATE TABLE details(image_id BIGINT PRIMARY KEY, seq BIGINT NOT NULL UNIQUE, "
          "model_id BIGINT NOT NULL, sha256 BYTEA NOT NULL, features BYTEA NOT NULL, "
          "picture BYTEA NOT NULL)",
          "ALTER TABLE details ALTER features SET STORAGE EXTERNAL",
          "CREATE TABLE detail_parts(image_id BIGINT NOT NULL, n BIGINT NOT NULL, "
          "box REAL[] NOT NULL, embedding BYTEA NOT NULL, PRIMARY KEY (image_id, n))",
          "ALTER TABLE detail_parts ALTER embedding SET STORAGE EXTERNAL",
          "CREATE TABLE detail_removals(image_id BIGINT NOT NULL, seq BIGINT PRIMARY KEY)",
      },
      {
          // 4: which tables of vectors are searched in the server, search_NAME_GENERATION
          // (VectorTable), and what they show; derived.
          "CREATE TABLE search_vectors(name VARCHAR NOT NULL, generation BIGINT NOT NULL, "
          "dim BIGINT NOT NULL, seq BIGINT NOT NULL DEFAULT 0, rows BIGINT NOT NULL DEFAULT 0, "
          "shards BIGINT NOT NULL, has_graph BOOLEAN NOT NULL DEFAULT false, "
          "completed_at TIMESTAMPTZ, "
          "PRIMARY KEY (name, generation))",
      },
  };
  return all;
}

const Migrations& migrations_of(sql::Dialect dialect) {
  return dialect == sql::Dialect::kDuckDb ? of_duckdb() : of_postgresql();
}
int64_t known_version(sql::Dialect dialect) {
  return static_cast<int64_t>(migrations_of(dialect).size());
}

Result<int64_t> schema_version(sql::Connection& connection, const std::string& path) {
  const int64_t known = known_version(connection.dialect());
  const std::string tables =
      connection.dialect() == sql::Dialect::kDuckDb
          ? "SELECT count(*) FROM duckdb_tables() WHERE NOT internal AND NOT temporary"
          : "SELECT count(*) FROM (SELECT tablename AS table_name FROM pg_tables "
            "WHERE schemaname = current_schema()) AS own WHERE true";
  const int64_t all = TRY(connection.integer(tables));
  if (all == 0) return 0;
  if (TRY(connection.integer(tables + " AND table_name = 'schema_migrations'")) == 0)
    return Error{ErrorCode::kCorrupt, path + ": is a database, but no catalog of mimeme"};
  const int64_t version =
      TRY(connection.integer("SELECT coalesce(max(version), 0) FROM schema_migrations"));
  if (version > known)
    return Error{ErrorCode::kConflict, path + ": made by a newer mimeme (schema " +
                                           std::to_string(version) + ", this one knows " +
                                           std::to_string(known) + "): update mimeme"};
  return version;
}

}  // namespace

Result<> recreate_vectors(sql::Connection& connection, const std::string& table, int64_t dim) {
  if (connection.dialect() == sql::Dialect::kPostgreSql) {
    TRY(connection.run("TRUNCATE " + table));
    return {};
  }
  TRY(connection.run("DROP TABLE " + table));
  TRY(connection.run(create_vectors_sql(table, dim)));
  if (table == kVectors) TRY(connection.run(kCreateViewSql));
  return {};
}

Result<> replace_vectors(sql::Connection& connection) {
  if (connection.dialect() == sql::Dialect::kPostgreSql) {
    for (const auto& [from, to] :
         {std::pair(kVectors, "vectors_gone"), std::pair(kVectorsNext, kVectors),
          std::pair("vectors_gone", kVectorsNext)})
      TRY(connection.run(std::string("ALTER TABLE ") + from + " RENAME TO " + to));
    TRY(connection.run("TRUNCATE vectors_next"));
  } else {
    TRY(connection.run("DROP TABLE vectors"));
    TRY(connection.run("ALTER TABLE vectors_next RENAME TO vectors"));
    TRY(connection.run(create_vectors_sql(kVectorsNext, 1)));
  }
  TRY(connection.run(kCreateViewSql));  // a view knows its tables by more than their names
  return {};
}

Result<> migrate(sql::Connection& connection, const std::string& path) {
  const Migrations& migrations = migrations_of(connection.dialect());
  const int64_t known = known_version(connection.dialect());
  while (TRY(schema_version(connection, path)) < known) {
    auto transaction = TRY(sql::Transaction::begin(connection, sql::Mode::kWrite));
    const int64_t version = TRY(schema_version(connection, path));
    if (version == known) return {};  // another process was first
    TRY(
        connection.run("CREATE TABLE IF NOT EXISTS schema_migrations(version BIGINT NOT NULL, "
                       "applied_at TIMESTAMP NOT NULL)"));
    for (const auto& statement : migrations[static_cast<size_t>(version)])
      TRY(connection.run(statement));
    TRY(connection.run("INSERT INTO schema_migrations VALUES (?, make_timestamp(?))",
                       {version + 1, now_us()}));
    TRY(transaction.commit());
  }
  return {};
}

Result<> check_schema(sql::Connection& connection, const std::string& path) {
  const int64_t version = TRY(schema_version(connection, path));
  const int64_t known = known_version(connection.dialect());
  if (version == 0 && connection.dialect() == sql::Dialect::kPostgreSql)
    return Error{ErrorCode::kNotFound,
                 path + ": there is no library: make one with `mimeme add FOLDER`"};
  if (version < known)
    return Error{ErrorCode::kConflict, path + ": made by an older mimeme (schema " +
                                           std::to_string(version) + ", this one needs " +
                                           std::to_string(known) + "): open it once for writing"};
  return {};
}

}  // namespace mimeme
