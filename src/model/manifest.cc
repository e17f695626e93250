#include "model/manifest.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/ascii.h"
#include "base/json.h"
#include "core/sha256.h"

namespace mimeme {
namespace {

constexpr int kFormat = 1;
constexpr int64_t kMaxSide = 4096;    // of an input picture
constexpr int64_t kMaxDim = 1 << 16;  // of an embedding
constexpr int64_t kMaxTokens = 4096;  // of a text

Error corrupt(std::string message) { return {ErrorCode::kCorrupt, std::move(message)}; }

// A plain name: it becomes a folder name, and is typed by users.
bool is_plain(std::string_view name) {
  return !name.empty() && name.size() <= 64 && name[0] != '.' &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) || c == '.' || c == '_' || c == '-';
         });
}

Result<int> get_int(const Json& json, std::string_view key, int64_t low, int64_t high) {
  const int64_t value = TRY(json.get_integer(key));
  if (value < low || value > high)
    return corrupt("`" + std::string(key) + "` must be " + std::to_string(low) + ".." +
                   std::to_string(high));
  return static_cast<int>(value);
}

Result<std::array<double, 3>> get_rgb(const Json& json, std::string_view key) {
  const std::vector<double> values = TRY(json.get_numbers(key));
  if (values.size() != 3)
    return corrupt("`" + std::string(key) + "` must have 3 numbers, for R, G and B");
  return std::array<double, 3>{values[0], values[1], values[2]};
}

// In lower case, as verify() makes them; some tools print capitals.
Result<std::string> get_sha256(const Json& json, std::string_view key) {
  const std::string hex = TRY(json.get_string(key));
  const auto is_digit = [](unsigned char c) { return std::isxdigit(c) != 0; };
  if (hex.size() != 2 * Sha256().size() || !std::all_of(hex.begin(), hex.end(), is_digit))
    return corrupt("`" + std::string(key) + "` must be 64 hexadecimal digits");
  return lower_ascii(hex);
}

Result<> expect(const Json& json, std::string_view key, std::string_view only) {
  if (TRY(json.get_string(key)) == only) return {};
  return corrupt("`" + std::string(key) + "` must be \"" + std::string(only) + "\"");
}

Result<Manifest::Input> parse_input(const Json& json) {
  Manifest::Input input;
  const std::string layout = TRY(json.get_string("layout"));
  if (layout != "NCHW" && layout != "NHWC")
    return corrupt("`layout` must be \"NCHW\" (of floats) or \"NHWC\" (of bytes)");
  input.is_bytes = layout == "NHWC";
  TRY(expect(json, "colour", "RGB"));
  input.name = TRY(json.get_string("name"));
  input.width = TRY(get_int(json, "width", 1, kMaxSide));
  input.height = TRY(get_int(json, "height", 1, kMaxSide));
  input.fit = TRY(json.get_string("fit"));
  if (input.fit == "crop") {
    input.resize = TRY(get_int(json, "resize", std::max(input.width, input.height), kMaxSide));
  } else if (input.fit != "stretch") {
    return corrupt("`fit` must be \"stretch\" or \"crop\"");
  }
  if (input.is_bytes) return input;
  input.scale = TRY(json.get_number("scale"));
  if (!(input.scale > 0)) return corrupt("`scale` must be above 0");
  input.mean = TRY(get_rgb(json, "mean"));
  input.std = TRY(get_rgb(json, "std"));
  if (std::any_of(input.std.begin(), input.std.end(), [](double v) { return !(v > 0); }))
    return corrupt("`std` must be above 0");
  return input;
}

// A file beside the manifest.
Result<std::string> get_file(const Json& json, std::string_view key,
                             const std::filesystem::path& folder) {
  const std::string name = TRY(json.get_string(key));
  if (!is_plain(name)) return corrupt("`" + std::string(key) + "` must be a plain file name");
  return (folder / name).string();
}

Result<Manifest::Text> parse_text(const Json& json, const std::filesystem::path& folder) {
  Manifest::Text text;
  TRY(expect(json, "tokenizer", "wordpiece-uncased"));
  text.ids = TRY(json.get_string("ids"));
  text.mask = TRY(json.get_string("mask"));
  text.vocabulary = TRY(get_file(json, "vocabulary", folder));
  text.vocabulary_sha256 = TRY(get_sha256(json, "vocabulary_sha256"));
  text.max_tokens = TRY(get_int(json, "max_tokens", 2, kMaxTokens));  // [CLS] and [SEP] at least
  return text;
}

Result<Manifest::Joint> parse_joint(const Json& json) {
  Manifest::Joint joint;
  if (json["joint_with"].is_null()) return joint;
  joint.with = TRY(json.get_string("joint_with"));
  if (!is_plain(joint.with)) return corrupt("`joint_with` must be a model's name");
  joint.min_similarity = static_cast<float>(TRY(json.get_number("min_similarity")));
  if (!(joint.min_similarity > 0 && joint.min_similarity < 1))
    return corrupt("`min_similarity` must be between 0 and 1");
  return joint;
}

Result<int64_t> get_size(const Json& json, std::string_view key) {
  const int64_t bytes = TRY(json.get_integer(key));
  if (bytes < 1) return corrupt("`" + std::string(key) + "` must be above 0");
  return bytes;
}

