#include <algorithm>
#include <limits>
#include <unordered_map>
#include <utility>

#include "store/catalog.h"
#include "store/catalog_impl.h"

namespace mimeme {
namespace {

Result<std::vector<ImageRecord>> read_records(sql::Connection& c, std::span<const ImageId> ids) {
  std::unordered_map<ImageId, ImageRecord> found;
  auto rows = TRY(c.query(
      "SELECT id, sha256, bytes, format, width, height, frames, epoch_us(added_at), preview "
      "FROM images WHERE " +
          is_among("id", ids.size()),
      {ids}));
  while (rows.next()) {
    ImageRecord record;
    record.id = rows.integer(0);
    record.sha256 = to_sha256(rows.blob(1));
    record.bytes = rows.integer(2);
    record.info = {rows.text(3), static_cast<int>(rows.integer(4)),
                   static_cast<int>(rows.integer(5)), static_cast<int>(rows.integer(6)),
                   rows.text(8)};
    record.added_at_us = rows.integer(7);
    found.emplace(record.id, std::move(record));
  }
  auto files = TRY(
      c.query("SELECT image_id, path FROM files WHERE " + is_among("image_id", ids.size()), {ids}));
  while (files.next()) {
    if (const auto it = found.find(files.integer(0)); it != found.end())
      it->second.paths.push_back(files.text(1));
  }

  std::vector<ImageRecord> records;
  for (const ImageId id : ids) {
    const auto it = found.find(id);
    if (it == found.end()) continue;
    std::sort(it->second.paths.begin(), it->second.paths.end());
    records.push_back(it->second);
  }
  return records;
}

}  // namespace

std::string is_among(const std::string& column, size_t count) {
  constexpr size_t kFew = 64;
  if (count == 1) return column + " = (?::BIGINT[])[1]";
  return count <= kFew ? "list_contains(?::BIGINT[], " + column + ")"
                       : column + " IN (SELECT unnest(?::BIGINT[]))";
}

std::string temporary(const sql::Connection& c, const std::string& table) {
  return (c.dialect() == sql::Dialect::kDuckDb ? "temp." : "pg_temp.") + table;
}

Result<> replace_temporary(sql::Connection& c, const std::string& table, const std::string& rows,
                           std::initializer_list<sql::Value> values) {
  TRY(c.run("DROP TABLE IF EXISTS " + temporary(c, table)));
  TRY(c.run("CREATE TEMP TABLE " + table + " AS " + rows, values));
  return {};
}

Result<std::vector<int64_t>> read_ids(sql::Connection& c, const std::string& sql,
                                      std::initializer_list<sql::Value> values) {
  std::vector<int64_t> ids;
  auto rows = TRY(c.query(sql, values));
  while (rows.next()) ids.push_back(rows.integer(0));
  return ids;
}

Result<ImageRecord> Catalog::image(ImageId id) {
  auto records = TRY(images_by_id({&id, 1}));
  if (records.empty())
    return Error{ErrorCode::kNotFound, "there is no image " + std::to_string(id)};
  return std::move(records.front());
}

namespace {

// A page of the images for which `which` holds.
Result<std::vector<ImageRecord>> read_page(sql::Connection& c, const std::string& which,
                                           std::string_view value, ImageId after, int limit,
                                           Catalog::Order order) {
  const bool newest = order == Catalog::Order::kNewest;
  if (newest && after == 0) after = std::numeric_limits<ImageId>::max();
  const auto ids =
      TRY(read_ids(c,
                   "SELECT id FROM images WHERE " + which + " AND id " +
                       (newest ? "< ? ORDER BY id DESC LIMIT ?" : "> ? ORDER BY id LIMIT ?"),
                   {value, after, int64_t{limit}}));
  return read_records(c, ids);
}

}  // namespace

Result<std::vector<ImageRecord>> Catalog::images(ImageId after, int limit, Order order) {
  return impl_->read(
      [&](sql::Connection& c) { return read_page(c, "? = ''", "", after, limit, order); });
}

Result<std::vector<Catalog::ImageHash>> Catalog::image_hashes(ImageId after, int limit) {
  return impl_->read([&](sql::Connection& c) -> Result<std::vector<ImageHash>> {
    std::vector<ImageHash> page;
    auto rows = TRY(c.query("SELECT id, sha256 FROM images WHERE id > ? ORDER BY id LIMIT ?",
                            {after, int64_t{limit}}));
    while (rows.next()) page.push_back({.id = rows.integer(0), .sha256 = to_sha256(rows.blob(1))});
    return page;
  });
}

Result<std::vector<ImageRecord>> Catalog::images_named(const std::string& name, ImageId after,
                                                       int limit, Order order) {
  if (name.find('/') != name.npos) return std::vector<ImageRecord>{};  // no name of a file
  return impl_->read([&](sql::Connection& c) {
    return read_page(c, "id IN (SELECT image_id FROM files WHERE ends_with(path, ?))", "/" + name,
                     after, limit, order);
  });
}

Result<std::vector<ImageRecord>> Catalog::images_by_id(std::span<const ImageId> ids) {
  return impl_->read([&](sql::Connection& c) { return read_records(c, ids); });
}

Result<std::optional<ImageId>> Catalog::image_by_path(const std::string& path) {
  return impl_->read([&](sql::Connection& c) -> Result<std::optional<ImageId>> {
    auto rows =
        TRY(c.query("SELECT image_id FROM files WHERE path = ? AND image_id IS NOT NULL", {path}));
    if (!rows.next()) return std::optional<ImageId>();
    return std::optional(rows.integer(0));
  });
}

Result<std::unordered_set<std::string>> Catalog::known_files(std::span<const std::string> paths) {
  return impl_->read([&](sql::Connection& c) -> Result<std::unordered_set<std::string>> {
    std::unordered_set<std::string> known;
    auto rows =
        TRY(c.query("SELECT path FROM files WHERE path IN (SELECT unnest(?::VARCHAR[])) AND "
                    "image_id IS NOT NULL",
                    {paths}));
    while (rows.next()) known.insert(rows.text(0));
    return known;
  });
}

Result<std::vector<FailedFile>> Catalog::failed_files(int limit) {
  return impl_->read([&](sql::Connection& c) -> Result<std::vector<FailedFile>> {
    std::vector<FailedFile> failed;
    auto rows =
        TRY(c.query("SELECT path, error FROM files WHERE error IS NOT NULL "
                    "ORDER BY path COLLATE \"C\" LIMIT ?",
                    {int64_t{limit}}));
    while (rows.next()) failed.push_back({rows.text(0), rows.text(1)});
    return failed;
  });
}

namespace {

// The images in the temporary table doomed(id), with all that hangs on them but their files.
Result<int64_t> drop_doomed(sql::Connection& c) {
  TRY(drop_vectors_of_doomed(c));
  TRY(drop_texts_of_doomed(c));
  TRY(drop_not_duplicates_of_doomed(c));
  TRY(c.run("DELETE FROM embeddings WHERE image_id IN (SELECT id FROM doomed)"));
  return c.run("DELETE FROM images WHERE id IN (SELECT id FROM doomed)");
}

}  // namespace

Result<int64_t> drop_orphans(sql::Connection& c) {
  TRY(replace_temporary(
      c, "doomed",
      "SELECT id FROM images WHERE NOT EXISTS (SELECT 1 FROM files WHERE image_id = id)"));
  return drop_doomed(c);
}

Result<int64_t> forget_files(sql::Connection& c, const std::string& which,
                             std::initializer_list<sql::Value> values) {
  TRY(replace_temporary(
      c, "touched",
      "SELECT DISTINCT image_id AS id FROM files WHERE image_id IS NOT NULL AND (" + which + ")",
      values));
  if (TRY(c.run("DELETE FROM files WHERE " + which, values)) == 0) return 0;
  const int64_t went = TRY(drop_orphans(c));
  TRY(touch_texts(c));
  return went;
}

Result<int64_t> Catalog::count_files_below(const std::string& path) {
  return impl_->read([&](sql::Connection& c) {
    return c.integer("SELECT count(*) FROM files WHERE path = ? OR starts_with(path, ?)",
                     {without_slash(path), prefix_below(path)});
  });
}

Result<> Catalog::forget_failed(const std::string& path) {
  return impl_->write([&](sql::Connection& c) -> Result<> {
    TRY(c.run("DELETE FROM files WHERE error IS NOT NULL AND (path = ? OR starts_with(path, ?))",
              {without_slash(path), prefix_below(path)}));
    return {};
  });
}

Result<int64_t> Catalog::remove_path(const std::string& path) {
  return impl_->write([&](sql::Connection& c) -> Result<int64_t> {
    TRY(c.run("DELETE FROM roots WHERE path = ? OR starts_with(path, ?)",
              {without_slash(path), prefix_below(path)}));
    TRY(take_files_below_out(c, path));
    return forget_files(c, "path = ? OR starts_with(path, ?)",
                        {without_slash(path), prefix_below(path)});
  });
}

Result<> Catalog::remove_images(std::span<const ImageId> ids) {
  return impl_->write([&](sql::Connection& c) -> Result<> {
    TRY(replace_temporary(c, "doomed", "SELECT unnest(?::BIGINT[]) AS id", {ids}));
    TRY(c.run("DELETE FROM files WHERE image_id IN (SELECT id FROM doomed)"));
    TRY(drop_doomed(c));
    return {};
  });
}

}  // namespace mimeme
