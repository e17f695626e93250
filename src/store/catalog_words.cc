#include <algorithm>
#include <array>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "core/half.h"
#include "store/appender.h"
#include "store/catalog.h"
#include "store/catalog_impl.h"

namespace mimeme {
namespace {

const std::string kUnread =
    "NOT EXISTS (SELECT 1 FROM readings r WHERE r.image_id = files.image_id AND r.reader = ?)";

std::string undescribed(DescribedBy by) {
  const std::string n = std::to_string(static_cast<int>(by));
  return "NOT EXISTS (SELECT 1 FROM descriptions d WHERE d.image_id = files.image_id "
         "AND (d.described_by = " +
         n + " AND d.describer = ? OR d.described_by > " + n + " AND d.text <> ''))";
}

Result<> require_image(sql::Connection& c, ImageId id) {
  if (TRY(c.integer("SELECT count(*) FROM images WHERE id = ?", {id})) > 0) return {};
  return Error{ErrorCode::kNotFound, "there is no image " + std::to_string(id)};
}

Result<int64_t> newest_text_change(sql::Connection& c) {
  return c.integer("SELECT last FROM counters WHERE name = 'text'");
}

// Calls take(image, line) for each line of these images, in reading order.
Result<> each_line(sql::Connection& c, std::span<const ImageId> ids, auto take) {
  auto rows = TRY(c.query("SELECT image_id, text, confidence, box FROM ocr_lines WHERE " +
                              is_among("image_id", ids.size()) + " ORDER BY image_id, n",
                          {ids}));
  while (rows.next()) {
    TextLine line{.text = rows.text(1), .confidence = rows.real(2)};
    const auto box = rows.floats(3);
    for (size_t i = 0; i < line.corners.size(); ++i)
      line.corners[i] = {.x = box[2 * i], .y = box[2 * i + 1]};
    take(rows.integer(0), std::move(line));
  }
  return {};
}

Result<std::vector<ImageText>> read_texts(sql::Connection& c, std::span<const ImageId> ids) {
  const std::string of_ids = " WHERE " + is_among("image_id", ids.size()) + ' ';
  std::unordered_map<ImageId, ImageText> found;
  auto known = TRY(c.query("SELECT image_id, seq FROM texts" + of_ids, {ids}));
  while (known.next()) found[known.integer(0)] = {.id = known.integer(0), .seq = known.integer(1)};
  // Calls fill(text, rows) for each row whose image, in column 0, is among them.
  const auto each = [&](const std::string& sql, auto fill) -> Result<> {
    auto rows = TRY(c.query(sql, {ids}));
    while (rows.next())
      if (const auto at = found.find(rows.integer(0)); at != found.end()) fill(at->second, rows);
    return {};
  };
  TRY(each_line(c, ids, [&](ImageId id, TextLine line) {
    if (const auto at = found.find(id); at != found.end())
      at->second.lines.push_back(std::move(line));
  }));
  TRY(each("SELECT image_id, text, described_by FROM descriptions" + of_ids +
               "AND text <> '' ORDER BY described_by",
           [](ImageText& text, sql::Rows& rows) {
             text.description = rows.text(1);
             text.described_by = static_cast<DescribedBy>(rows.integer(2));
           }));
  TRY(each("SELECT image_id, name FROM categories" + of_ids,
           [](ImageText& text, sql::Rows& rows) { text.category = rows.text(1); }));
  TRY(each("SELECT image_id, name FROM suggestions" + of_ids + "AND NOT is_refused",
           [](ImageText& text, sql::Rows& rows) { text.suggested_category = rows.text(1); }));
  TRY(each("SELECT image_id, path FROM files" + of_ids,
           [](ImageText& text, sql::Rows& rows) { text.paths.push_back(rows.text(1)); }));

  std::vector<ImageText> texts;
  for (const ImageId id : ids) {
    const auto at = found.find(id);
    if (at == found.end()) continue;
    std::ranges::sort(at->second.paths);  // of a row's bytes, not of the database's UTF-8
    texts.push_back(at->second);
  }
  return texts;
}

const std::string kNotEmbedded =
    "NOT EXISTS (SELECT 1 FROM text_embeddings e WHERE e.image_id = texts.image_id "
    "AND e.text_seq = texts.seq AND e.model_id = ?)";

Result<TextPage> page_of_texts(sql::Connection& c, sql::Rows rows, int64_t after) {
  TextPage page{.texts = {}, .seq = after};
  std::vector<ImageId> ids;
  while (rows.next()) {
    ids.push_back(rows.integer(0));
    page.seq = rows.integer(1);
  }
  page.texts = TRY(read_texts(c, ids));
  return page;
}

}  // namespace

Result<> touch_texts(sql::Connection& c) {
  const std::string changed = " FROM images WHERE id IN (SELECT id FROM touched)";
  TRY(c.run("DELETE FROM texts WHERE image_id IN (SELECT id FROM touched)"));
  const int64_t n = TRY(c.integer("SELECT count(*)" + changed));
  if (n == 0) return {};
  const int64_t first = TRY(take(c, "text", n));
  TRY(c.run("INSERT INTO texts SELECT id, ? + row_number() OVER (ORDER BY id) - 1" + changed +
                " ORDER BY id",
            {first}));
  return {};
}

Result<> touch_texts(sql::Connection& c, std::span<const ImageId> ids) {
  if (ids.empty()) return {};
  TRY(replace_temporary(c, "touched", "SELECT unnest(?::BIGINT[]) AS id", {ids}));
  return touch_texts(c);
}

Result<> drop_texts_of_doomed(sql::Connection& c) {
  const std::string of_doomed = " WHERE image_id IN (SELECT id FROM doomed)";
  const int64_t n = TRY(c.integer("SELECT count(*) FROM texts" + of_doomed));
  if (n > 0) {
    const int64_t first = TRY(take(c, "text", n));
    TRY(c.run("INSERT INTO text_removals SELECT image_id, ? + row_number() OVER () - 1 FROM texts" +
                  of_doomed,
              {first}));
  }
  for (const char* const table : {"texts", "readings", "ocr_lines", "descriptions", "categories",
                                  "suggestions", "text_embeddings"})
    TRY(c.run("DELETE FROM " + std::string(table) + of_doomed));
  TRY(drop_details_of_doomed(c));
  return take_doomed_out(c);
}

Result<std::vector<Work>> Catalog::images_unread(const std::string& reader, ImageId after,
                                                 int limit) {
  return impl_->read(
      [&](sql::Connection& c) { return page_of_images(c, kUnread, reader, after, limit); });
}

Result<int64_t> Catalog::count_images_unread(const std::string& reader) {
  return impl_->read([&](sql::Connection& c) { return count_of_images(c, kUnread, reader); });
}

Result<> Catalog::put_readings(const std::string& reader, std::span<const Reading> readings) {
  return impl_->write([&](sql::Connection& c) -> Result<> {
    std::vector<ImageId> ids;
    for (const Reading& reading : readings) ids.push_back(reading.id);
    for (const char* const table : {"readings", "ocr_lines"})
      TRY(c.run(
          "DELETE FROM " + std::string(table) + " WHERE image_id IN (SELECT unnest(?::BIGINT[]))",
          {ids}));
    std::unordered_map<ImageId, const Reading*> known;
    auto images =
        TRY(c.query("SELECT id FROM images WHERE id IN (SELECT unnest(?::BIGINT[]))", {ids}));
    while (images.next()) known.emplace(images.integer(0), nullptr);
    for (const Reading& reading : readings)
      if (const auto at = known.find(reading.id); at != known.end()) at->second = &reading;

    auto read = TRY(sql::Appender::open(c, "readings"));
    for (const auto& [id, reading] : known) {
      read.integer(id).text(reader);
      TRY(read.end_row());
    }
    TRY(read.close());
    auto lines = TRY(sql::Appender::open(c, "ocr_lines"));
    for (const auto& [id, reading] : known) {
      int64_t n = 0;
      for (const TextLine& line : reading->lines) {
        std::array<float, 8> box;
        for (size_t i = 0; i < line.corners.size(); ++i)
          std::tie(box[2 * i], box[2 * i + 1]) = std::tie(line.corners[i].x, line.corners[i].y);
        lines.integer(id).integer(n++).text(line.text).real(line.confidence).floats(box);
        TRY(lines.end_row());
      }
    }
    TRY(lines.close());
    TRY(take_out(c, kRead, ids));
    TRY(touch_details(c, ids));
    return touch_texts(c, ids);
  });
}

Result<> Catalog::describe(ImageId id, const std::string& text) {
  return impl_->write([&](sql::Connection& c) -> Result<> {
    TRY(require_image(c, id));
    const auto user = static_cast<int64_t>(DescribedBy::kUser);
    TRY(c.run("DELETE FROM descriptions WHERE image_id = ? AND described_by = ?", {id, user}));
    if (!text.empty())
      TRY(c.run("INSERT INTO descriptions VALUES (?, ?, ?, '')", {id, user, text}));
    return touch_texts(c, {&id, 1});
  });
}

Result<std::vector<Work>> Catalog::images_undescribed(DescribedBy by, const std::string& describer,
                                                      ImageId after, int limit) {
  return impl_->read([&](sql::Connection& c) {
    return page_of_images(c, undescribed(by), describer, after, limit);
  });
}

Result<int64_t> Catalog::count_images_undescribed(DescribedBy by, const std::string& describer) {
  return impl_->read(
      [&](sql::Connection& c) { return count_of_images(c, undescribed(by), describer); });
}

Result<> Catalog::put_descriptions(DescribedBy by, const std::string& describer,
                                   std::span<const Description> descriptions) {
  return impl_->write([&](sql::Connection& c) -> Result<> {
    const auto source = static_cast<int64_t>(by);
    std::vector<ImageId> ids;
    std::unordered_map<ImageId, const Description*> last;  // of two for an image the last counts
    for (const Description& description : descriptions) {
      ids.push_back(description.id);
      last[description.id] = &description;
    }
    TRY(
        c.run("DELETE FROM descriptions WHERE described_by = ? "
              "AND image_id IN (SELECT unnest(?::BIGINT[]))",
              {source, ids}));
    auto images =
        TRY(c.query("SELECT id FROM images WHERE id IN (SELECT unnest(?::BIGINT[]))", {ids}));
    auto out = TRY(sql::Appender::open(c, "descriptions"));
    while (images.next()) {
      const ImageId id = images.integer(0);
      out.integer(id).integer(source).text(last.at(id)->text).text(describer);
      TRY(out.end_row());
    }
    TRY(out.close());
    TRY(take_out(c, by == DescribedBy::kLabels ? kLabel : kAsk, ids));
    return touch_texts(c, ids);
  });
}

Result<> Catalog::set_category(ImageId id, const std::string& name) {
  return impl_->write([&](sql::Connection& c) -> Result<> {
    TRY(require_image(c, id));
    auto before = TRY(c.query("SELECT name FROM categories WHERE image_id = ?", {id}));
    const std::string lost = before.next() ? before.text(0) : "";
    TRY(c.run("DELETE FROM categories WHERE image_id = ?", {id}));
    TRY(c.run("DELETE FROM suggestions WHERE image_id = ? AND NOT is_refused", {id}));
    if (!name.empty()) TRY(c.run("INSERT INTO categories VALUES (?, ?)", {id, name}));
    const std::string orphaned =
        "FROM suggestions WHERE name = ? AND NOT is_refused "
        "AND name NOT IN (SELECT name FROM categories)";
    auto changed = TRY(read_ids(c, "SELECT image_id " + orphaned, {lost}));
    TRY(c.run("DELETE " + orphaned, {lost}));
    changed.push_back(id);
    return touch_texts(c, changed);
  });
}

Result<std::vector<ImageId>> Catalog::name_unnamed(std::span<const ImageId> ids,
                                                   const std::string& name) {
  return impl_->write([&](sql::Connection& c) -> Result<std::vector<ImageId>> {
    const auto unnamed =
        TRY(read_ids(c,
                     "SELECT id FROM images WHERE id IN (SELECT unnest(?::BIGINT[])) "
                     "AND id NOT IN (SELECT image_id FROM categories) ORDER BY id",
                     {ids}));
    const std::string these = "(SELECT unnest(?::BIGINT[]))";
    TRY(c.run("DELETE FROM suggestions WHERE NOT is_refused AND image_id IN " + these, {unnamed}));
    TRY(c.run("INSERT INTO categories SELECT id, ? FROM " + these + " t(id)", {name, unnamed}));
    TRY(touch_texts(c, unnamed));
    return unnamed;
  });
}

Result<int64_t> Catalog::suggest_categories(std::span<const CategorySuggestion> suggestions) {
  return impl_->write([&](sql::Connection& c) -> Result<int64_t> {
    TRY(replace_temporary(c, "suggested",
                          "SELECT image_id, name, similarity FROM suggestions LIMIT 0"));
    auto out = TRY(sql::Appender::open(c, "suggested"));
    for (const CategorySuggestion& s : suggestions) {
      out.integer(s.id).text(s.name).real(s.similarity);
      TRY(out.end_row());
    }
    TRY(out.close());
    TRY(c.run(
        "DELETE FROM suggested s WHERE NOT EXISTS (SELECT 1 FROM images WHERE id = s.image_id) "
        "OR EXISTS (SELECT 1 FROM categories c WHERE c.image_id = s.image_id) "
        "OR EXISTS (SELECT 1 FROM suggestions o WHERE o.image_id = s.image_id AND o.name = s.name "
        "AND o.is_refused)"));
    TRY(
        c.run("DELETE FROM suggestions WHERE NOT is_refused "
              "AND image_id IN (SELECT image_id FROM suggested)"));
    // The nearest one, if there are several for an image.
    const int64_t made = TRY(
        c.run("INSERT INTO suggestions SELECT DISTINCT ON (image_id) image_id, name, similarity, "
              "false FROM suggested ORDER BY image_id, similarity DESC, name"));
    TRY(replace_temporary(c, "touched", "SELECT DISTINCT image_id AS id FROM suggested"));
    TRY(touch_texts(c));
    return made;
  });
}

Result<> Catalog::answer_suggestion(ImageId id, Answer answer) {
  return impl_->write([&](sql::Connection& c) -> Result<> {
    auto rows =
        TRY(c.query("SELECT name FROM suggestions WHERE image_id = ? AND NOT is_refused", {id}));
    if (!rows.next())
      return Error{ErrorCode::kNotFound,
                   "no category is suggested for image " + std::to_string(id)};
    const std::string name = rows.text(0);
    if (answer == Answer::kAccept) {
      TRY(c.run("DELETE FROM suggestions WHERE image_id = ? AND NOT is_refused", {id}));
      TRY(c.run("INSERT INTO categories VALUES (?, ?)", {id, name}));
    } else {
      TRY(c.run("UPDATE suggestions SET is_refused = true WHERE image_id = ?", {id}));
    }
    return touch_texts(c, {&id, 1});
  });
}

Result<int64_t> Catalog::answer_suggestions(const std::string& category, Answer answer) {
  return impl_->write([&](sql::Connection& c) -> Result<int64_t> {
    const std::string which = "FROM suggestions WHERE name = ? AND NOT is_refused";
    const auto ids = TRY(read_ids(c, "SELECT image_id " + which, {category}));
    if (answer == Answer::kAccept) {
      TRY(c.run("INSERT INTO categories SELECT image_id, name " + which, {category}));
      TRY(c.run("DELETE " + which, {category}));
    } else {
      TRY(c.run("UPDATE suggestions SET is_refused = true WHERE name = ?", {category}));
    }
    TRY(touch_texts(c, ids));
    return static_cast<int64_t>(ids.size());
  });
}

Result<std::vector<Family>> Catalog::families() {
  return impl_->read([](sql::Connection& c) -> Result<std::vector<Family>> {
    auto rows = TRY(c.query(
        "SELECT name, image_id, said, suggested FROM (SELECT name, image_id, "
        "count(*) FILTER (WHERE NOT is_suggested) OVER (PARTITION BY name) AS said, "
        "count(*) FILTER (WHERE is_suggested) OVER (PARTITION BY name) AS suggested, "
        "row_number() OVER (PARTITION BY name ORDER BY is_suggested, image_id) AS place "
        "FROM (SELECT name, image_id, false AS is_suggested FROM categories UNION ALL "
        "SELECT name, image_id, true FROM suggestions WHERE NOT is_refused) AS named) AS placed "
        "WHERE place <= 4 ORDER BY name COLLATE \"C\", place"));
    std::vector<Family> families;
    while (rows.next()) {
      if (families.empty() || families.back().name != rows.text(0))
        families.push_back(
            {.name = rows.text(0), .images = rows.integer(2), .suggested = rows.integer(3)});
      families.back().cover.push_back(rows.integer(1));
    }
    return families;
  });
}

Result<WordCounts> Catalog::word_counts() {
  return impl_->read([](sql::Connection& c) -> Result<WordCounts> {
    const std::string described =
        "SELECT count(DISTINCT image_id) FROM descriptions WHERE text <> ''";
    return WordCounts{
        .read = TRY(c.integer("SELECT count(*) FROM readings")),
        .described = TRY(c.integer(described)),
        .described_by_user = TRY(c.integer(described + " AND described_by = ?",
                                           {static_cast<int64_t>(DescribedBy::kUser)})),
        .with_category = TRY(c.integer("SELECT count(*) FROM categories")),
        .with_suggestion = TRY(c.integer("SELECT count(*) FROM suggestions WHERE NOT is_refused"))};
  });
}

Result<std::vector<Catalog::ImageCategory>> Catalog::categories() {
  return impl_->read([](sql::Connection& c) -> Result<std::vector<ImageCategory>> {
    auto rows = TRY(c.query("SELECT image_id, name FROM categories ORDER BY image_id"));
    std::vector<ImageCategory> categories;
    while (rows.next()) categories.push_back({.id = rows.integer(0), .name = rows.text(1)});
    return categories;
  });
}

Result<std::vector<ImageId>> Catalog::images_with_suggestion(const std::string& category) {
  return impl_->read([&](sql::Connection& c) {
    return read_ids(c,
                    "SELECT image_id FROM suggestions WHERE NOT is_refused "
                    "AND (? = '' OR name = ?) ORDER BY image_id",
                    {category, category});
  });
}

Result<std::vector<Catalog::Reading>> Catalog::readings(std::span<const ImageId> ids) {
  return impl_->read([&](sql::Connection& c) -> Result<std::vector<Reading>> {
    std::vector<Reading> readings;
    std::unordered_map<ImageId, size_t> at;
    auto read = TRY(
        c.query("SELECT image_id FROM readings WHERE " + is_among("image_id", ids.size()), {ids}));
    while (read.next()) {
      at[read.integer(0)] = readings.size();
      readings.push_back({.id = read.integer(0), .lines = {}});
    }
    TRY(each_line(c, ids, [&](ImageId id, TextLine line) {
      if (const auto one = at.find(id); one != at.end())
        readings[one->second].lines.push_back(std::move(line));
    }));
    return readings;
  });
}

Result<std::vector<ImageText>> Catalog::texts(std::span<const ImageId> ids) {
  return impl_->read([&](sql::Connection& c) { return read_texts(c, ids); });
}

Result<TextPage> Catalog::texts_since(int64_t seq, int limit) {
  return impl_->read([&](sql::Connection& c) -> Result<TextPage> {
    return page_of_texts(
        c,
        TRY(c.query("SELECT image_id, seq FROM texts WHERE seq > ? ORDER BY seq LIMIT ?",
                    {seq, int64_t{limit}})),
        seq);
  });
}

Result<int64_t> Catalog::text_seq() { return impl_->read(newest_text_change); }

Result<Catalog::Removals> Catalog::text_removals_since(int64_t seq) {
  return impl_->read([&](sql::Connection& c) -> Result<Removals> {
    Removals removals;
    removals.seq = TRY(newest_text_change(c));
    auto rows =
        TRY(c.query("SELECT image_id FROM text_removals WHERE seq > ? ORDER BY image_id", {seq}));
    while (rows.next()) removals.ids.push_back(rows.integer(0));
    return removals;
  });
}

Result<TextPage> Catalog::texts_without_embedding(ModelId model, int64_t after_seq, int limit) {
  return impl_->read([&](sql::Connection& c) -> Result<TextPage> {
    return page_of_texts(c,
                         TRY(c.query("SELECT image_id, seq FROM texts WHERE seq > ? AND " +
                                         kNotEmbedded + " ORDER BY seq LIMIT ?",
                                     {after_seq, model, int64_t{limit}})),
                         after_seq);
  });
}

Result<int64_t> Catalog::count_texts_without_embedding(ModelId model) {
  return impl_->read([&](sql::Connection& c) {
    return c.integer("SELECT count(*) FROM texts WHERE " + kNotEmbedded, {model});
  });
}

Result<> Catalog::put_text_embeddings(ModelId model, std::span<const TextEmbedding> embeddings) {
  return impl_->write([&](sql::Connection& c) -> Result<> {
    const auto dim = static_cast<size_t>(TRY(model_dim(c, model)));
    std::vector<ImageId> ids;
    for (const TextEmbedding& e : embeddings) {
      if (!e.vector.empty() && e.vector.size() != dim)
        return Error{ErrorCode::kInvalidArgument,
                     "a text embedding of " + std::to_string(e.vector.size()) +
                         " numbers, but the model has " + std::to_string(dim)};
      ids.push_back(e.id);
    }
    std::unordered_map<ImageId, int64_t> now;
    auto rows = TRY(c.query(
        "SELECT image_id, seq FROM texts WHERE image_id IN (SELECT unnest(?::BIGINT[]))", {ids}));
    while (rows.next()) now.emplace(rows.integer(0), rows.integer(1));
    TRY(c.run("DELETE FROM text_embeddings WHERE image_id IN (SELECT unnest(?::BIGINT[]))", {ids}));
    int64_t seq = TRY(take(c, "text", static_cast<int64_t>(embeddings.size())));
    auto out = TRY(sql::Appender::open(c, "text_embeddings"));
    for (const TextEmbedding& e : embeddings) {
      const auto at = now.find(e.id);
      if (at == now.end() || at->second != e.text_seq) continue;
      now.erase(at);
      out.integer(e.id).integer(model).integer(e.text_seq).integer(seq++).blob(to_blob(e.vector));
      TRY(out.end_row());
    }
    return out.close();
  });
}

Result<FloatRows> Catalog::text_vectors_since(ModelId model, int64_t seq, int limit) {
  return impl_->read([&](sql::Connection& c) -> Result<FloatRows> {
    const auto dim = static_cast<size_t>(TRY(model_dim(c, model)));
    FloatRows result{.ids = {}, .rows = {}, .seq = seq};
    auto rows = TRY(
        c.query("SELECT image_id, seq, vector FROM text_embeddings WHERE model_id = ? AND seq > ? "
                "ORDER BY seq LIMIT ?",
                {model, seq, int64_t{limit}}));
    while (rows.next()) {
      auto vector = to_float(from_blob<Half>(rows.blob(2)));
      if (vector.empty()) vector.resize(dim);
      if (vector.size() != dim) continue;  // check() takes it away
      result.ids.push_back(rows.integer(0));
      result.seq = rows.integer(1);
      result.rows.insert(result.rows.end(), vector.begin(), vector.end());
    }
    return result;
  });
}

Result<std::vector<ImageId>> Catalog::images_matching(const TextQuery& query) {
  const auto us = [](std::chrono::sys_days day, int64_t otherwise, bool is_set) {
    return is_set ? int64_t{std::chrono::microseconds(day.time_since_epoch()).count()} : otherwise;
  };
  const int64_t from = us(query.added_from.value_or(std::chrono::sys_days{}), INT64_MIN,
                          query.added_from.has_value());
  const int64_t before = us(query.added_before.value_or(std::chrono::sys_days{}), INT64_MAX,
                            query.added_before.has_value());
  const auto list = [](const std::vector<std::string>& values) {
    return std::span<const std::string>(values);
  };
  // Planning a condition takes milliseconds, so what is not asked for is left out, but for its `?`.
  const auto unless_empty = [](const std::vector<std::string>& values, const std::string& sql) {
    return " AND " + (values.empty() ? "(?::VARCHAR[])[1] IS NULL" : sql);
  };
  const std::string type = "i.format IN (SELECT unnest(?::VARCHAR[]))";
  const std::string named =
      "EXISTS (SELECT 1 FROM (SELECT image_id, name FROM categories UNION ALL "
      "SELECT image_id, name FROM suggestions WHERE NOT is_refused) c "
      "WHERE c.image_id = i.id AND lower(strip_accents(c.name)) IN "
      "(SELECT lower(strip_accents(x)) FROM (SELECT unnest(?::VARCHAR[]) x) asked))";
  return impl_->read([&](sql::Connection& c) -> Result<std::vector<ImageId>> {
    auto rows = TRY(c.query(
        "SELECT i.id FROM images i WHERE i.width BETWEEN ? AND ? AND i.height BETWEEN ? AND ? "
        "AND i.bytes BETWEEN ? AND ? AND epoch_us(i.added_at) >= ? AND epoch_us(i.added_at) < ?" +
            unless_empty(query.types, type) + unless_empty(query.excluded_types, "NOT " + type) +
            unless_empty(query.categories, named) +
            unless_empty(query.excluded_categories, "NOT " + named) + " ORDER BY i.id",
        {query.width.min, query.width.max, query.height.min, query.height.max, query.bytes.min,
         query.bytes.max, from, before, list(query.types), list(query.excluded_types),
         list(query.categories), list(query.excluded_categories)}));
    std::vector<ImageId> ids;
    while (rows.next()) ids.push_back(rows.integer(0));
    return ids;
  });
}

}  // namespace mimeme
