#include "engine/transfer.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/json.h"
#include "base/utf8.h"

namespace mimeme {
namespace fs = std::filesystem;
namespace {

constexpr int kPage = 512;
constexpr int kFormat = 1;

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

Json to_json(const ImageRecord& image, bool embedded) {
  Json::Array paths;
  for (const std::string& path : image.paths) paths.emplace_back(to_utf8(path));
  return Json::Object{{"sha256", to_hex(image.sha256)},
                      {"bytes", image.bytes},
                      {"format", image.info.format},
                      {"width", image.info.width},
                      {"height", image.info.height},
                      {"frames", image.info.frames},
                      {"added_at_us", image.added_at_us},
                      {"paths", std::move(paths)},
                      {"embedded", embedded}};
}

Result<Sha256> parse_hex(const std::string& hex) {
  Sha256 digest;
  if (hex.size() == 2 * digest.size()) {
    size_t good = 0;
    for (size_t i = 0; i < digest.size(); ++i) {
      const char* at = hex.data() + 2 * i;
      good += std::from_chars(at, at + 2, digest[i], 16).ptr == at + 2;
    }
    if (good == digest.size()) return digest;
  }
  return Error{ErrorCode::kCorrupt, "`sha256` must have 64 hexadecimal digits"};
}

Result<int> to_int(int64_t value, const char* key) {
  if (value < 0 || value > INT32_MAX)
    return Error{ErrorCode::kCorrupt, "`" + std::string(key) + "` is out of range"};
  return static_cast<int>(value);
}

// One line of images.jsonl → one result for each path.
Result<std::vector<IngestResult>> from_json(const Json& json) {
  IngestResult result;
  result.sha256 = TRY(parse_hex(TRY(json.get_string("sha256"))));
  result.size = TRY(json.get_integer("bytes"));
  result.info.format = TRY(json.get_string("format"));
  result.info.width = TRY(to_int(TRY(json.get_integer("width")), "width"));
  result.info.height = TRY(to_int(TRY(json.get_integer("height")), "height"));
  result.info.frames = TRY(to_int(TRY(json.get_integer("frames")), "frames"));
  result.added_at_us = TRY(json.get_integer("added_at_us"));
  const auto* paths = json["paths"].array();
  if (!paths || paths->empty())
    return Error{ErrorCode::kCorrupt, "`paths` must be a list of files"};
  std::vector<IngestResult> results;
  for (const Json& path : *paths) {
    if (!path.string() || !path.string()->starts_with("/"))
      return Error{ErrorCode::kCorrupt, "`paths` must be absolute"};
    result.path = from_utf8(*path.string());
    result.mtime_ns =
        0;  // no file has it: the next `add` reads the file again and compares its bytes
    results.push_back(result);
  }
  return results;
}

}  // namespace

Result<TransferSummary> export_library(Library& library, const std::string& folder,
                                       const TransferProgress& progress) {
  Catalog& catalog = library.catalog();
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return Error{ErrorCode::kIo, folder + ": " + error.message()};
  if (!fs::is_empty(folder, error) || error)
    return Error{ErrorCode::kInvalidArgument, folder + " is not empty: name a new folder"};

  const fs::path lines_path = fs::path(folder) / "images.jsonl",
                 rows_path = fs::path(folder) / "embeddings.npy";
  std::ofstream lines(lines_path), rows(rows_path, std::ios::binary);
  const auto model = TRY(catalog.active_model());
  const int dim = model ? model->dim : 0;
  rows << npy_header(0, dim);  // the count is filled in at the end

  TransferSummary summary;
  const int64_t total = TRY(catalog.counts()).images;
  for (ImageId after = 0;;) {
    const std::vector<ImageRecord> page = TRY(catalog.images(after, kPage));
    if (page.empty()) break;
    for (const ImageRecord& image : page) {
      const auto embedding = model ? TRY(catalog.embedding(image.id, model->id)) : std::nullopt;
      lines << to_json(image, embedding.has_value()).dump() << '\n';
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
  Json about = Json::Object{
      {"format", kFormat}, {"images", summary.images}, {"embeddings", summary.embeddings}};
  if (model)
    about = Json::Object{
        {"format", kFormat},
        {"images", summary.images},
        {"embeddings", summary.embeddings},
        {"model", Json::Object{{"name", model->name}, {"digest", model->digest}, {"dim", dim}}}};
  const fs::path about_path = fs::path(folder) / "library.json";
  std::ofstream out(about_path);
  out << about.dump(2) << '\n';
  out.close();
  if (!out) return cannot_write(about_path);
  return summary;
}

Result<TransferSummary> import_library(Library& library, const std::string& folder,
                                       const TransferProgress& progress) {
  Catalog& catalog = library.catalog();
  const fs::path about_path = fs::path(folder) / "library.json",
                 lines_path = fs::path(folder) / "images.jsonl",
                 rows_path = fs::path(folder) / "embeddings.npy";
  std::ifstream about_in(about_path);
  if (!about_in)
    return Error{ErrorCode::kNotFound, about_path.string() + " is missing: is this an export?"};
  std::ostringstream text;
  text << about_in.rdbuf();
  const Json about = TRY(Json::parse(text.str()), about_path.string());
  if (const int64_t format = TRY(about.get_integer("format"), about_path.string());
      format != kFormat)
    return Error{ErrorCode::kConflict, about_path.string() + ": format " + std::to_string(format) +
                                           ", this mimeme reads format 1"};
  const int64_t total = TRY(about.get_integer("images"), about_path.string());

  // An empty library takes the export's model; another one keeps its own.
  ModelRecord exported;
  if (const Json& model = about["model"]; !model.is_null()) {
    exported.name = TRY(model.get_string("name"), about_path.string());
    exported.digest = TRY(model.get_string("digest"), about_path.string());
    exported.dim = TRY(to_int(TRY(model.get_integer("dim")), "dim"), about_path.string());
  }
  auto active = TRY(catalog.active_model());
  if (!active && exported.dim > 0) {
    TRY(catalog.set_active_model(TRY(catalog.register_model(exported))));
    active = TRY(catalog.active_model());
  }
  if (active && exported.dim > 0 && active->digest != exported.digest)
    return Error{ErrorCode::kConflict, folder + " was exported with the model \"" + exported.name +
                                           "\", this library has \"" + active->name +
                                           "\": import into a new library, or use the same model"};
  const ModelId model = active ? active->id : 0;

  std::ifstream lines(lines_path), rows(rows_path, std::ios::binary);
  if (!lines) return Error{ErrorCode::kNotFound, lines_path.string() + ": cannot be opened"};
  const auto dim = static_cast<size_t>(exported.dim);
  std::string header(npy_header(0, exported.dim).size(), '\0');
  if (!rows.read(header.data(), static_cast<std::streamsize>(header.size())) ||
      header != npy_header(TRY(about.get_integer("embeddings"), about_path.string()), exported.dim))
    return Error{ErrorCode::kCorrupt, rows_path.string() + ": not the array that was exported"};

  TransferSummary summary;
  std::vector<IngestResult> batch;
  const auto commit = [&]() -> Result<> {
    TRY(catalog.commit(batch, model));
    batch.clear();
    progress(summary.images, total);
    return {};
  };
  std::string line;
  for (int64_t number = 1; std::getline(lines, line); ++number) {
    const std::string where = lines_path.string() + ": line " + std::to_string(number);
    const Json json = TRY(Json::parse(line), where);
    std::vector<IngestResult> results = TRY(from_json(json), where);
    ++summary.images;
    if (const bool* embedded = json["embedded"].boolean(); embedded && *embedded) {
      std::vector<Half> row(dim);
      if (!rows.read(reinterpret_cast<char*>(row.data()),
                     static_cast<std::streamsize>(dim * sizeof(Half))))
        return Error{ErrorCode::kCorrupt, rows_path.string() + ": ends before " + where};
      if (!TRY(catalog.find_embedded(results.front().sha256, model))) {
        results.front().embedding = std::move(row);
        ++summary.embeddings;
      }
    } else {
      continue;  // nothing to be found by: the next `add` embeds it, as any new file
    }
    for (IngestResult& result : results)
      if (!TRY(catalog.image_by_path(result.path))) batch.push_back(std::move(result));
    if (batch.size() >= kPage) TRY(commit());
  }
  TRY(commit());
  if (summary.images != total)
    return Error{ErrorCode::kCorrupt, lines_path.string() + ": has " +
                                          std::to_string(summary.images) + " lines, " +
                                          about_path.string() + " says " + std::to_string(total)};
  TRY(library.refresh());
  return summary;
}

}  // namespace mimeme
