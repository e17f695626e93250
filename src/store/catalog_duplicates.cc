#include <algorithm>

#include "store/catalog.h"
#include "store/catalog_impl.h"

namespace mimeme {
namespace {

// The pairs of ? (twice) and each of ?.
constexpr const char* kPairs =
    "FROM (SELECT DISTINCT least(?::BIGINT, other) AS a, greatest(?::BIGINT, other) AS b "
    "FROM (SELECT unnest(?::BIGINT[]) AS other) AS others) AS pairs";

Result<> drop(sql::Connection& c, ImageId id, std::span<const ImageId> others) {
  TRY(c.run(std::string("DELETE FROM not_duplicates WHERE (image_a, image_b) IN (SELECT a, b ") +
                kPairs + ")",
            {id, id, others}));
  return {};
}

}  // namespace

Result<> drop_not_duplicates_of_doomed(sql::Connection& c) {
  TRY(
      c.run("DELETE FROM not_duplicates WHERE image_a IN (SELECT id FROM doomed) "
            "OR image_b IN (SELECT id FROM doomed)"));
  return {};
}

Result<> Catalog::say_not_duplicates(ImageId id, std::span<const ImageId> others) {
  if (std::ranges::find(others, id) != others.end())
    return Error{ErrorCode::kInvalidArgument, "an image is always the same picture as itself"};
  return impl_->write([&](sql::Connection& c) -> Result<> {
    std::vector<ImageId> all(others.begin(), others.end());
    all.push_back(id);
    auto unknown = TRY(c.query(
        "SELECT other FROM (SELECT unnest(?::BIGINT[]) AS other) AS others WHERE NOT EXISTS "
        "(SELECT 1 FROM images WHERE id = other) ORDER BY other",
        {all}));
    if (unknown.next())
      return Error{ErrorCode::kNotFound, "there is no image " + std::to_string(unknown.integer(0))};
    TRY(drop(c, id, others));
    TRY(c.run(std::string("INSERT INTO not_duplicates SELECT a, b ") + kPairs, {id, id, others}));
    return {};
  });
}

Result<> Catalog::unsay_not_duplicates(ImageId id, std::span<const ImageId> others) {
  return impl_->write([&](sql::Connection& c) { return drop(c, id, others); });
}

Result<std::vector<Catalog::ImagePair>> Catalog::not_duplicates() {
  return impl_->read([](sql::Connection& c) -> Result<std::vector<ImagePair>> {
    std::vector<ImagePair> pairs;
    auto rows =
        TRY(c.query("SELECT image_a, image_b FROM not_duplicates ORDER BY image_a, image_b"));
    while (rows.next()) pairs.push_back({.a = rows.integer(0), .b = rows.integer(1)});
    return pairs;
  });
}

}  // namespace mimeme
