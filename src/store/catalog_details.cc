#include <unordered_map>
#include <utility>

#include "store/appender.h"
#include "store/catalog.h"
#include "store/catalog_impl.h"

namespace mimeme {
namespace {

const std::string kWithoutDetails =
    "NOT EXISTS (SELECT 1 FROM details d WHERE d.image_id = files.image_id AND d.model_id = ?)";

Error no_details() {
  return {ErrorCode::kUnsupported, "a catalog in a file keeps no details: index/features.db does"};
}

}  // namespace

Result<std::vector<Work>> Catalog::images_without_details(ModelId model, ImageId after, int limit) {
  if (impl_->database->dialect() == sql::Dialect::kDuckDb) return no_details();
  return impl_->read(
      [&](sql::Connection& c) { return page_of_images(c, kWithoutDetails, model, after, limit); });
}

Result<int64_t> Catalog::count_images_without_details(ModelId model) {
  if (impl_->database->dialect() == sql::Dialect::kDuckDb) return no_details();
  return impl_->read(
      [&](sql::Connection& c) { return count_of_images(c, kWithoutDetails, model); });
}

Result<> Catalog::put_details(std::span<const StoredFeatures> details, ModelId model) {
  if (impl_->database->dialect() == sql::Dialect::kDuckDb) return no_details();
  return impl_->write([&](sql::Connection& c) -> Result<> {
    std::unordered_map<ImageId, const StoredFeatures*> of;  // of two for an image the last counts
    std::vector<ImageId> ids;
    for (const StoredFeatures& one : details) {
      of[one.image] = &one;
      ids.push_back(one.image);
    }
    for (const char* const table : {"details", "detail_parts"})
      TRY(c.run(
          "DELETE FROM " + std::string(table) + " WHERE image_id IN (SELECT unnest(?::BIGINT[]))",
          {ids}));
    const auto images =
        TRY(read_ids(c, "SELECT id FROM images WHERE id IN (SELECT unnest(?::BIGINT[]))", {ids}));
    int64_t seq = TRY(take(c, "details", std::ssize(images)));
    auto out = TRY(sql::Appender::open(c, "details"));
    for (const ImageId id : images) {
      const StoredFeatures& one = *of.at(id);
      out.integer(id).integer(seq++).integer(model).blob(one.sha256).blob(one.features);
      out.blob(one.picture);
      TRY(out.end_row());
    }
    TRY(out.close());
    auto parts = TRY(sql::Appender::open(c, "detail_parts"));
    for (const ImageId id : images) {
      int64_t n = 0;
      for (const auto& [region, embedding] : of.at(id)->parts) {
        const float box[] = {static_cast<float>(region.left), static_cast<float>(region.top),
                             static_cast<float>(region.width), static_cast<float>(region.height)};
        parts.integer(id).integer(n++).floats(box).blob(to_blob(embedding));
        TRY(parts.end_row());
      }
    }
    TRY(parts.close());
    return take_out(c, kLook, ids);
  });
}

namespace {

// A row of image_id, sha256, features, picture.
StoredFeatures read_features(const sql::Rows& rows) {
  return {.image = rows.integer(0),
          .sha256 = to_sha256(rows.blob(1)),
          .features = from_blob<uint8_t>(rows.blob(2)),
          .picture = from_blob<uint8_t>(rows.blob(3))};
}

// A row of box, embedding; none if it is damaged.
std::optional<StoredPart> read_part(const sql::Rows& rows, int column) {
  const auto box = rows.floats(column);
  if (box.size() != 4) return std::nullopt;
  return StoredPart{{box[0], box[1], box[2], box[3]}, from_blob<Half>(rows.blob(column + 1))};
}

}  // namespace

Result<Catalog::DetailsPage> Catalog::details_since(int64_t seq, int limit, ModelId model,
                                                    Whole whole) {
  if (impl_->database->dialect() == sql::Dialect::kDuckDb) return no_details();
  return impl_->read([&](sql::Connection& c) -> Result<DetailsPage> {
    DetailsPage page{.details = {}, .seq = seq};
    auto rows =
        TRY(c.query(std::string("SELECT image_id, ") +
                        (whole == Whole::kYes ? "sha256, features, picture"
                                              : "''::bytea, ''::bytea, ''::bytea") +
                        ", seq FROM details WHERE seq > ? AND model_id = ? ORDER BY seq LIMIT ?",
                    {seq, model, int64_t{limit}}));
    std::unordered_map<ImageId, size_t> place;
    std::vector<ImageId> ids;
    while (rows.next()) {
      page.seq = rows.integer(4);
      ids.push_back(rows.integer(0));
      place[ids.back()] = page.details.size();
      page.details.push_back(read_features(rows));
    }
    auto parts =
        TRY(c.query("SELECT image_id, box, embedding FROM detail_parts WHERE image_id IN (SELECT "
                    "unnest(?::BIGINT[])) ORDER BY image_id, n",
                    {ids}));
    while (parts.next())
      if (auto part = read_part(parts, 1))
        page.details[place[parts.integer(0)]].parts.push_back(*std::move(part));
    return page;
  });
}

Result<std::vector<ImageId>> Catalog::details_changed_since(int64_t seq) {
  if (impl_->database->dialect() == sql::Dialect::kDuckDb) return no_details();
  return impl_->read([&](sql::Connection& c) {
    return read_ids(c, "SELECT image_id FROM details WHERE seq > ?", {seq});
  });
}

Result<std::vector<StoredFeatures>> Catalog::details(std::span<const ImageId> ids) {
  if (impl_->database->dialect() == sql::Dialect::kDuckDb) return no_details();
  if (ids.empty()) return std::vector<StoredFeatures>();
  return impl_->read([&](sql::Connection& c) -> Result<std::vector<StoredFeatures>> {
    std::vector<StoredFeatures> details;
    auto rows =
        TRY(c.query("SELECT image_id, sha256, features, picture FROM unnest(?::BIGINT[]) WITH "
                    "ORDINALITY AS asked(id, place) JOIN details ON image_id = id ORDER BY place",
                    {ids}));
    while (rows.next()) details.push_back(read_features(rows));
    return details;
  });
}

Result<std::vector<StoredPart>> Catalog::detail_parts(ImageId id, ModelId model) {
  if (impl_->database->dialect() == sql::Dialect::kDuckDb) return no_details();
  return impl_->read([&](sql::Connection& c) -> Result<std::vector<StoredPart>> {
    std::vector<StoredPart> parts;
    auto rows =
        TRY(c.query("SELECT box, embedding FROM detail_parts JOIN details USING (image_id) WHERE "
                    "image_id = ? AND model_id = ? ORDER BY n",
                    {id, model}));
    while (rows.next())
      if (auto part = read_part(rows, 0)) parts.push_back(*std::move(part));
    return parts;
  });
}

Result<std::vector<ImageId>> Catalog::images_with_details(Details which, ImageId after, int limit) {
  if (impl_->database->dialect() == sql::Dialect::kDuckDb) return no_details();
  return impl_->read([&](sql::Connection& c) {
    return read_ids(
        c,
        "SELECT image_id FROM details d WHERE image_id > ? " +
            std::string(which == Details::kRead ? "AND EXISTS (SELECT 1 FROM readings r WHERE "
                                                  "r.image_id = d.image_id) "
                                                : "") +
            "ORDER BY image_id LIMIT ?",
        {after, int64_t{limit}});
  });
}

Result<Catalog::Removals> Catalog::detail_removals_since(int64_t seq) {
  if (impl_->database->dialect() == sql::Dialect::kDuckDb) return no_details();
  return impl_->read([&](sql::Connection& c) -> Result<Removals> {
    Removals removals;
    removals.seq = TRY(c.integer("SELECT last FROM counters WHERE name = 'details'"));
    removals.ids = TRY(
        read_ids(c, "SELECT image_id FROM detail_removals WHERE seq > ? ORDER BY image_id", {seq}));
    return removals;
  });
}

Result<> drop_details_of_doomed(sql::Connection& c) {
  if (c.dialect() == sql::Dialect::kDuckDb) return {};
  const std::string of_doomed = " WHERE image_id IN (SELECT id FROM doomed)";
  if (const int64_t n = TRY(c.integer("SELECT count(*) FROM details" + of_doomed)); n > 0) {
    const int64_t first = TRY(take(c, "details", n));
    TRY(c.run(
        "INSERT INTO detail_removals SELECT image_id, ? + row_number() OVER () - 1 FROM details" +
            of_doomed,
        {first}));
  }
  TRY(c.run("DELETE FROM details" + of_doomed));
  TRY(c.run("DELETE FROM detail_parts" + of_doomed));
  return {};
}

Result<> touch_details(sql::Connection& c, std::span<const ImageId> ids) {
  if (c.dialect() == sql::Dialect::kDuckDb) return {};
  const std::string among = " FROM details WHERE image_id IN (SELECT unnest(?::BIGINT[]))";
  const int64_t n = TRY(c.integer("SELECT count(*)" + among, {ids}));
  if (n == 0) return {};
  const int64_t first = TRY(take(c, "details", n));
  TRY(
      c.run("UPDATE details SET seq = ? + place - 1 FROM (SELECT image_id AS touched, "
            "row_number() OVER () AS place" +
                among + ") AS those WHERE image_id = touched",
            {first, ids}));
  return {};
}

}  // namespace mimeme
