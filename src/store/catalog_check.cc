#include "store/catalog.h"
#include "store/catalog_impl.h"

namespace mimeme {
namespace {

// Rows of `table` for which `broken` holds. They are mended by being forgotten: the next scan reads
// a file again that is not known, or whose image or embedding is not; vectors are projected again
// from the embeddings.
struct Invariant {
  const char* table;
  const char* broken;
  const char* what;
};

// In this order, because mending one may break a later one.
constexpr Invariant kInvariants[] = {
    {"files", "path IN (SELECT path FROM files GROUP BY path HAVING count(*) > 1)",
     "file entries for a path that has another one"},
    {"images", "id IN (SELECT id FROM images GROUP BY id HAVING count(*) > 1)",
     "images with the number of another one"},
    {"images", "sha256 IN (SELECT sha256 FROM images GROUP BY sha256 HAVING count(*) > 1)",
     "images with the content of another one"},
    {"images",
     "octet_length(sha256) <> 32 OR lpad(hex(sha256_head), 16, '0') <> left(hex(sha256), 16)",
     "images with a malformed checksum"},
    {"files", "error IS NULL AND NOT EXISTS (SELECT 1 FROM images WHERE id = image_id)",
     "files that point to no image"},
    {"images", "NOT EXISTS (SELECT 1 FROM files WHERE image_id = id)", "images without a file"},
    {"embeddings", "NOT EXISTS (SELECT 1 FROM images WHERE id = image_id)",
     "embeddings of images that are not there"},
    {"embeddings",
     "NOT EXISTS (SELECT 1 FROM models WHERE id = model_id AND dim * 2 = octet_length(vector))",
     "embeddings that do not fit a model"},
    // binary16, low byte first: infinite or NaN are those whose five bits of exponent are all set.
    {"embeddings", "hex(vector) ~ '^(....)*..[7F][C-F].*$'",
     "embeddings with a number that is not finite"},
    {"embeddings",
     "(image_id, model_id) IN "
     "(SELECT image_id, model_id FROM embeddings GROUP BY image_id, model_id HAVING count(*) > 1)",
     "embeddings of an image that has another one"},
    {"readings", "NOT EXISTS (SELECT 1 FROM images WHERE id = image_id)",
     "readings of images that are not there"},
    {"ocr_lines", "NOT EXISTS (SELECT 1 FROM readings r WHERE r.image_id = ocr_lines.image_id)",
     "lines of text of images that were not read"},
    {"descriptions", "NOT EXISTS (SELECT 1 FROM images WHERE id = image_id)",
     "descriptions of images that are not there"},
    {"text_embeddings",
     "NOT EXISTS (SELECT 1 FROM texts t WHERE t.image_id = text_embeddings.image_id) OR NOT EXISTS "
     "(SELECT 1 FROM models WHERE id = model_id AND octet_length(vector) IN (0, dim * 2)) "
     "OR image_id IN (SELECT image_id FROM text_embeddings GROUP BY image_id HAVING count(*) > 1)",
     "embeddings of words that fit no image or model"},
    {"categories", "NOT EXISTS (SELECT 1 FROM images WHERE id = image_id)",
     "categories of images that are not there"},
    {"suggestions", "NOT EXISTS (SELECT 1 FROM images WHERE id = image_id)",
     "suggestions for images that are not there"},
    {"not_duplicates",
     "image_a >= image_b OR NOT EXISTS (SELECT 1 FROM images WHERE id = image_a) "
     "OR NOT EXISTS (SELECT 1 FROM images WHERE id = image_b)",
     "pairs that are no duplicates, of images that are not there"},
    {"access_keys",
     "octet_length(hash) <> 32 OR name IN (SELECT name FROM access_keys GROUP BY name "
     "HAVING count(*) FILTER (WHERE expires_at IS NULL) <> 1)",
     "keys of the same name, or sessions of none"},
    {"texts",
     "NOT EXISTS (SELECT 1 FROM images WHERE id = image_id) OR image_id IN "
     "(SELECT image_id FROM texts GROUP BY image_id HAVING count(*) > 1)",
     "change numbers of words that belong to no image, or to one that has another"},
};

constexpr const char* kImagesWithoutText =
    "FROM images WHERE NOT EXISTS (SELECT 1 FROM texts WHERE image_id = id)";

// Projections whose numbers do not fit one another, their model, or the table of vectors.
std::string broken_projections(sql::Dialect dialect) {
  const std::string fits_table =
      dialect == sql::Dialect::kDuckDb
          ? "EXISTS (SELECT 1 FROM duckdb_columns() WHERE table_name = 'vectors' "
            "AND column_name = 'vec' AND data_type = 'FLOAT[' || p.output_dim || ']')"
          : "NOT EXISTS (SELECT 1 FROM vectors WHERE vector_dims(vec) <> p.output_dim)";
  return "FROM projections p WHERE is_current AND NOT ("
         "EXISTS (SELECT 1 FROM models WHERE id = p.model_id AND is_active AND dim = p.input_dim) "
         "AND octet_length(mean) IN (0, 4 * input_dim) "
         "AND octet_length(components) IN (0, 4 * input_dim * output_dim) AND " +
         fits_table + ')';
}

std::string broken_vectors(sql::Dialect dialect) {
  // pgvector takes no vector with a number that is missing or not finite.
  const std::string damaged = dialect == sql::Dialect::kDuckDb
                                  ? "list_count(vec::FLOAT[]) < len(vec::FLOAT[]) "
                                    "OR isnan(list_sum(vec::FLOAT[])) "
                                  : "false ";
  return "FROM vectors v WHERE vec IS NULL OR " + damaged +
         "OR image_id IN (SELECT image_id FROM vectors GROUP BY image_id HAVING count(*) > 1) "
         "OR NOT EXISTS (SELECT 1 FROM embeddings e JOIN projections p USING (model_id) "
         "  WHERE p.is_current AND e.image_id = v.image_id)";
}

// A counter must have reached every number that is in use.
struct Counter {
  const char* name;
  const char* used;
};
constexpr Counter kCounters[] = {
    {"image", "SELECT id FROM images UNION ALL SELECT image_id FROM removals"},
    {"model", "SELECT id FROM models"},
    {"projection", "SELECT id FROM projections"},
    {"change",
     "SELECT seq FROM vectors UNION ALL SELECT seq FROM vectors_next UNION ALL SELECT seq FROM "
     "removals"},
    {"text",
     "SELECT seq FROM texts UNION ALL SELECT seq FROM text_removals UNION ALL "
     "SELECT seq FROM text_embeddings"},
};

class Checker {
 public:
  Checker(sql::Connection& connection, Catalog::Access access)
      : c_(connection), mends_(access == Catalog::Access::kReadWrite) {}

