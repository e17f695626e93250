#include "engine/transfer.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <utility>

#include "base/json.h"
#include "base/utf8.h"

namespace mimeme {
namespace fs = std::filesystem;
namespace {

constexpr int kPage = 512;
constexpr int kFormat = 1;
constexpr const char* kAboutName = "library.json";
constexpr const char* kLinesName = "images.jsonl";
constexpr const char* kRowsName = "embeddings.npy";

// NumPy's .npy, version 1.0: magic, header length, a Python dict padded to 64 bytes, then the raw
// array.
std::string npy_header(int64_t rows, int dim) {
  std::string dict = "{'descr': '<f2', 'fortran_order': False, 'shape': (" + std::to_string(rows) +
                     ", " + std::to_string(dim) + "), }";
  dict.append(128 - 10 - dict.size() - 1, ' ').append("\n");
  std::string header = "\x93NUMPY";
  header += '\x01';
  header += '\x00';
  header += static_cast<char>(dict.size() & 0xFF);
  header += static_cast<char>(dict.size() >> 8);
  return header + dict;
}

Error cannot_write(const fs::path& path) {
  return {ErrorCode::kIo, path.string() + ": cannot be written: is the disk full?"};
}

// With what the user has said of it; what models say can be had again.
// not_duplicates: images of earlier lines.
Json to_json(const ImageRecord& image, bool embedded, const ImageText& text,
             std::span<const Sha256> not_duplicates) {
  Json::Array paths;
  for (const std::string& path : image.paths) paths.emplace_back(to_utf8(path));
  Json::Object object{{"sha256", to_hex(image.sha256)},
                      {"bytes", image.bytes},
                      {"format", image.info.format},
                      {"width", image.info.width},
                      {"height", image.info.height},
                      {"frames", image.info.frames},
                      {"added_at_us", image.added_at_us},
                      {"paths", std::move(paths)},
                      {"embedded", embedded}};
  if (!image.info.preview.empty()) object.emplace_back("preview", image.info.preview);
  if (text.described_by == DescribedBy::kUser) object.emplace_back("description", text.description);
  if (!text.category.empty()) object.emplace_back("category", text.category);
  Json::Array others;
  for (const Sha256& other : not_duplicates) others.emplace_back(to_hex(other));
  if (!others.empty()) object.emplace_back("not_duplicates", std::move(others));
  return object;
}

Result<int> get_int(const Json& json, const char* key) {
  const int64_t value = TRY(json.get_integer(key));
  if (value < 0 || value > INT32_MAX)
    return Error{ErrorCode::kCorrupt, "`" + std::string(key) + "` is out of range"};
  return static_cast<int>(value);
}

Result<std::string> to_path(const Json& json, const char* key) {
  if (!json.string() || !json.string()->starts_with("/"))
    return Error{ErrorCode::kCorrupt, "`" + std::string(key) + "` must be absolute"};
  return from_utf8(*json.string());
}

// One line of images.jsonl, with its row of embeddings.npy.
struct Line {
  std::vector<IngestResult> files;  // one for each path, without the embedding
  bool embedded = false;
  std::vector<Half> embedding;
  std::string description, category;   // the user's; empty: none
  std::vector<Sha256> not_duplicates;  // the user says; of earlier lines

