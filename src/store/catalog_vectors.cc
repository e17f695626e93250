#include <utility>

#include "store/appender.h"
#include "store/catalog.h"
#include "store/catalog_impl.h"
#include "store/migrations.h"

namespace mimeme {
namespace {

Error wrong_size(const char* what, size_t ids, size_t numbers, int64_t dim) {
  return {ErrorCode::kInvalidArgument, std::to_string(numbers) + " numbers for " +
                                           std::to_string(ids) + " " + what + " of " +
                                           std::to_string(dim)};
}

// The rows (image_id, vector) of embeddings of `model`.
Result<HalfRows> read_embeddings(sql::Connection& c, ModelId model, sql::Rows rows) {
  const auto dim = static_cast<size_t>(TRY(model_dim(c, model)));
  HalfRows result;
  while (rows.next()) {
    result.ids.push_back(rows.integer(0));
    const auto vector = from_blob<Half>(rows.blob(1));
    if (vector.size() != dim)
      return Error{ErrorCode::kCorrupt, "the embedding of image " +
                                            std::to_string(rows.integer(0)) +
                                            " has the wrong size: let the library be checked"};
    result.rows.insert(result.rows.end(), vector.begin(), vector.end());
  }
  return result;
}

Error superseded() {
  return {ErrorCode::kConflict, "another projection has taken the place of this one: try again"};
}

// 0: whichever it is.
Result<> require_current(sql::Connection& c, ProjectionId generation) {
  if (generation == 0) return {};
  if (TRY(c.integer("SELECT count(*) FROM projections WHERE id = ? AND is_current",
                    {generation})) == 0)
    return superseded();
  return {};
}

}  // namespace

Result<> drop_vectors_of_doomed(sql::Connection& c) {
  const std::string of_doomed = " WHERE image_id IN (SELECT id FROM doomed)";
  if (const int64_t n = TRY(c.integer("SELECT count(*) FROM vectors" + of_doomed)); n > 0) {
    const int64_t first = TRY(take(c, "change", n));
    TRY(c.run("INSERT INTO removals SELECT image_id, ? + row_number() OVER () - 1 FROM vectors" +
                  of_doomed,
              {first}));
    TRY(c.run("DELETE FROM vectors" + of_doomed));
  }
  TRY(c.run("DELETE FROM vectors_next" + of_doomed));
  return {};
}

Result<> drop_unfinished_projection(sql::Connection& c) {
  if (TRY(c.run("DELETE FROM projections WHERE NOT is_current")) == 0) return {};
  return recreate_vectors(c, kVectorsNext, 1);
}

Result<> drop_projections(sql::Connection& c) {
  TRY(drop_unfinished_projection(c));
  if (TRY(c.run("DELETE FROM projections")) == 0) return {};
  TRY(c.run("DELETE FROM removals"));
  return recreate_vectors(c, kVectors, 1);
}

Result<std::optional<std::vector<Half>>> Catalog::embedding(ImageId id, ModelId model) {
  return impl_->read([&](sql::Connection& c) -> Result<std::optional<std::vector<Half>>> {
    auto rows = TRY(
        c.query("SELECT vector FROM embeddings WHERE image_id = ? AND model_id = ?", {id, model}));
    if (!rows.next()) return std::optional<std::vector<Half>>();
    return std::optional(from_blob<Half>(rows.blob(0)));
  });
}

Result<HalfRows> Catalog::embeddings(ModelId model, Which which, ImageId after, int limit) {
  return impl_->read([&](sql::Connection& c) -> Result<HalfRows> {
    // The ids first: sorting them is cheap, sorting them with their vectors is not.
    const std::string lacking =
        which == Which::kAll
            ? ""
            : "AND NOT EXISTS (SELECT 1 FROM vectors v WHERE v.image_id = e.image_id) ";
    std::vector<ImageId> ids;
    auto page =
        TRY(c.query("SELECT image_id FROM embeddings e WHERE model_id = ? AND image_id > ? " +
                        lacking + "ORDER BY image_id LIMIT ?",
                    {model, after, int64_t{limit}}));
    while (page.next()) ids.push_back(page.integer(0));
    if (ids.empty()) return HalfRows{};
    return read_embeddings(
        c, model,
        TRY(c.query("SELECT image_id, vector FROM embeddings e WHERE model_id = ? "
                    "AND image_id BETWEEN ? AND ? " +
                        lacking + "ORDER BY image_id",
                    {model, ids.front(), ids.back()})));
  });
}

Result<HalfRows> Catalog::embeddings(ModelId model, std::span<const ImageId> ids) {
  return impl_->read([&](sql::Connection& c) -> Result<HalfRows> {
    if (ids.empty()) return HalfRows{};
    return read_embeddings(
        c, model,
        TRY(c.query("SELECT image_id, vector FROM embeddings WHERE model_id = ? AND "
                    "image_id IN (SELECT unnest(?::BIGINT[]))",
                    {model, ids})));
  });
}

namespace {

// A lock of the server's that goes with the connection, however that ends.
class TurnOnServer : public Catalog::Turn {
 public:
  TurnOnServer(sql::Database::Lease lease, std::string key)
      : lease_(std::move(lease)), key_(std::move(key)) {}
  ~TurnOnServer() override {
    static_cast<void>(lease_->query("SELECT pg_advisory_unlock(" + key_ + ')'));
  }

