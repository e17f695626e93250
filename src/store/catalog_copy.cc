#include <algorithm>
#include <array>
#include <optional>

#include "base/utf8.h"
#include "core/sha256.h"
#include "store/appender.h"
#include "store/catalog.h"
#include "store/catalog_impl.h"
#include "store/migrations.h"

namespace mimeme {
namespace {

// A table that is copied. Types, a letter for each column: i integer, t text, b blob, T timestamp,
// ? boolean, r real, f floats.
struct Table {
  const char* name;
  std::vector<std::string> columns;
  const char* types;
  const char* order;  // total, and the same in both databases
  // The column with the number of an image, by which it is read in pages; null: all at once.
  const char* image;
  const char* which = "true";  // of its rows
};

// In the order of their columns. Not the vectors, which are projected again from the embeddings,
// nor the counter of their changes; nor a projection that is only begun.
const std::vector<Table>& tables() {
  static const std::vector<Table> all = {
      {"roots", {"path"}, "t", "path COLLATE \"C\"", nullptr},
      {"counters",
       {"name", "last"},
       "ti",
       "name COLLATE \"C\"",
       nullptr,
       "name NOT IN ('change', 'details')"},
      {"models",
       {"id", "name", "digest", "dim", "created_at", "is_active"},
       "ittiT?",
       "id",
       nullptr},
      {"images",
       {"id", "sha256", "sha256_head", "bytes", "format", "width", "height", "frames", "added_at",
        "preview"},
       "ibiitiiiTt",
       "id",
       "id"},
      {"files",
       {"path", "size", "mtime_ns", "image_id", "error"},
       "tiiit",
       "image_id, path COLLATE \"C\"",
       "image_id"},
      {"embeddings", {"image_id", "model_id", "vector"}, "iib", "image_id, model_id", "image_id"},
      {"projections",
       {"id", "model_id", "kind", "input_dim", "output_dim", "mean", "components",
        "explained_variance_ratio", "fitted_on", "is_current"},
       "iitiibbbi?",
       "id",
       nullptr,
       "is_current"},
      {"texts", {"image_id", "seq"}, "ii", "image_id", "image_id"},
      {"text_removals", {"image_id", "seq"}, "ii", "seq", nullptr},
      {"readings", {"image_id", "reader"}, "it", "image_id", "image_id"},
      {"ocr_lines",
       {"image_id", "n", "text", "confidence", "box"},
       "iitrf",
       "image_id, n",
       "image_id"},
      {"text_embeddings",
       {"image_id", "model_id", "text_seq", "seq", "vector"},
       "iiiib",
       "image_id",
       "image_id"},
      {"descriptions",
       {"image_id", "described_by", "text", "describer"},
       "iitt",
       "image_id, described_by",
       "image_id"},
      {"categories", {"image_id", "name"}, "it", "image_id", "image_id"},
      {"suggestions",
       {"image_id", "name", "similarity", "is_refused"},
       "itr?",
       "image_id, name COLLATE \"C\"",
       "image_id"},
      {"not_duplicates", {"image_a", "image_b"}, "ii", "image_a, image_b", nullptr},
      {"access_keys",
       {"hash", "name", "scope", "created_at", "expires_at"},
       "bttTT",
       "hash",
       nullptr},
  };
  return all;
}

// Of all values, each with its length before it, so that no two rows look alike.
class Digest {
 public:
  void add(const void* bytes, size_t size) {
    const auto n = static_cast<uint64_t>(size);
    hasher_.update(&n, sizeof n);
    hasher_.update(bytes, size);
  }
  void add_null() {
    const uint64_t none = UINT64_MAX;
    hasher_.update(&none, sizeof none);
  }
  Sha256 finish() { return hasher_.finish(); }

