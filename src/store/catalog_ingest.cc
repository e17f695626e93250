#include <algorithm>
#include <map>
#include <utility>

#include "base/clock.h"
#include "store/appender.h"
#include "store/catalog.h"
#include "store/catalog_impl.h"

namespace mimeme {

Result<std::unordered_set<ImageId>> embedded_among(sql::Connection& connection, ModelId model,
                                                   std::span<const ImageId> ids) {
  std::unordered_set<ImageId> embedded;
  auto rows =
      TRY(connection.query("SELECT image_id FROM embeddings WHERE model_id = ? "
                           "AND image_id IN (SELECT unnest(?::BIGINT[]))",
                           {model, ids}));
  while (rows.next()) embedded.insert(rows.integer(0));
  return embedded;
}

namespace {

int64_t head_of(const Sha256& sha256) {
  uint64_t head = 0;
  for (int i = 0; i < 8; ++i) head = head << 8 | sha256[static_cast<size_t>(i)];
  return static_cast<int64_t>(head);
}

// One image that the batch speaks of, under however many paths.
struct Content {
  ImageId id = 0;  // 0: not known yet
  bool is_new = false;
  const IngestResult* embedded = nullptr;  // a result that carries the embedding
};
using Contents = std::map<Sha256, Content>;

Result<> find_known(sql::Connection& c, Contents& contents) {
  std::vector<int64_t> heads;
  for (const auto& [sha256, content] : contents) heads.push_back(head_of(sha256));
  auto rows = TRY(c.query(
      "SELECT id, sha256 FROM images WHERE sha256_head IN (SELECT unnest(?::BIGINT[]))", {heads}));
  while (rows.next()) {
    if (const auto found = contents.find(to_sha256(rows.blob(1))); found != contents.end())
      found->second.id = rows.integer(0);
  }
  return {};
}

Result<> add_images(sql::Connection& c, Contents& contents) {
  std::vector<std::pair<const Sha256*, Content*>> fresh;
  for (auto& [sha256, content] : contents) {
    if (content.id == 0 && content.embedded) fresh.emplace_back(&sha256, &content);
  }
  if (fresh.empty()) return {};
  // Numbered in the order of the batch.
  std::ranges::sort(fresh, {}, [](const auto& image) { return image.second->embedded; });
  ImageId id = TRY(take(c, "image", static_cast<int64_t>(fresh.size())));
  const int64_t now = now_us();
  auto out = TRY(sql::Appender::open(c, "images"));
  for (const auto& [sha256, content] : fresh) {
    const IngestResult& from = *content->embedded;
    content->id = id++;
    content->is_new = true;
    out.integer(content->id).blob(*sha256).integer(head_of(*sha256)).integer(from.size);
    out.text(from.info.format).integer(from.info.width).integer(from.info.height);
    out.integer(from.info.frames).integer(from.added_at_us > 0 ? from.added_at_us : now);
    out.text(from.info.preview);
    TRY(out.end_row());
  }
  return out.close();
}

Result<> add_embeddings(sql::Connection& c, const Contents& contents, ModelId model) {
  std::vector<ImageId> known;
  for (const auto& [sha256, content] : contents) {
    if (content.embedded && !content.is_new) known.push_back(content.id);
  }
  std::unordered_set<ImageId> embedded;
  if (!known.empty()) embedded = TRY(embedded_among(c, model, known));
  auto out = TRY(sql::Appender::open(c, "embeddings"));
  for (const auto& [sha256, content] : contents) {
    if (!content.embedded || embedded.contains(content.id)) continue;
    out.integer(content.id).integer(model).blob(to_blob(content.embedded->embedding));
    TRY(out.end_row());
  }
  return out.close();
}

// Replaces what is known of these paths, and touches the words of the images that gained or lost
// one. True if an image lost a file by it that it does not have again.
Result<bool> replace_files(sql::Connection& c,
                           const std::map<std::string, const IngestResult*>& files,
                           const Contents& contents) {
  std::vector<std::string> paths;
  for (const auto& [path, result] : files) paths.push_back(path);
  auto replaced =
      TRY(c.query("DELETE FROM files WHERE path IN (SELECT unnest(?::VARCHAR[])) RETURNING "
                  "coalesce(image_id, 0)",
                  {paths}));
  std::unordered_set<ImageId> lost;
  while (replaced.next()) lost.insert(replaced.integer(0));
  lost.erase(0);
  std::vector<ImageId> touched(lost.begin(), lost.end());

  auto out = TRY(sql::Appender::open(c, "files"));
  for (const auto& [path, result] : files) {
    const bool failed = !result->error.empty();
    const ImageId image = failed ? 0 : contents.at(result->sha256).id;
    // The image that this result took for known has gone since: the next scan reads the file.
    if (!failed && image == 0) continue;
    lost.erase(image);
    if (!failed) touched.push_back(image);
    out.text(path).integer(result->size).integer(result->mtime_ns);
    failed ? out.null().text(result->error) : out.integer(image).null();
    TRY(out.end_row());
  }
  TRY(out.close());
  TRY(touch_texts(c, touched));
  TRY(take_files_out(c, paths));
  return !lost.empty();
}

}  // namespace

Result<> Catalog::commit(std::span<const IngestResult> batch, ModelId model) {
  if (batch.empty()) return {};
  return impl_->write([&](sql::Connection& c) -> Result<> {
    const auto dim = static_cast<size_t>(TRY(model_dim(c, model)));
    std::map<std::string, const IngestResult*> files;  // the last word on each path
    for (const auto& result : batch)
      if (!result.transient) files[result.path] = &result;
    if (files.empty()) return {};
    Contents contents;
    for (const auto& [path, result] : files) {
      if (!result->error.empty()) continue;
      auto& content = contents[result->sha256];
      if (result->embedding.empty()) continue;
      if (result->embedding.size() != dim)
        return Error{ErrorCode::kInvalidArgument,
                     path + ": an embedding of " + std::to_string(result->embedding.size()) +
                         " numbers, but the model has " + std::to_string(dim)};
      content.embedded = result;
    }
    TRY(find_known(c, contents));
    TRY(add_images(c, contents));
    TRY(add_embeddings(c, contents, model));
    if (TRY(replace_files(c, files, contents))) TRY(drop_orphans(c));
    return {};
  });
}

Result<std::optional<ImageId>> Catalog::find_embedded(const Sha256& sha256, ModelId model) {
  return impl_->read([&](sql::Connection& c) -> Result<std::optional<ImageId>> {
    Contents contents{{sha256, {}}};
    TRY(find_known(c, contents));
    const ImageId id = contents[sha256].id;
    if (id == 0 || TRY(embedded_among(c, model, {&id, 1})).empty()) return std::optional<ImageId>();
    return std::optional(id);
  });
}

Result<std::vector<Work>> page_of_images(sql::Connection& c, const std::string& lacking,
                                         const sql::Value& value, ImageId after, int limit) {
  // The ids first: a page then reads the paths of its own images only.
  std::vector<ImageId> ids;
  auto found = TRY(c.query("SELECT DISTINCT image_id FROM files WHERE image_id > ? AND " + lacking +
                               " ORDER BY image_id LIMIT ?",
                           {after, value, int64_t{limit}}));
  while (found.next()) ids.push_back(found.integer(0));

  std::vector<Work> work;
  auto rows =
      TRY(c.query("SELECT DISTINCT ON (image_id) image_id, path, size, mtime_ns FROM files "
                  "WHERE image_id IN (SELECT unnest(?::BIGINT[])) "
                  "ORDER BY image_id, path COLLATE \"C\"",
                  {ids}));
  while (rows.next())
    work.push_back({rows.integer(0), rows.text(1), rows.integer(2), rows.integer(3)});
  return work;
}

Result<int64_t> count_of_images(sql::Connection& c, const std::string& lacking,
                                const sql::Value& value) {
  return c.integer(
      "SELECT count(DISTINCT image_id) FROM files WHERE image_id IS NOT NULL AND " + lacking,
      {value});
}

namespace {

const std::string kWithoutEmbedding =
    "NOT EXISTS (SELECT 1 FROM embeddings e WHERE e.image_id = files.image_id AND e.model_id = ?)";

}  // namespace

Result<std::vector<Work>> Catalog::images_without_embedding(ModelId model, ImageId after,
                                                            int limit) {
  return impl_->read([&](sql::Connection& c) {
    return page_of_images(c, kWithoutEmbedding, model, after, limit);
  });
}

Result<int64_t> Catalog::count_images_without_embedding(ModelId model) {
  return impl_->read(
      [&](sql::Connection& c) { return count_of_images(c, kWithoutEmbedding, model); });
}

}  // namespace mimeme