Result<Manifest::Classifier> parse_classifier(const Json& json,
                                              const std::filesystem::path& folder) {
  Manifest::Classifier classifier;
  classifier.file = TRY(get_file(json, "file", folder));
  classifier.sha256 = TRY(get_sha256(json, "sha256"));
  classifier.bytes = TRY(get_size(json, "bytes"));
  classifier.input = TRY(json.get_string("input"));
  classifier.output = TRY(json.get_string("output"));
  classifier.labels = TRY(get_file(json, "labels", folder));
  return classifier;
}

Result<Manifest> parse(const Json& json, const std::filesystem::path& folder) {
  const int64_t format = TRY(json.get_integer("format"));
  if (format != kFormat)
    return corrupt("format " + std::to_string(format) + ", this mimeme reads format 1");
  Manifest m;
  m.name = TRY(json.get_string("name"));
  if (!is_plain(m.name)) return corrupt("`name` may hold letters, digits, '.', '_' and '-' only");
  m.task = TRY(json.get_string("task"));
  if (m.task == "ocr" || m.task == "object-detection")
    return Error{ErrorCode::kUnsupported, m.name + " is for " + m.task + ", it makes no vectors"};
  m.file = TRY(get_file(json, "file", folder));
  m.sha256 = TRY(get_sha256(json, "sha256"));
  m.bytes = TRY(get_size(json, "bytes"));
  m.licence = TRY(json.get_string("licence"));
  m.source = TRY(json.get_string("source"));
  if (m.task == kImageEmbedding) {
    m.input = TRY(parse_input(json["input"]), "input");
    if (const Json& classifier = json["classifier"]; !classifier.is_null())
      m.classifier = TRY(parse_classifier(classifier, folder), "classifier");
  } else if (m.task == kTextEmbedding) {
    m.text = TRY(parse_text(json["input"], folder), "input");
    m.joint = TRY(parse_joint(json));
  } else {
    return corrupt("`task` must be \"image-embedding\" or \"text-embedding\"");
  }
  const Json& embedding = json["outputs"]["embedding"];
  m.embedding = TRY(embedding.get_string("name"), "outputs.embedding");
  m.dim = TRY(get_int(embedding, "dim", 1, kMaxDim), "outputs.embedding");
  return m;
}

Result<> check_sha256(const std::string& file, const std::string& expected) {
  const std::string found = to_hex(TRY(sha256_file(file)));
  if (found == expected) return {};
  return corrupt(file + ": has SHA-256 " + found + ", its manifest says " + expected);
}

Result<> check_size(const std::string& file, int64_t expected) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  if (error) return Error{ErrorCode::kNotFound, file + ": " + error.message()};
  if (static_cast<int64_t>(size) == expected) return {};
  return corrupt(file + ": has " + std::to_string(size) + " bytes, its manifest says " +
                 std::to_string(expected));
}

}  // namespace

std::string Manifest::digest() const {
  std::ostringstream all;
  all.precision(17);
  all << sha256;
  if (task == kTextEmbedding) {
    all << '|' << text.ids << '|' << text.mask << '|' << text.vocabulary_sha256 << '|'
        << text.max_tokens;
  } else {
    all << '|' << input.name << '|' << input.width << 'x' << input.height << '|' << input.fit << '|'
        << input.resize << '|' << input.scale;
    for (int c = 0; c < 3; ++c) all << '|' << input.mean[c] << '/' << input.std[c];
  }
  all << '|' << embedding << '|' << dim;
  const std::string joined = all.str();
  return to_hex(mimeme::sha256(joined.data(), joined.size()));
}

Result<Manifest> read_manifest(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return Error{ErrorCode::kNotFound, path + ": cannot be opened"};
  std::ostringstream text;
  text << in.rdbuf();
  const Json json = TRY(Json::parse(text.str()), path);
  return TRY(parse(json, std::filesystem::absolute(path).parent_path()), path);
}

Result<> verify(const Manifest& manifest) {
  TRY(verify_quickly(manifest));
  TRY(check_sha256(manifest.file, manifest.sha256));
  if (!manifest.classifier) return {};
  TRY(verify_quickly(*manifest.classifier));
  return check_sha256(manifest.classifier->file, manifest.classifier->sha256);
}

Result<> verify_quickly(const Manifest& manifest) {
  TRY(check_size(manifest.file, manifest.bytes));
  if (manifest.task != kTextEmbedding) return {};
  return check_sha256(manifest.text.vocabulary, manifest.text.vocabulary_sha256);
}

Result<> verify_quickly(const Manifest::Classifier& classifier) {
  return check_size(classifier.file, classifier.bytes);
}

Result<> expect_task(const Manifest& manifest, std::string_view task) {
  if (manifest.task == task) return {};
  return Error{ErrorCode::kUnsupported,
               manifest.name + " is for " + manifest.task + ", not for " + std::string(task)};
}

Result<> expect_joint(const Manifest& text, const Manifest& image) {
  TRY(expect_task(text, kTextEmbedding));
  TRY(expect_task(image, kImageEmbedding));
  if (text.joint.with != image.name)
    return Error{ErrorCode::kUnsupported, text.name + " is not joint with " + image.name};
  if (text.dim == image.dim) return {};
  return Error{ErrorCode::kUnsupported, text.name + " makes vectors of " +
                                            std::to_string(text.dim) +
                                            " dimensions, its image model " + image.name + " of " +
                                            std::to_string(image.dim)};
}

}  // namespace mimeme