  bool says_something() const {
    return !description.empty() || !category.empty() || !not_duplicates.empty();
  }
};

Result<Sha256> get_sha256(const Json& json, const char* key) {
  const auto sha256 = json.string() ? from_hex(*json.string()) : std::nullopt;
  if (sha256) return *sha256;
  return Error{ErrorCode::kCorrupt, "`" + std::string(key) + "` must have 64 hexadecimal digits"};
}

Result<Line> from_json(const Json& json) {
  IngestResult file;  // mtime_ns 0, as no file has: the next `add` reads it and compares its bytes
  TRY(json.get_string("sha256"));
  file.sha256 = TRY(get_sha256(json["sha256"], "sha256"));
  file.size = TRY(json.get_integer("bytes"));
  file.info.format = TRY(json.get_string("format"));
  file.info.width = TRY(get_int(json, "width"));
  file.info.height = TRY(get_int(json, "height"));
  file.info.frames = TRY(get_int(json, "frames"));
  if (!json["preview"].is_null()) file.info.preview = TRY(json.get_string("preview"));
  file.added_at_us = TRY(json.get_integer("added_at_us"));
  const bool* embedded = json["embedded"].boolean();
  if (!embedded) return Error{ErrorCode::kCorrupt, "`embedded` must be true or false"};
  const auto* paths = json["paths"].array();
  if (!paths || paths->empty())
    return Error{ErrorCode::kCorrupt, "`paths` must be a list of files"};
  Line line{.embedded = *embedded};
  // Libraries without words have neither.
  if (!json["description"].is_null()) line.description = TRY(json.get_string("description"));
  if (!json["category"].is_null()) line.category = TRY(json.get_string("category"));
  if (const Json& others = json["not_duplicates"]; !others.is_null()) {
    if (!others.array())
      return Error{ErrorCode::kCorrupt, "`not_duplicates` must be a list of checksums"};
    for (const Json& other : *others.array())
      line.not_duplicates.push_back(TRY(get_sha256(other, "not_duplicates")));
  }
  for (const Json& path : *paths) {
    file.path = TRY(to_path(path, "paths"));
    line.files.push_back(file);
  }
  return line;
}

// binary16: infinite or NaN are those whose five bits of exponent are all set.
bool is_finite(Half half) { return (half & 0x7C00) != 0x7C00; }

Error corrupt(const fs::path& path, const std::string& what) {
  return {ErrorCode::kCorrupt, path.string() + ": " + what};
}

// Hands out the lines with their embeddings. A row has nothing that says whose it is but its place,
// so whatever shifts the rows has to show: sizes and counts are compared to the last.
Result<> read_lines(const Export& from, const TransferProgress& progress,
                    const std::function<Result<>(Line&&)>& take) {
  const fs::path lines_path = fs::path(from.folder) / kLinesName,
                 rows_path = fs::path(from.folder) / kRowsName;
  std::ifstream lines(lines_path), rows(rows_path, std::ios::binary);
  if (!lines) return Error{ErrorCode::kNotFound, lines_path.string() + ": cannot be opened"};
  if (!rows) return Error{ErrorCode::kNotFound, rows_path.string() + ": cannot be opened"};

  const std::string expected_header = npy_header(from.embeddings, from.model.dim);
  const int64_t row_bytes = from.model.dim * static_cast<int64_t>(sizeof(Half)),
                expected = std::ssize(expected_header) + from.embeddings * row_bytes;
  std::error_code error;
  const uintmax_t size = fs::file_size(rows_path, error);
  if (error) return Error{ErrorCode::kIo, rows_path.string() + ": " + error.message()};
  if (size != static_cast<uintmax_t>(expected))
    return corrupt(rows_path, std::to_string(size) + " bytes, " + kAboutName + " makes it " +
                                  std::to_string(expected));
  std::string header(expected_header.size(), '\0');
  if (!rows.read(header.data(), std::ssize(header)) || header != expected_header)
    return corrupt(rows_path, "its header is not that of " + std::to_string(from.embeddings) +
                                  " × " + std::to_string(from.model.dim) + " float16 numbers");

  int64_t images = 0, embeddings = 0;
  for (std::string text; std::getline(lines, text);) {
    const std::string number = std::to_string(++images),
                      where = lines_path.string() + ": line " + number;
    Line line = TRY(from_json(TRY(Json::parse(text), where)), where);
    if (line.embedded && ++embeddings <= from.embeddings) {
      line.embedding.resize(static_cast<size_t>(from.model.dim));
      if (!rows.read(reinterpret_cast<char*>(line.embedding.data()), row_bytes))
        return Error{ErrorCode::kIo, rows_path.string() + ": cannot be read"};
      if (!std::ranges::all_of(line.embedding, is_finite))
        return corrupt(rows_path, "row " + std::to_string(embeddings) + ", of line " + number +
                                      " of " + kLinesName + ", has a number that is not finite");
    }
    TRY(take(std::move(line)));
    if (images % kPage == 0) progress(images, from.images);
  }
  if (images != from.images)
    return corrupt(lines_path, std::to_string(images) + " lines, " + kAboutName + " says " +
                                   std::to_string(from.images));
  if (embeddings != from.embeddings)
    return corrupt(lines_path, std::to_string(embeddings) + " lines with an embedding, " +
                                   kAboutName + " says " + std::to_string(from.embeddings));
  progress(images, from.images);
  return {};
}

// What the user has said here already stands.
Result<> take_over(Catalog& catalog, const Line& line, ModelId model) {
  // By its bytes: another picture may lie at the path here.
  const auto id = TRY(catalog.find_embedded(line.files.front().sha256, model));
  if (!id) return {};
  for (const ImageText& text : TRY(catalog.texts({&*id, 1}))) {
    if (!line.description.empty() &&
        (text.description.empty() || text.described_by != DescribedBy::kUser))
      TRY(catalog.describe(*id, line.description));
    if (!line.category.empty() && text.category.empty())
      TRY(catalog.set_category(*id, line.category));
  }
  std::vector<ImageId> others;
  for (const Sha256& other : line.not_duplicates)
    if (const auto known = TRY(catalog.find_embedded(other, model)); known && *known != *id)
      others.push_back(*known);
  if (!others.empty()) TRY(catalog.say_not_duplicates(*id, others));
  return {};
}

}  // namespace

Result<TransferSummary> export_library(Library& library, const std::string& folder,
                                       const TransferProgress& progress) {
  Catalog& catalog = library.catalog();
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return Error{ErrorCode::kIo, folder + ": " + error.message()};
  const bool empty = fs::is_empty(folder, error);
  if (error) return Error{ErrorCode::kIo, folder + ": " + error.message()};
  if (!empty)
    return Error{ErrorCode::kInvalidArgument, folder + " is not empty: name a new folder"};

  const fs::path lines_path = fs::path(folder) / kLinesName,
                 rows_path = fs::path(folder) / kRowsName;
  std::ofstream lines(lines_path), rows(rows_path, std::ios::binary);
  const auto model = TRY(catalog.active_model());
  const int dim = model ? model->dim : 0;
  rows << npy_header(0, dim);  // the count is filled in at the end

  // By the later image.
  std::map<ImageId, std::vector<Sha256>> not_duplicates;
  for (const auto& [earlier, later] : TRY(catalog.not_duplicates()))
    for (const ImageRecord& image : TRY(catalog.images_by_id({&earlier, 1})))
      not_duplicates[later].push_back(image.sha256);

  TransferSummary summary;
  const int64_t total = TRY(catalog.counts()).images;
  for (ImageId after = 0;;) {
    const std::vector<ImageRecord> page = TRY(catalog.images(after, kPage));
    if (page.empty()) break;
    std::vector<ImageId> ids;
    for (const ImageRecord& image : page) ids.push_back(image.id);
    std::map<ImageId, ImageText> texts;
    for (ImageText& text : TRY(catalog.texts(ids))) texts[text.id] = std::move(text);
    for (const ImageRecord& image : page) {
      const auto embedding = model ? TRY(catalog.embedding(image.id, model->id)) : std::nullopt;
      lines
          << to_json(image, embedding.has_value(), texts[image.id], not_duplicates[image.id]).dump()
          << '\n';
      if (embedding) {
        rows.write(reinterpret_cast<const char*>(embedding->data()),
                   static_cast<std::streamsize>(embedding->size() * sizeof(Half)));
        ++summary.embeddings;
      }
      ++summary.images;
    }
    after = page.back().id;
    if (!lines.flush()) return cannot_write(lines_path);
    if (!rows.flush()) return cannot_write(rows_path);
    progress(summary.images, total);
  }
  rows.seekp(0);
  rows << npy_header(summary.embeddings, dim);
  rows.close();
  if (!rows) return cannot_write(rows_path);

  // Last, so that an export that was cut short is not taken for a whole one.
  Json::Array roots;
  for (const std::string& root : TRY(catalog.roots())) roots.emplace_back(to_utf8(root));
  Json::Object about{{"format", kFormat},
                     {"images", summary.images},
                     {"embeddings", summary.embeddings},
                     {"folders", std::move(roots)}};
  if (model)
    about.emplace_back(
        "model", Json::Object{{"name", model->name}, {"digest", model->digest}, {"dim", dim}});
  const fs::path about_path = fs::path(folder) / kAboutName;
  std::ofstream out(about_path);
  out << Json(std::move(about)).dump(2) << '\n';
  out.close();
  if (!out) return cannot_write(about_path);
  return summary;
}

Result<Export> read_export(const std::string& folder, const TransferProgress& progress) {
  const std::string path = fs::path(folder) / kAboutName;
  std::ifstream in(path);
  if (!in) return Error{ErrorCode::kNotFound, path + " is missing: is this an export?"};
  std::ostringstream text;
  text << in.rdbuf();
  const Json about = TRY(Json::parse(text.str()), path);
  if (const int64_t format = TRY(about.get_integer("format"), path); format != kFormat)
    return Error{ErrorCode::kConflict,
                 path + ": format " + std::to_string(format) + ", this mimeme reads format 1"};
  Export found;
  found.folder = folder;
  found.images = TRY(get_int(about, "images"), path);
  found.embeddings = TRY(get_int(about, "embeddings"), path);
  if (const Json& model = about["model"]; !model.is_null()) {
    found.model.name = TRY(model.get_string("name"), path);
    found.model.digest = TRY(model.get_string("digest"), path);
    found.model.dim = TRY(get_int(model, "dim"), path);
  }
  if (found.embeddings > 0 && found.model.dim == 0)
    return Error{ErrorCode::kCorrupt, path + ": embeddings, but no model that made them"};
  // The first exports had no folders.
  if (const Json& roots = about["folders"]; !roots.is_null()) {
    if (!roots.array()) return Error{ErrorCode::kCorrupt, path + ": `folders` must be a list"};
    for (const Json& root : *roots.array())
      found.roots.push_back(TRY(to_path(root, "folders"), path));
  }
  TRY(read_lines(found, progress, [](Line&&) { return Result<>(); }));
  return found;
}

Result<TransferSummary> import_library(Library& library, const Export& from,
                                       const TransferProgress& progress) {
  Catalog& catalog = library.catalog();
  // An empty library takes the export's model; another one keeps its own.
  auto active = TRY(catalog.active_model());
  if (!active && from.model.dim > 0) {
    TRY(catalog.set_active_model(TRY(catalog.register_model(from.model))));
    active = TRY(catalog.active_model());
  }
  if (active && from.model.dim > 0 &&
      (active->digest != from.model.digest || active->dim != from.model.dim))
    return Error{ErrorCode::kConflict, from.folder + " was exported with the model \"" +
                                           from.model.name + "\", this library has \"" +
                                           active->name +
                                           "\": import into a new library, or use the same model"};
  const ModelId model = active ? active->id : 0;
  for (const std::string& root : from.roots) TRY(catalog.add_root(root));

  const CatalogCounts before = TRY(catalog.counts());
  std::vector<Line> page;
  const auto commit = [&]() -> Result<> {
    std::vector<std::string> paths;
    for (const Line& line : page)
      for (const IngestResult& file : line.files) paths.push_back(file.path);
    const auto known = TRY(catalog.known_files(paths));
    std::vector<IngestResult> batch;
    for (Line& line : page) {
      for (const IngestResult& file : line.files) {
        if (known.contains(file.path)) continue;
        batch.push_back(file);
        // The first file that is new brings it.
        batch.back().embedding = std::exchange(line.embedding, {});
      }
    }
    TRY(catalog.commit(batch, model));
    for (const Line& line : page)
      if (line.says_something()) TRY(take_over(catalog, line, model));
    page.clear();
    return {};
  };
  TRY(read_lines(from, progress, [&](Line&& line) -> Result<> {
    if (!line.embedded) return {};  // nothing to be found by: the next `add` embeds it
    page.push_back(std::move(line));
    return page.size() >= kPage ? commit() : Result<>();
  }));
  TRY(commit());
  TRY(library.refresh());
  const CatalogCounts now = TRY(catalog.counts());
  return TransferSummary{.images = now.images - before.images,
                         .embeddings = now.embedded - before.embedded};
}

}  // namespace mimeme
