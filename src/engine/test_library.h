// For the engine's tests: a library in a temporary folder, tiny pictures, and an encoder of a few
// lines in place of the neural network (which is slow, and never fails on demand).
#ifndef MIMEME_ENGINE_TEST_LIBRARY_H_
#define MIMEME_ENGINE_TEST_LIBRARY_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <thread>

#include "core/sha256.h"
#include "engine/library.h"
#include "store/test_schema.h"

namespace mimeme {

// An uncompressed RGB TIFF (TIFF 6.0, baseline): the picture format that takes the fewest lines to
// write.
inline void write_tiff(const std::string& path, int side, std::span<const uint8_t> rgb) {
  std::string bytes("II*\0", 4);
  const auto put16 = [&](uint32_t v) {
    bytes.append({static_cast<char>(v & 255), static_cast<char>(v >> 8 & 255)});
  };
  const auto put32 = [&](uint32_t v) {
    put16(v & 0xFFFF);
    put16(v >> 16);
  };
  const auto s = static_cast<uint32_t>(side);
  const uint32_t entries[][4] = {
      // tag, type (3 = 16 bits, 4 = 32 bits), count, value
      {256, 3, 1, s},   {257, 3, 1, s}, {258, 3, 1, 8}, {259, 3, 1, 1},         {262, 3, 1, 2},
      {273, 4, 1, 134}, {277, 3, 1, 3}, {278, 3, 1, s}, {279, 4, 1, s * s * 3}, {284, 3, 1, 1}};
  put32(8);
  put16(10);
  for (const auto& [tag, type, count, value] : entries) {
    put16(tag);
    put16(type);
    put32(count);
    put32(value);
  }
  put32(0);
  ASSERT_EQ(bytes.size(), 134U);
  bytes.append(reinterpret_cast<const char*>(rgb.data()), rgb.size());
  std::ofstream(path, std::ios::binary) << bytes;
}

constexpr int kFakeSide = 4;  // the fake model's input, and the test pictures' size

// Each value of the embedding is a different weighted sum of the pixels. Fails where `fails` says
// so.
class FakeEncoder : public ImageEncoder {
 public:
  using Fails = std::function<bool(std::span<const uint8_t> rgb)>;
  FakeEncoder(Manifest manifest, Fails fails)
      : manifest_(std::move(manifest)), fails_(std::move(fails)) {}

  const Manifest& manifest() const override { return manifest_; }
  Result<std::vector<float>> encode(std::span<const uint8_t> rgb) const override {
    if (fails_ && fails_(rgb)) return Error{ErrorCode::kInternal, "the model failed"};
    const size_t size = kFakeSide * kFakeSide * 3, n = rgb.size() / size,
                 dim = static_cast<size_t>(manifest_.dim);
    std::vector<float> embedding(n * dim);
    for (size_t i = 0; i < n; ++i)
      for (size_t d = 0; d < dim; ++d)
        for (size_t p = 0; p < size; ++p)
          embedding[i * dim + d] +=
              static_cast<float>(rgb[i * size + p] * ((p * 7 + d * 13) % 11)) / 1000;
    return embedding;
  }

 private:
  const Manifest manifest_;
  const Fails fails_;
};

// Reads in a picture what the test has written down for it.
class FakeOcr : public Ocr {
 public:
  using Reads = std::function<Result<std::vector<TextLine>>(std::span<const uint8_t> rgb)>;
  explicit FakeOcr(Reads reads) : reads_(std::move(reads)) {}
  Result<std::vector<TextLine>> read(std::span<const uint8_t> rgb, int, int) const override {
    return reads_ ? reads_(rgb) : std::vector<TextLine>{};
  }

 private:
  const Reads reads_;
};

// Words that begin with the same three letters mean the same ("kitten", "kitty").
class FakeTextEncoder : public TextEncoder {
 public:
  explicit FakeTextEncoder(Manifest manifest) : manifest_(std::move(manifest)) {}
  const Manifest& manifest() const override { return manifest_; }
  Result<std::vector<float>> encode(std::span<const std::string> texts) const override {
    const int dim = manifest_.dim;
    std::vector<float> rows(texts.size() * static_cast<size_t>(dim));
    for (size_t i = 0; i < texts.size(); ++i) {
      std::istringstream words(texts[i]);
      for (std::string word; words >> word;) {
        size_t at = 0;
        for (const char c : word.substr(0, 3)) at = at * 31 + static_cast<size_t>(c | 0x20);
        rows[i * static_cast<size_t>(dim) + at % static_cast<size_t>(dim)] += 1;
      }
    }
    l2_normalise(rows, dim);
    return rows;
  }

 private:
  const Manifest manifest_;
};

// Sees what the test says it sees in an embedding.
class FakeLabeller : public Labeller {
 public:
  using Labels = std::function<std::string(std::span<const float> embedding)>;
  FakeLabeller(std::string digest, Labels labels)
      : digest_(std::move(digest)), labels_(std::move(labels)) {}
  const std::string& digest() const override { return digest_; }
  Result<std::vector<std::vector<Label>>> label(std::span<const float> embeddings) const override {
    const std::string name = labels_ ? labels_(embeddings) : "";
    if (name.empty()) return std::vector<std::vector<Label>>{{}};
    return std::vector<std::vector<Label>>{{{.name = name, .confidence = 1}}};
  }