 private:
  Sha256Hasher hasher_;
};

// Reads a table's rows in their order: into the digest and, unless null, to the other catalog.
Result<int64_t> read_rows(const Table& table, sql::Rows rows, Digest& digest, sql::Appender* out) {
  int64_t n = 0;
  for (; rows.next(); ++n) {
    for (int column = 0; table.types[column]; ++column) {
      if (rows.is_null(column)) {
        digest.add_null();
        if (out) out->null();
        continue;
      }
      switch (table.types[column]) {
        case 'i':
        case 'T':
        case '?': {
          const int64_t value = rows.integer(column);
          digest.add(&value, sizeof value);
          if (out) table.types[column] == '?' ? out->boolean(value != 0) : out->integer(value);
          break;
        }
        case 't': {
          const std::string value = rows.text(column);
          digest.add(value.data(), value.size());
          if (out) out->text(value);
          break;
        }
        case 'b': {
          const auto value = rows.blob(column);
          digest.add(value.data(), value.size());
          if (out) out->blob(value);
          break;
        }
        case 'r': {
          const float value = rows.real(column);
          digest.add(&value, sizeof value);
          if (out) out->real(value);
          break;
        }
        default: {
          const auto value = rows.floats(column);
          digest.add(value.data(), value.size_bytes());
          if (out) out->floats(value);
        }
      }
    }
    if (out) TRY(out->end_row());
  }
  return n;
}

std::string select(const Table& table) {
  std::string list;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const std::string& column = table.columns[i];
    list += i == 0 ? "" : ", ";
    list += table.types[i] == 'T'   ? "epoch_us(" + column + ")"
            : table.types[i] == '?' ? "(CASE WHEN " + column + " THEN 1 ELSE 0 END)::BIGINT"
                                    : column;
  }
  return "SELECT " + list + " FROM " + table.name + " WHERE " + table.which;
}

Result<Catalog::TableDigest> read_table(sql::Connection& from, const Table& table,
                                        sql::Connection* to, const Catalog::Progress& progress,
                                        const std::stop_token& stop) {
  constexpr int64_t kPage = 2048;  // images: 8 MB of embeddings
  std::optional<sql::Appender> out;
  if (to) out = TRY(sql::Appender::open(*to, table.name));
  Catalog::TableDigest digest{.table = table.name};
  Digest hash;
  const std::string sql = select(table), order = std::string(" ORDER BY ") + table.order;
  const int64_t total = TRY(
      from.integer(std::string("SELECT count(*) FROM ") + table.name + " WHERE " + table.which));
  const auto read = [&](sql::Rows rows) -> Result<> {
    digest.rows += TRY(read_rows(table, std::move(rows), hash, out ? &*out : nullptr));
    progress(table.name, digest.rows, total);
    if (stop.stop_requested()) return Error{ErrorCode::kCancelled, "stopped: nothing was copied"};
    return {};
  };
  if (!table.image) {
    TRY(read(TRY(from.query(sql + order))));
  } else {
    const std::string image = table.image;
    TRY(read(TRY(from.query(sql + " AND " + image + " IS NULL" + order))));
    const int64_t last = TRY(from.integer("SELECT last FROM counters WHERE name = 'image'"));
    for (int64_t after = 0; after < last; after += kPage)
      TRY(read(TRY(from.query(sql + " AND " + image + " > ? AND " + image + " <= ?" + order,
                              {after, after + kPage}))));
  }
  if (out) TRY(out->close());
  digest.sha256 = hash.finish();
  return digest;
}

}  // namespace

Result<std::vector<Catalog::TableDigest>> Catalog::digests(const Progress& progress) {
  return impl_->read([&](sql::Connection& c) -> Result<std::vector<TableDigest>> {
    std::vector<TableDigest> digests;
    for (const Table& table : tables())
      digests.push_back(TRY(read_table(c, table, nullptr, progress, {})));
    return digests;
  });
}

Result<std::vector<Catalog::TableDigest>> Catalog::copy_to(Catalog& to, const Progress& progress,
                                                           const std::stop_token& stop) {
  return impl_->read([&](sql::Connection& from) {
    return to.impl_->write([&](sql::Connection& c) -> Result<std::vector<TableDigest>> {
      if (TRY(c.integer("SELECT (SELECT count(*) FROM roots) + (SELECT count(*) FROM models) + "
                        "(SELECT count(*) FROM access_keys)")) > 0)
        return Error{ErrorCode::kConflict, to.impl_->database->name() +
                                               ": there is a library already; a copy needs an "
                                               "empty one"};
      TRY(c.run("DELETE FROM counters WHERE name NOT IN ('change', 'details')"));
      std::vector<TableDigest> digests;
      for (const Table& table : tables())
        digests.push_back(TRY(read_table(from, table, &c, progress, stop)));
      auto current = TRY(c.query("SELECT output_dim FROM projections WHERE is_current"));
      if (current.next()) TRY(recreate_vectors(c, kVectors, current.integer(0)));
      return digests;
    });
  });
}

}  // namespace mimeme