 private:
  const sql::Database::Lease lease_;
  const std::string key_;
};

}  // namespace

Result<std::unique_ptr<Catalog::Turn>> Catalog::take_turn(Task task) {
  if (impl_->database->dialect() == sql::Dialect::kDuckDb) return std::make_unique<Turn>();
  const std::string key = sql::lock_of_schema(static_cast<int>(task));
  for (Patience patience;;) {
    auto lease = TRY(impl_->database->lease());
    const auto taken = lease->integer("SELECT pg_try_advisory_lock(" + key + ")::int::bigint");
    if (taken) {
      impl_->note_position(*lease);  // of what others have done in their turns
      if (*taken == 0) return std::unique_ptr<Turn>();
      return std::unique_ptr<Turn>(std::make_unique<TurnOnServer>(std::move(lease), key));
    }
    if (taken.error().code != ErrorCode::kUnavailable || !patience.wait()) return taken.error();
  }
}

Result<std::optional<ProjectionRecord>> Catalog::projection() {
  return impl_->read([](sql::Connection& c) -> Result<std::optional<ProjectionRecord>> {
    auto rows =
        TRY(c.query("SELECT id, model_id, kind, input_dim, output_dim, mean, components, "
                    "explained_variance_ratio, fitted_on FROM projections WHERE is_current"));
    if (!rows.next()) return std::optional<ProjectionRecord>();
    return std::optional(ProjectionRecord{
        .id = rows.integer(0),
        .model = rows.integer(1),
        .kind = rows.text(2),
        .input_dim = static_cast<int>(rows.integer(3)),
        .output_dim = static_cast<int>(rows.integer(4)),
        .mean = from_blob<float>(rows.blob(5)),
        .components = from_blob<float>(rows.blob(6)),
        .explained_variance_ratio = from_blob<float>(rows.blob(7)),
        .fitted_on = rows.integer(8),
    });
  });
}

Result<ProjectionId> Catalog::begin_projection(const ProjectionRecord& p) {
  return impl_->write([&](sql::Connection& c) -> Result<ProjectionId> {
    TRY(model_dim(c, p.model));
    TRY(drop_unfinished_projection(c));
    const ProjectionId id = TRY(take(c, "projection", 1));
    TRY(c.run("INSERT INTO projections VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, false)",
              {id, p.model, p.kind, int64_t{p.input_dim}, int64_t{p.output_dim}, to_blob(p.mean),
               to_blob(p.components), to_blob(p.explained_variance_ratio), p.fitted_on}));
    TRY(recreate_vectors(c, kVectorsNext, p.output_dim));
    return id;
  });
}

Result<> Catalog::add_vectors(ProjectionId generation, const FloatRows& rows) {
  return impl_->write([&](sql::Connection& c) -> Result<> {
    auto projections =
        TRY(c.query("SELECT model_id, output_dim, (CASE WHEN is_current THEN 1 ELSE 0 END)::BIGINT "
                    "FROM projections WHERE id = ?",
                    {generation}));
    if (!projections.next()) return superseded();
    const ModelId model = projections.integer(0);
    const auto dim = static_cast<size_t>(projections.integer(1));
    const char* const table = projections.integer(2) == 1 ? kVectors : kVectorsNext;
    if (rows.rows.size() != rows.ids.size() * dim)
      return wrong_size("vectors", rows.ids.size(), rows.rows.size(), projections.integer(1));

    auto embedded = TRY(embedded_among(c, model, rows.ids));
    TRY(c.run(
        "DELETE FROM " + std::string(table) + " WHERE image_id IN (SELECT unnest(?::BIGINT[]))",
        {rows.ids}));
    int64_t seq = TRY(take(c, "change", static_cast<int64_t>(embedded.size())));
    auto out = TRY(sql::Appender::open(c, table));
    const std::span<const float> all = rows.rows;
    for (size_t i = 0; i < rows.ids.size(); ++i) {
      if (embedded.erase(rows.ids[i]) == 0) continue;
      out.integer(rows.ids[i]).integer(seq++).floats(all.subspan(i * dim, dim));
      TRY(out.end_row());
    }
    return out.close();
  });
}

Result<> Catalog::commit_projection(ProjectionId begun) {
  return impl_->write([&](sql::Connection& c) -> Result<> {
    if (TRY(c.integer("SELECT count(*) FROM projections WHERE id = ? AND NOT is_current",
                      {begun})) == 0)
      return superseded();
    TRY(c.run("DELETE FROM projections WHERE is_current"));
    TRY(c.run("UPDATE projections SET is_current = true"));
    TRY(c.run("DELETE FROM removals"));  // a new set of vectors is read from its start
    return replace_vectors(c);
  });
}

Result<FloatRows> Catalog::vectors_since(int64_t seq, int limit, ProjectionId generation) {
  return impl_->read([&](sql::Connection& c) -> Result<FloatRows> {
    TRY(require_current(c, generation));
    FloatRows result{.ids = {}, .rows = {}, .seq = seq};
    const int64_t last =
        TRY(c.integer("SELECT coalesce(max(seq), 0) FROM "
                      "(SELECT seq FROM vectors WHERE seq > ? ORDER BY seq LIMIT ?) AS page",
                      {seq, int64_t{limit}}));
    // Rows lie in the order of seq, so this reads the page and no more.
    auto rows = TRY(
        c.query("SELECT image_id, seq, vec FROM vectors WHERE seq > ? AND seq <= ? ORDER BY seq",
                {seq, last}));
    while (rows.next()) {
      result.ids.push_back(rows.integer(0));
      result.seq = rows.integer(1);
      const auto vec = rows.floats(2);
      result.rows.insert(result.rows.end(), vec.begin(), vec.end());
    }
    return result;
  });
}

Result<std::optional<std::vector<float>>> Catalog::vector(ImageId id) {
  return impl_->read([&](sql::Connection& c) -> Result<std::optional<std::vector<float>>> {
    auto rows = TRY(c.query("SELECT vec FROM vectors WHERE image_id = ?", {id}));
    if (!rows.next()) return std::optional<std::vector<float>>();
    const auto vec = rows.floats(0);
    return std::optional(std::vector<float>(vec.begin(), vec.end()));
  });
}

Result<Catalog::Removals> Catalog::removals_since(int64_t seq, ProjectionId generation) {
  return impl_->read([&](sql::Connection& c) -> Result<Removals> {
    TRY(require_current(c, generation));
    Removals removals;
    removals.seq = TRY(c.integer("SELECT last FROM counters WHERE name = 'change'"));
    // An image whose vector went and came back is not gone.
    auto rows = TRY(
        c.query("SELECT DISTINCT image_id FROM removals WHERE seq > ? AND NOT EXISTS "
                "(SELECT 1 FROM vectors v WHERE v.image_id = removals.image_id) ORDER BY image_id",
                {seq}));
    while (rows.next()) removals.ids.push_back(rows.integer(0));
    return removals;
  });
}

}  // namespace mimeme
