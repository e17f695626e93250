// The leg that compares words with pictures; words_test.cc has the others.
#include "engine/word_search.h"

#include <filesystem>

#include "engine/ingest.h"
#include "engine/test_library.h"

namespace mimeme {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;
using Colour = std::array<uint8_t, 3>;

constexpr int kDim = 5;  // red, green, blue; one that all pictures have, one that all texts have

class ColourEncoder : public ImageEncoder {
 public:
  explicit ColourEncoder(Manifest manifest) : manifest_(std::move(manifest)) {}
  const Manifest& manifest() const override { return manifest_; }
  Result<std::vector<float>> encode(std::span<const uint8_t> rgb) const override {
    constexpr size_t kSize = kFakeSide * kFakeSide * 3;
    std::vector<float> rows;
    for (size_t at = 0; at < rgb.size(); at += kSize) {
      for (size_t c = 0; c < 3; ++c) rows.push_back(static_cast<float>(rgb[at + c]) / 255);
      rows.insert(rows.end(), {1, 0});
    }
    return rows;
  }

 private:
  const Manifest manifest_;
};

class ColourWords : public TextEncoder {
 public:
  explicit ColourWords(Manifest manifest) : manifest_(std::move(manifest)) {}
  const Manifest& manifest() const override { return manifest_; }
  Result<std::vector<float>> encode(std::span<const std::string> texts) const override {
    std::vector<float> rows;
    for (const std::string& text : texts)
      for (const char* word : {"red", "green", "blue", "", text.c_str()})
        rows.push_back(text == word ? 1 : 0);
    l2_normalise(rows, kDim);
    return rows;
  }

 private:
  const Manifest manifest_;
};

class JointTest : public LibraryTest {
 protected:
  void SetUp() override {
    LibraryTest::SetUp();
    add_word_models();
    add_model("colours", kDim);
    add_text_half("colours", kDim);
  }

  void add_text_half(const std::string& with, int dim) {
    const auto folder = root_ / "models" / "words";
    fs::create_directories(folder);
    std::ofstream(folder / "manifest.json")
        << R"({"format":1,"name":"words","task":"text-embedding","file":"model.onnx","sha256":")"
        << std::string(64, '0') << R"(","bytes":1,"licence":"none","source":"test",)"
        << R"("joint_with":")" << with << R"(","min_similarity":0.35,)"
        << R"("input":{"ids":"i","mask":"m","max_tokens":9,"tokenizer":"wordpiece-uncased",)"
        << R"("vocabulary":"vocab.txt","vocabulary_sha256":")" << std::string(64, '0')
        << R"("},"outputs":{"embedding":{"name":"out","dim":)" << dim << "}}}";
  }

  void paint(const std::string& name, Colour colour) {
    std::vector<uint8_t> rgb;
    for (int i = 0; i < kFakeSide * kFakeSide; ++i)
      rgb.insert(rgb.end(), colour.begin(), colour.end());
    write_tiff(pictures() / (name + ".tiff"), kFakeSide, rgb);
  }

  // The library of all that was painted; dim: of its PCA, 0 for none.
  std::unique_ptr<Library> made(int dim = 0) {
    LibraryOptions options = this->options();
    options.default_model = "colours";
    options.open_encoder = [](const Manifest& manifest, const EncoderOptions&) {
      return Result<std::unique_ptr<ImageEncoder>>(std::make_unique<ColourEncoder>(manifest));
    };
    options.open_text_encoder = [](const Manifest& manifest, const EncoderOptions&) {
      return Result<std::unique_ptr<TextEncoder>>(std::make_unique<ColourWords>(manifest));
    };
    auto library = Library::open(std::move(options), Library::Access::kCreate);
    EXPECT_TRUE(library) << library.error().message;
    const auto summary = ingest(**library, {.roots = {pictures()}}, {});
    EXPECT_TRUE(summary) << summary.error().message;
    if (dim > 0) {
      const auto fitted = (*library)->fit_pca({.dim = dim});
      EXPECT_TRUE(fitted) << fitted.error().message;
    }
    return *std::move(library);
  }

  static std::vector<ExplainedHit> explained(Library& library, const std::string& query) {
    const auto search = WordSearch::open(library);
    EXPECT_TRUE(search) << search.error().message;
    const auto hits = (*search)->search(*parse_query(query), {});
    EXPECT_TRUE(hits) << hits.error().message;
    return *(*search)->explain(*hits);
  }
  static Names found(Library& library, const std::string& query) {
    Names names;
    for (const ExplainedHit& hit : explained(library, query))
      names.push_back(fs::path(hit.image.paths.front()).stem());
    return names;
  }
};

TEST_F(JointTest, WordsFindWhatPicturesShowWithAndWithoutPca) {
  paint("1", {255, 0, 0});
  paint("2", {255, 60, 60});
  paint("3", {0, 255, 0});
  paint("4", {20, 20, 20});
  for (uint8_t i = 0; i < 40; ++i)
    paint("x" + std::to_string(i), {i, uint8_t(255 - i), uint8_t(4 * i)});
  for (const int dim : {0, 3}) {
    const auto library = made(dim);
    EXPECT_EQ(library->searchable()->pca.has_value(), dim > 0);
    EXPECT_EQ(found(*library, "red"), (Names{"1", "2"})) << dim;
    EXPECT_EQ(found(*library, "green").front(), "3") << dim;
    EXPECT_EQ(found(*library, "blue"), Names{}) << "the bluest is not blue enough: " << dim;
    EXPECT_EQ(found(*library, "zebra"), Names{}) << dim;
    const auto hits = explained(*library, "red");
    EXPECT_NEAR(hits[0].hit.picture, 0.5F, 1e-3F) << "of the raw vectors, whatever is searched";
    EXPECT_EQ(hits[0].hit.similarity, hits[0].hit.picture);
    EXPECT_EQ(hits[0].hit.text, 0);
    EXPECT_EQ(hits[0].hit.meaning, 0);
  }
}

TEST_F(JointTest, AnImageThatTwoLegsFindComesFirst) {
  paint("a red one", {0, 255, 0});
  paint("red too", {255, 0, 0});
  paint("3", {255, 10, 10});
  const auto library = made();
  EXPECT_EQ(found(*library, "red"), (Names{"red too", "a red one", "3"}));
  const auto hits = explained(*library, "red");
  EXPECT_EQ(hits[1].hit.picture, 0) << "green";
  EXPECT_GT(hits[0].hit.picture, 0);
  EXPECT_GT(hits[0].hit.text, 0);
}

TEST_F(JointTest, PhrasesExclusionsAndFiltersHold) {
  paint("red", {255, 0, 0});
  paint("rose", {255, 10, 10});
  paint("3", {255, 20, 20});
  const auto library = made();
  EXPECT_EQ(found(*library, "\"red\""), Names{"red"});
  EXPECT_EQ(found(*library, "red -rose"), (Names{"red", "3"}));
  EXPECT_EQ(found(*library, "red type:png"), Names{});
  EXPECT_EQ(found(*library, "red type:tiff").size(), 3U);
}

TEST_F(JointTest, AHalfOfOtherDimensionsOrOfAnotherModelIsLeftOut) {
  paint("1", {255, 0, 0});
  const auto library = made();
  EXPECT_EQ(found(*library, "red"), Names{"1"});
  add_text_half("colours", kDim + 1);
  EXPECT_EQ(found(*library, "red"), Names{});
  add_text_half("small", 12);
  EXPECT_EQ(found(*library, "red"), Names{});
}

}  // namespace
}  // namespace mimeme
