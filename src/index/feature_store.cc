#include "index/feature_store.h"

#include <zstd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "core/parts.h"
#include "index/sqlite.h"

namespace mimeme {
namespace {

using sqlite::Connection;
using sqlite::Row;
using sqlite::Transaction;

static_assert(kMaxParts <= 8);

// docs/format.md says what these are.
constexpr std::string_view kSchema[] = {
    "CREATE TABLE state (seq INTEGER NOT NULL)",
    "INSERT INTO state VALUES (0)",
    "CREATE TABLE images (id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL, model INTEGER NOT NULL, "
    "words BLOB)",
    "CREATE INDEX images_read ON images (id) WHERE words IS NOT NULL",
    "CREATE TABLE details (id INTEGER PRIMARY KEY, features BLOB NOT NULL, picture BLOB NOT NULL)",
    "CREATE TABLE parts (id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, model INTEGER NOT NULL, "
    "x REAL NOT NULL, y REAL NOT NULL, width REAL NOT NULL, height REAL NOT NULL, "
    "embedding BLOB NOT NULL)",
    "CREATE INDEX parts_seq ON parts (seq)",
    "CREATE TABLE removals (id INTEGER PRIMARY KEY, seq INTEGER NOT NULL)",
    "CREATE INDEX removals_seq ON removals (seq)",
};
constexpr sqlite::Format kFormat{"store of features", 0x6D696D66, 3, kSchema};  // "mimf"

std::span<const uint8_t> as_bytes(std::span<const Half> numbers) {
  return {reinterpret_cast<const uint8_t*>(numbers.data()), numbers.size_bytes()};
}

// Pictures are kept compressed, which halves them, with a checksum.
std::vector<uint8_t> compressed(std::span<const uint8_t> bytes) {
  const std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(),
                                                                   &ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  std::vector<uint8_t> result(ZSTD_compressBound(bytes.size()));
  // Into compressBound(): cannot fail but for memory.
  result.resize(
      ZSTD_compress2(context.get(), result.data(), result.size(), bytes.data(), bytes.size()));
  return result;
}

// Empty if that is not what they are.
std::vector<uint8_t> decompressed(std::span<const uint8_t> bytes, ZSTD_DCtx* context) {
  constexpr unsigned long long kMost = 1 << 20;
  const unsigned long long size = ZSTD_getFrameContentSize(bytes.data(), bytes.size());
  if (size > kMost) return {};  // the errors are larger, too
  std::vector<uint8_t> result(size);
  if (ZSTD_decompressDCtx(context, result.data(), size, bytes.data(), bytes.size()) != size)
    return {};
  return result;
}

std::vector<uint8_t> copied(std::span<const uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

void append_halves(std::span<const uint8_t> bytes, std::vector<Half>& to) {
  const size_t before = to.size(), more = bytes.size() / sizeof(Half);
  to.resize(before + more);
  if (more > 0) std::memcpy(&to[before], bytes.data(), more * sizeof(Half));
}

Region region_of(const Row& row, int first) {
  return {row.real(first), row.real(first + 1), row.real(first + 2), row.real(first + 3)};
}

Result<> forget(Connection& db, ImageId image, int64_t seq) {
  const int64_t first = part_id(image, 0), end = part_id(image + 1, 0);
  TRY(db.run("INSERT OR REPLACE INTO removals SELECT id, ? FROM parts WHERE id >= ? AND id < ?",
             {seq, first, end}));
  TRY(db.run("DELETE FROM parts WHERE id >= ? AND id < ?", {first, end}));
  TRY(db.run("DELETE FROM details WHERE id = ?", {image}));
  return db.run("DELETE FROM images WHERE id = ?", {image});
}

static_assert(std::endian::native == std::endian::little);  // as the file has them

Result<> set_words(Connection& db, ImageId image, const TextMask& words) {
  return db.run("UPDATE images SET words = ? WHERE id = ?", {as_bytes(words.rows), image});
}

std::optional<TextMask> words_of(std::span<const uint8_t> bytes) {
  TextMask words;
  if (bytes.size() != sizeof(words.rows)) return std::nullopt;
  std::memcpy(words.rows.data(), bytes.data(), bytes.size());
  return words;
}

// sql: of ids after one number, at most another.
Result<std::vector<ImageId>> page_of_ids(Connection& db, std::string_view sql, ImageId after,
                                         int limit) {
  std::vector<ImageId> ids;
  TRY(db.run(sql, {after, int64_t{limit}}, [&](const Row& row) { ids.push_back(row.integer(0)); }));
  return ids;
}

}  // namespace

FeatureStore::FeatureStore(std::unique_ptr<sqlite::Database> database)
    : database_(std::move(database)) {}
FeatureStore::~FeatureStore() = default;

Result<std::unique_ptr<FeatureStore>> FeatureStore::create(const std::string& path) {
  auto database = TRY(sqlite::Database::create(path, kFormat));
  return std::unique_ptr<FeatureStore>(new FeatureStore(std::move(database)));
}

Result<std::unique_ptr<FeatureStore>> FeatureStore::open(const std::string& path) {
  auto database = TRY(sqlite::Database::open(path, kFormat));
  return std::unique_ptr<FeatureStore>(new FeatureStore(std::move(database)));
}

Result<> FeatureStore::put(std::span<const StoredFeatures> images, int64_t model) {
  Lock lock(write_mu_);
  auto db = TRY(database_->lease());
  auto transaction = TRY(Transaction::begin(*db, "BEGIN IMMEDIATE"));
  int64_t seq = TRY(sqlite::integer_of(*db, "SELECT seq FROM state"));
  for (const StoredFeatures& one : images) {
    TRY(forget(*db, one.image, ++seq));
    const std::vector<uint8_t> picture = compressed(one.picture);
    TRY(db->run("INSERT INTO images VALUES (?, ?, ?, NULL)",
                {one.image, std::span<const uint8_t>(one.sha256), model}));
    if (one.words) TRY(set_words(*db, one.image, *one.words));
    TRY(db->run(
        "INSERT INTO details VALUES (?, ?, ?)",
        {one.image, std::span<const uint8_t>(one.features), std::span<const uint8_t>(picture)}));
    ++seq;
    for (size_t n = 0; n < one.parts.size() && n < kMaxParts; ++n) {
      const Region& at = one.parts[n].region;
      const int64_t id = part_id(one.image, n);
      TRY(db->run("INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                  {id, seq, model, at.left, at.top, at.width, at.height,
                   as_bytes(one.parts[n].embedding)}));
      TRY(db->run("DELETE FROM removals WHERE id = ?", {id}));
    }
  }
  TRY(db->run("UPDATE state SET seq = ?", {seq}));
  return transaction.commit();
}

Result<> FeatureStore::put_words(std::span<const Words> read) {
  Lock lock(write_mu_);
  auto db = TRY(database_->lease());
  auto transaction = TRY(Transaction::begin(*db, "BEGIN IMMEDIATE"));
  for (const Words& one : read) TRY(set_words(*db, one.image, one.words));
  return transaction.commit();
}

Result<> FeatureStore::remove(std::span<const ImageId> images) {
  Lock lock(write_mu_);
  auto db = TRY(database_->lease());
  auto transaction = TRY(Transaction::begin(*db, "BEGIN IMMEDIATE"));
  const int64_t seq = TRY(sqlite::integer_of(*db, "SELECT seq FROM state")) + 1;
  for (const ImageId image : images) TRY(forget(*db, image, seq));
  TRY(db->run("UPDATE state SET seq = ?", {seq}));
  return transaction.commit();
}

// Its table is made when there is something to remember: most libraries follow nobody.
Result<int64_t> FeatureStore::followed() const {
  auto db = TRY(database_->lease());
  if (TRY(sqlite::integer_of(*db, "SELECT count(*) FROM sqlite_schema WHERE name = 'followed'")) ==
      0)
    return int64_t{0};
  return sqlite::integer_of(*db, "SELECT coalesce(max(seq), 0) FROM followed");
}

Result<> FeatureStore::set_followed(int64_t seq) {
  Lock lock(write_mu_);
  auto db = TRY(database_->lease());
  auto transaction = TRY(Transaction::begin(*db, "BEGIN IMMEDIATE"));
  TRY(db->run("CREATE TABLE IF NOT EXISTS followed (seq INTEGER NOT NULL)"));
  TRY(db->run("DELETE FROM followed"));
  TRY(db->run("INSERT INTO followed VALUES (?)", {seq}));
  return transaction.commit();
}

Result<std::vector<FeatureStore::Known>> FeatureStore::known(ImageId after, ImageId last) const {
  auto db = TRY(database_->lease());
  std::vector<Known> page;
  TRY(db->run("SELECT id, sha256, model FROM images WHERE id > ? AND id <= ? ORDER BY id",
              {after, last}, [&](const Row& row) {
                Known& one = page.emplace_back();
                one.image = row.integer(0);
                one.model = row.integer(2);
                const auto sha256 = row.blob(1);
                if (sha256.size() == one.sha256.size())
                  std::ranges::copy(sha256, one.sha256.begin());
              }));
  return page;
}

Result<> FeatureStore::verify() const {
  auto db = TRY(database_->lease());
  return db->quick_check();
}

Result<std::vector<ImageId>> FeatureStore::images(ImageId after, int limit) const {
  auto db = TRY(database_->lease());
  return page_of_ids(*db, "SELECT id FROM images WHERE id > ? ORDER BY id LIMIT ?", after, limit);
}

Result<std::vector<ImageId>> FeatureStore::images_read(ImageId after, int limit) const {
  auto db = TRY(database_->lease());
  return page_of_ids(*db,
                     "SELECT id FROM images WHERE words IS NOT NULL AND id > ? ORDER BY id LIMIT ?",
                     after, limit);
}

Result<std::vector<StoredFeatures>> FeatureStore::get(std::span<const ImageId> images) const {
  auto db = TRY(database_->lease());
  auto transaction = TRY(Transaction::begin(*db, "BEGIN"));  // the file is locked once
  const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(),
                                                                   &ZSTD_freeDCtx);
  std::vector<StoredFeatures> found;
  for (const ImageId image : images) {
    StoredFeatures one{.image = image};
    bool is_there = false;
    TRY(db->run("SELECT features, picture, words FROM details JOIN images USING (id) WHERE id = ?",
                {image}, [&](const Row& row) {
                  is_there = true;
                  one.features = copied(row.blob(0));
                  one.picture = decompressed(row.blob(1), context.get());
                  one.words = words_of(row.blob(2));
                }));
    if (is_there) found.push_back(std::move(one));
  }
  TRY(transaction.commit());
  return found;
}