 private:
  const std::string digest_;
  const Labels labels_;
};

// For what concerns the files of a library that is searched in its folder.
#define ONLY_IN_A_FOLDER() \
  if (in_database()) GTEST_SKIP() << "of indexes in a folder"

class LibraryTest : public testing::Test {
 protected:
  void SetUp() override {
    static std::atomic<int> serial = 0;
    root_ = std::filesystem::temp_directory_path() /
            ("library_test." + std::to_string(getpid()) + "." + std::to_string(serial++));
    std::filesystem::create_directories(pictures());
    // Read once for all tests of the process: libvips stays.
    ASSERT_TRUE(init_media());
    add_model("small", 12);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::filesystem::path pictures() const { return root_ / "pictures"; }

  // A model that the registry finds; what its file holds is of no account to the fake encoder.
  void add_model(const std::string& name, int dim, const std::string& weights = "weights") {
    const auto folder = root_ / "models" / name;
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "model.onnx") << weights;
    std::ofstream(folder / "manifest.json")
        << R"({"format":1,"name":")" << name
        << R"(","task":"image-embedding","file":"model.onnx","sha256":")"
        << to_hex(sha256(weights.data(), weights.size())) << R"(","bytes":)" << weights.size()
        << R"(,"licence":"none","source":"test","input":{"name":"in","layout":"NCHW","colour":"RGB","width":)"
        << kFakeSide << R"(,"height":)" << kFakeSide
        << R"(,"fit":"stretch","scale":1,"mean":[0,0,0],"std":[1,1,1]},"outputs":{"embedding":{"name":"out","dim":)"
        << dim << "}}}";
  }

  // Models for words, which the registry finds.
  void add_word_models() {
    const auto texts = root_ / "models" / "meaning", reader = root_ / "models" / "reader";
    std::filesystem::create_directories(texts);
    std::filesystem::create_directories(reader);
    std::ofstream(texts / "manifest.json")
        << R"({"format":1,"name":"meaning","task":"text-embedding","file":"model.onnx","sha256":")"
        << std::string(64, '0') << R"(","bytes":1,"licence":"none","source":"test",)"
        << R"("input":{"ids":"i","mask":"m","max_tokens":9,"tokenizer":"wordpiece-uncased",)"
        << R"("vocabulary":"vocab.txt","vocabulary_sha256":")" << std::string(64, '0')
        << R"("},"outputs":{"embedding":{"name":"out","dim":251}}})";
    std::ofstream(reader / "manifest.json") << R"({"format":1,"task":"ocr"})";
  }

  // Picture number `seed`: noise, so that no two are alike.
  std::string add_picture(int seed, const std::string& name = "") {
    std::mt19937 random(static_cast<unsigned>(seed));
    std::vector<uint8_t> rgb(kFakeSide * kFakeSide * 3);
    for (uint8_t& v : rgb) v = static_cast<uint8_t>(random());
    const std::string path = pictures() / (name.empty() ? std::to_string(seed) + ".tiff" : name);
    write_tiff(path, kFakeSide, rgb);
    return path;
  }

  static std::string bytes_of(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  Result<std::unique_ptr<Library>> open(Library::Access access = Library::Access::kCreate) {
    return Library::open(options(), access);
  }

  // REQUIRES: nobody has it open.
  void take_library_away() {
    std::filesystem::remove_all(root_ / "library");
    if (schema_.is_on_server()) schema_.empty();
  }

  LibraryOptions options() {
    return {
        .directory = root_ / "library",
        .catalog = schema_.address(),
        .model_folders = {root_ / "models"},
        .default_model = "small",
        .text_model = "meaning",
        .reader = "reader",
        .object_model = "none",
        .open_encoder = [this](const Manifest& manifest,
                               const EncoderOptions&) -> Result<std::unique_ptr<ImageEncoder>> {
          std::this_thread::sleep_for(load_time_);
          return std::unique_ptr<ImageEncoder>(new FakeEncoder(manifest, fails_));
        },
        .open_text_encoder = [this](const Manifest& manifest,
                                    const EncoderOptions&) -> Result<std::unique_ptr<TextEncoder>> {
          if (broken_.contains(manifest.name)) return Error{ErrorCode::kCorrupt, "damaged"};
          return std::unique_ptr<TextEncoder>(new FakeTextEncoder(manifest));
        },
        .open_ocr = [this](const std::string&, int) -> Result<std::unique_ptr<Ocr>> {
          if (broken_.contains("reader")) return Error{ErrorCode::kCorrupt, "damaged"};
          return std::unique_ptr<Ocr>(new FakeOcr(reads_));
        },
        .open_labeller = [this](const Manifest&, int) -> Result<std::unique_ptr<Labeller>> {
          if (labeller_.empty()) return Error{ErrorCode::kNotFound, "no labeller"};
          return std::unique_ptr<Labeller>(new FakeLabeller(labeller_, labels_));
        },
        .search_in =
            in_database() ? LibraryOptions::SearchIn::kDatabase : LibraryOptions::SearchIn::kFolder,
        .progress =
            [this](const char* what, int64_t done, int64_t total) {
              derived_[what] = {done, total};
            }};
  }

  // The suites are run with that, too.
  static bool in_database() { return getenv("MIMEME_TEST_SEARCH_IN_DATABASE"); }

  TestSchema schema_;
  std::filesystem::path root_;
  FakeEncoder::Fails fails_;                // of encoders made from now on
  std::set<std::string> broken_;            // models of words that do not open
  FakeLabeller::Labels labels_;             // of labellers made from now on
  std::string labeller_ = "labeller 1";     // their digest
  FakeOcr::Reads reads_;                    // of readers made from now on
  std::chrono::milliseconds load_time_{0};  // that opening an encoder takes
  // What LibraryOptions::progress was told last of each kind: done, total.
  std::map<std::string, std::pair<int64_t, int64_t>> derived_;
};

}  // namespace mimeme

#endif  // MIMEME_ENGINE_TEST_LIBRARY_H_