  Result<std::vector<std::string>> run() {
    for (const auto& [table, broken, what] : kInvariants) {
      const std::string from = std::string("FROM ") + table + " WHERE " + broken;
      if (TRY(found(from, what, "forgotten until the next scan"))) TRY(c_.run("DELETE " + from));
    }
    if (TRY(found(broken_projections(c_.dialect()), "projections that do not fit",
                  "to be made anew")))
      TRY(drop_projections(c_));
    const std::string broken = broken_vectors(c_.dialect());
    if (TRY(found(broken, "vectors that are damaged or belong to no embedding",
                  "to be projected anew"))) {
      TRY(replace_temporary(c_, "doomed", "SELECT DISTINCT image_id AS id " + broken));
      TRY(drop_vectors_of_doomed(c_));
    }
    if (TRY(found(kImagesWithoutText, "images whose words have no change number", "given one"))) {
      TRY(replace_temporary(c_, "touched", std::string("SELECT id ") + kImagesWithoutText));
      TRY(touch_texts(c_));
    }
    for (const auto& [name, used] : kCounters) TRY(check_counter(name, used));
    return std::move(sentences_);
  }

 private:
  // Notes the rows `from` selects. True if there are any, and they are to be mended.
  Result<bool> found(const std::string& from, const std::string& what, const std::string& remedy) {
    const int64_t n = TRY(c_.integer("SELECT count(*) " + from));
    if (n == 0) return false;
    sentences_.push_back(what + ": " + std::to_string(n) + (mends_ ? ", " + remedy : ""));
    return mends_;
  }

  Result<> check_counter(const std::string& name, const std::string& used) {
    auto rows = TRY(c_.query("SELECT coalesce(max(n), 0) FROM (" + used +
                                 ") AS numbers(n) "
                                 "WHERE n > (SELECT last FROM counters WHERE name = ?)",
                             {name}));
    rows.next();
    const int64_t reached = rows.integer(0);
    if (reached == 0) return {};
    sentences_.push_back("the counter \"" + name + "\" is behind" + (mends_ ? ", set right" : ""));
    if (mends_) TRY(c_.run("UPDATE counters SET last = ? WHERE name = ?", {reached, name}));
    return {};
  }

  sql::Connection& c_;
  const bool mends_;
  std::vector<std::string> sentences_;
};

}  // namespace

Result<std::vector<std::string>> Catalog::check() {
  const auto check = [&](sql::Connection& c) { return Checker(c, impl_->access).run(); };
  return impl_->access == Access::kReadWrite ? impl_->write(check) : impl_->read(check);
}

}  // namespace mimeme