Result<std::vector<StoredPart>> FeatureStore::parts(ImageId image, int64_t model) const {
  auto db = TRY(database_->lease());
  std::vector<StoredPart> parts;
  TRY(
      db->run("SELECT x, y, width, height, embedding FROM parts WHERE id >= ? AND id < ? AND "
              "model = ? ORDER BY id",
              {part_id(image, 0), part_id(image + 1, 0), model}, [&](const Row& row) {
                parts.push_back({.region = region_of(row, 0), .embedding = {}});
                append_halves(row.blob(4), parts.back().embedding);
              }));
  return parts;
}

Result<FeatureStore::PartRows> FeatureStore::parts_since(int64_t seq, int limit,
                                                         int64_t model) const {
  auto db = TRY(database_->lease());
  PartRows page{.ids = {}, .rows = {}, .seq = seq};
  // Whole images, whose parts have one seq: up to that of the last row of the page.
  int64_t last = seq;
  TRY(db->run(
      "SELECT max(seq) FROM (SELECT seq FROM parts WHERE seq > ? AND model = ? ORDER BY seq LIMIT "
      "?)",
      {seq, model, int64_t{limit}}, [&](const Row& row) { last = row.integer(0); }));
  TRY(
      db->run("SELECT id, seq, embedding FROM parts WHERE seq > ? AND seq <= ? AND model = ? "
              "ORDER BY seq, id",
              {seq, last, model}, [&](const Row& row) {
                page.ids.push_back(row.integer(0));
                append_halves(row.blob(2), page.rows);
              }));
  if (last > seq) page.seq = last;
  return page;
}

Result<FeatureStore::Removals> FeatureStore::removals_since(int64_t seq) const {
  auto db = TRY(database_->lease());
  Removals removals;
  removals.seq = TRY(sqlite::integer_of(*db, "SELECT seq FROM state"));
  TRY(db->run("SELECT id FROM removals WHERE seq > ? ORDER BY id", {seq},
              [&](const Row& row) { removals.ids.push_back(row.integer(0)); }));
  return removals;
}

}  // namespace mimeme
