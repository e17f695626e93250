#include "model/manifest.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>

namespace mimeme {
namespace {

namespace fs = std::filesystem;

constexpr char kHelloSha256[] = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

constexpr char kGood[] = R"({
  "format": 1,
  "name": "tiny",
  "task": "image-embedding",
  "file": "tiny.onnx",
  "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
  "bytes": 5,
  "licence": "MIT",
  "source": "made up",
  "remark": "fields that nobody knows are passed over",
  "input": {
    "layout": "NCHW",
    "colour": "RGB",
    "name": "input",
    "width": 3,
    "height": 2,
    "fit": "crop",
    "resize": 4,
    "scale": 0.5,
    "mean": [1, 2.5, 3],
    "std": [4, 5, 6]
  },
  "outputs": {"embedding": {"name": "features", "dim": 18}}
})";

constexpr char kGoodText[] = R"({
  "format": 1,
  "name": "wordy",
  "task": "text-embedding",
  "file": "wordy.onnx",
  "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
  "bytes": 5,
  "licence": "MIT",
  "source": "made up",
  "input": {
    "tokenizer": "wordpiece-uncased",
    "ids": "input_ids",
    "mask": "attention_mask",
    "vocabulary": "vocab.txt",
    "vocabulary_sha256": "2CF24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
    "max_tokens": 256
  },
  "outputs": {"embedding": {"name": "embedding", "dim": 384}}
})";

// `text` with its one `from` replaced.
std::string good_but(std::string_view from, std::string_view to, std::string text = kGood) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

class ManifestTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("manifest_test." + std::to_string(getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write(const std::string& name, std::string_view text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  Result<Manifest> read(std::string_view text) const {
    write("manifest.json", text);
    return read_manifest(folder_ / "manifest.json");
  }
  // What is wrong with it, without the path before.
  std::string complaint(std::string_view text) const {
    const auto manifest = read(text);
    if (manifest) return "nothing";
    EXPECT_EQ(manifest.error().code, ErrorCode::kCorrupt);
    const std::string path = (folder_ / "manifest.json").string() + ": ";
    EXPECT_EQ(manifest.error().message.substr(0, path.size()), path);
    return manifest.error().message.substr(path.size());
  }

  fs::path folder_;
};

TEST_F(ManifestTest, EveryFieldArrives) {
  const auto m = read(kGood);
  ASSERT_TRUE(m) << m.error().message;
  EXPECT_EQ(m->name, "tiny");
  EXPECT_EQ(m->task, "image-embedding");
  EXPECT_EQ(m->file, folder_ / "tiny.onnx");
  EXPECT_EQ(m->sha256, kHelloSha256);
  EXPECT_EQ(m->bytes, 5);
  EXPECT_EQ(m->licence, "MIT");
  EXPECT_EQ(m->source, "made up");
  EXPECT_EQ(m->input.name, "input");
  EXPECT_EQ(m->input.width, 3);
  EXPECT_EQ(m->input.height, 2);
  EXPECT_EQ(m->input.fit, "crop");
  EXPECT_EQ(m->input.resize, 4);
  EXPECT_EQ(m->input.scale, 0.5);
  EXPECT_EQ(m->input.mean, (std::array<double, 3>{1, 2.5, 3}));
  EXPECT_EQ(m->input.std, (std::array<double, 3>{4, 5, 6}));
  EXPECT_EQ(m->embedding, "features");
  EXPECT_EQ(m->dim, 18);
}

TEST_F(ManifestTest, EveryFieldOfATextModelArrives) {
  const auto m = read(kGoodText);
  ASSERT_TRUE(m) << m.error().message;
  EXPECT_EQ(m->task, kTextEmbedding);
  EXPECT_EQ(m->file, folder_ / "wordy.onnx");
  EXPECT_EQ(m->text.ids, "input_ids");
  EXPECT_EQ(m->text.mask, "attention_mask");
  EXPECT_EQ(m->text.vocabulary, folder_ / "vocab.txt");
  EXPECT_EQ(m->text.vocabulary_sha256, kHelloSha256);
  EXPECT_EQ(m->text.max_tokens, 256);
  EXPECT_EQ(m->embedding, "embedding");
  EXPECT_EQ(m->dim, 384);
}

TEST_F(ManifestTest, WhatIsWrongWithATextModelIsNamed) {
  struct Case {
    const char *from, *to, *complaint;
  };
  constexpr Case kCases[] = {
      {R"("ids")", R"("idle")", "input: `ids` is missing"},
      {R"("mask")", R"("masque")", "input: `mask` is missing"},
      {R"("wordpiece-uncased")", R"("bpe")", "input: `tokenizer` must be \"wordpiece-uncased\""},
      {R"("vocab.txt")", R"("../vocab.txt")", "input: `vocabulary` must be a plain file name"},
      {R"("2CF24)", R"("CF24)", "input: `vocabulary_sha256` must be 64 hexadecimal digits"},
      {R"("max_tokens": 256)", R"("max_tokens": 1)", "input: `max_tokens` must be 2..4096"},
      {R"("text-embedding")", R"("image-embedding")", "input: `layout` is missing"},
      {R"("text-embedding")", R"("poetry")",
       "`task` must be \"image-embedding\" or \"text-embedding\""},
  };
  for (const Case& c : kCases)
    EXPECT_EQ(complaint(good_but(c.from, c.to, kGoodText)), c.complaint) << c.to;
}

TEST_F(ManifestTest, AModelOfBytesSaysNothingOfHowPixelsBecomeNumbers) {
  const auto manifest = read(good_but(
      R"("scale": 0.5,
    "mean": [1, 2.5, 3],
    "std": [4, 5, 6])",
      R"("note": "none")", good_but(R"("NCHW")", R"("NHWC")")));
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_TRUE(manifest->input.is_bytes);
  EXPECT_FALSE(read(kGood)->input.is_bytes);
}

TEST_F(ManifestTest, ATextModelMayBeJointWithAnImageModelOfAsManyDimensions) {
  EXPECT_EQ(read(kGoodText)->joint.with, "");
  const std::string good = good_but(
      R"("outputs")", R"("joint_with": "tiny", "min_similarity": 0.25, "outputs")", kGoodText);
  const auto text = read(good);
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(text->joint.with, "tiny");
  EXPECT_EQ(text->joint.min_similarity, 0.25F);
  EXPECT_EQ(text->digest(), read(kGoodText)->digest());

  Manifest image = *read(kGood);
  const auto other = expect_joint(*text, image);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(other.error().message,
            "wordy makes vectors of 384 dimensions, its image model tiny of 18");
  image.dim = 384;
  EXPECT_TRUE(expect_joint(*text, image));
  EXPECT_EQ(expect_joint(*read(kGoodText), image).error().message, "wordy is not joint with tiny");
  EXPECT_EQ(expect_joint(image, image).error().code, ErrorCode::kUnsupported);

  EXPECT_EQ(complaint(good_but(R"("tiny")", R"("../tiny")", good)),
            "`joint_with` must be a model's name");
  EXPECT_EQ(complaint(good_but("0.25", "0", good)), "`min_similarity` must be between 0 and 1");
  EXPECT_EQ(complaint(good_but("min_similarity", "minimum", good)), "`min_similarity` is missing");
}

TEST_F(ManifestTest, AClassifierMayLieBesideAnImageModel) {
  EXPECT_FALSE(read(kGood)->classifier);
  const std::string good = good_but(R"("outputs")", R"("classifier": {"file": "c.onnx", "sha256":
    "2CF24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", "bytes": 5,
    "input": "features", "output": "probabilities", "labels": "labels.txt"}, "outputs")");
  const auto m = read(good);
  ASSERT_TRUE(m) << m.error().message;
  ASSERT_TRUE(m->classifier);
  EXPECT_EQ(m->classifier->file, folder_ / "c.onnx");
  EXPECT_EQ(m->classifier->sha256, kHelloSha256);
  EXPECT_EQ(m->classifier->bytes, 5);
  EXPECT_EQ(m->classifier->input, "features");
  EXPECT_EQ(m->classifier->output, "probabilities");
  EXPECT_EQ(m->classifier->labels, folder_ / "labels.txt");
  EXPECT_EQ(m->digest(), read(kGood)->digest());

  EXPECT_EQ(complaint(good_but(R"("c.onnx")", R"("../c.onnx")", good)),
            "classifier: `file` must be a plain file name");
  EXPECT_EQ(complaint(good_but(R"("output")", R"("outcome")", good)),
            "classifier: `output` is missing");

  write("tiny.onnx", "hello");
  EXPECT_TRUE(verify_quickly(*m));
  EXPECT_EQ(verify(*m).error().code, ErrorCode::kNotFound);
  write("c.onnx", "hello");
  EXPECT_TRUE(verify(*m));
  write("c.onnx", "jello");
  EXPECT_TRUE(verify_quickly(*m->classifier));
  EXPECT_EQ(verify(*m).error().code, ErrorCode::kCorrupt);
}

TEST_F(ManifestTest, AMissingFieldOrOneOfTheWrongTypeIsNamed) {
  struct Field {
    const char *text, *where, *key, *kind;
  };
  constexpr Field kFields[] = {
      {R"("format": 1)", "", "format", "a whole number"},
      {R"("name": "tiny")", "", "name", "a string"},
      {R"("task": "image-embedding")", "", "task", "a string"},
      {R"("file": "tiny.onnx")", "", "file", "a string"},
      {R"("sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")", "",
       "sha256", "a string"},
      {R"("bytes": 5)", "", "bytes", "a whole number"},
      {R"("licence": "MIT")", "", "licence", "a string"},
      {R"("source": "made up")", "", "source", "a string"},
      {R"("layout": "NCHW")", "input: ", "layout", "a string"},
      {R"("colour": "RGB")", "input: ", "colour", "a string"},
      {R"("name": "input")", "input: ", "name", "a string"},
      {R"("width": 3)", "input: ", "width", "a whole number"},
      {R"("height": 2)", "input: ", "height", "a whole number"},
      {R"("fit": "crop")", "input: ", "fit", "a string"},
      {R"("resize": 4)", "input: ", "resize", "a whole number"},
      {R"("scale": 0.5)", "input: ", "scale", "a number"},
      {R"("mean": [1, 2.5, 3])", "input: ", "mean", "a list of numbers"},
      {R"("std": [4, 5, 6])", "input: ", "std", "a list of numbers"},
      {R"("name": "features")", "outputs.embedding: ", "name", "a string"},
      {R"("dim": 18)", "outputs.embedding: ", "dim", "a whole number"},
  };
  for (const Field& f : kFields) {
    const std::string key = std::string("`") + f.key + "`";
    EXPECT_EQ(complaint(good_but(f.text, R"("something": "else")")), f.where + key + " is missing");
    EXPECT_EQ(complaint(good_but(f.text, std::string("\"") + f.key + "\": true")),
              f.where + key + " must be " + f.kind);
  }
}

TEST_F(ManifestTest, AValueOutOfRangeIsNamed) {
  struct Case {
    const char *from, *to, *complaint;
  };
  constexpr char kName[] = "`name` may hold letters, digits, '.', '_' and '-' only";
  constexpr char kFile[] = "`file` must be a plain file name";
  constexpr char kSha256[] = "`sha256` must be 64 hexadecimal digits";
  const Case kCases[] = {
      {R"("format": 1)", R"("format": 2)", "format 2, this mimeme reads format 1"},
      {R"("tiny")", R"("")", kName},
      {R"("tiny")", R"("..")", kName},
      {R"("tiny")", R"("a/b")", kName},
      {R"("tiny")", R"("größer")", kName},
      {R"("tiny.onnx")", R"("../tiny.onnx")", kFile},
      {R"("tiny.onnx")", R"("/tiny.onnx")", kFile},
      {R"("2cf24)", R"("cf24)", kSha256},
      {R"("2cf24)", R"("gcf24)", kSha256},
      {R"("bytes": 5)", R"("bytes": 0)", "`bytes` must be above 0"},
      {R"("NCHW")", R"("CHWN")",
       "input: `layout` must be \"NCHW\" (of floats) or \"NHWC\" (of bytes)"},
      {R"("RGB")", R"("BGR")", "input: `colour` must be \"RGB\""},
      {R"("width": 3)", R"("width": 0)", "input: `width` must be 1..4096"},
      {R"("width": 3)", R"("width": 4097)", "input: `width` must be 1..4096"},
      {R"("width": 3)", R"("width": 3.5)", "input: `width` must be a whole number"},
      {R"("height": 2)", R"("height": -2)", "input: `height` must be 1..4096"},
      {R"("crop")", R"("pad")", "input: `fit` must be \"stretch\" or \"crop\""},
      {R"("resize": 4)", R"("resize": 2)", "input: `resize` must be 3..4096"},
      {R"("scale": 0.5)", R"("scale": 0)", "input: `scale` must be above 0"},
      {R"([1, 2.5, 3])", R"([1, 2.5])", "input: `mean` must have 3 numbers, for R, G and B"},
      {R"([1, 2.5, 3])", R"([1, 2.5, "3"])", "input: `mean` must be a list of numbers"},
      {R"([4, 5, 6])", R"([4, 5, 6, 7])", "input: `std` must have 3 numbers, for R, G and B"},
      {R"([4, 5, 6])", R"([4, 0, 6])", "input: `std` must be above 0"},
      {R"("dim": 18)", R"("dim": 0)", "outputs.embedding: `dim` must be 1..65536"},
      {R"("dim": 18)", R"("dim": 65537)", "outputs.embedding: `dim` must be 1..65536"},
      {kGood, "[]", "`format` is missing"},
  };
  for (const Case& c : kCases) EXPECT_EQ(complaint(good_but(c.from, c.to)), c.complaint) << c.to;
}

TEST_F(ManifestTest, TextThatIsNotJsonIsCorruptAndSaysWhere) {
  EXPECT_NE(complaint("{\"format\": 1,\n oops}").find("line 2"), std::string::npos);
  EXPECT_NE(complaint(""), "nothing");
}

TEST_F(ManifestTest, NoSuchFileIsNotFound) {
  const auto manifest = read_manifest(folder_ / "none.json");
  ASSERT_FALSE(manifest);
  EXPECT_EQ(manifest.error().code, ErrorCode::kNotFound);
}

TEST_F(ManifestTest, StretchNeedsNoResize) {
  const auto manifest = read(good_but(R"("fit": "crop",
    "resize": 4)",
                                      R"("fit": "stretch")"));
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_EQ(manifest->input.resize, 0);
}

TEST_F(ManifestTest, ChecksumInCapitalsIsTheSameChecksum) {
  const auto manifest = read(good_but("2cf24dba", "2CF24DBA"));
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_EQ(manifest->sha256, kHelloSha256);
}

TEST_F(ManifestTest, DigestChangesWithAllThatDecidesTheVectors) {
  const auto good = read(kGood);
  ASSERT_TRUE(good);
  const std::pair<const char*, std::function<void(Manifest&)>> kChanges[] = {
      {"sha256", [](Manifest& m) { m.sha256[0] = '3'; }},
      {"input name", [](Manifest& m) { m.input.name = "other"; }},
      {"width", [](Manifest& m) { m.input.width = 2; }},
      {"height", [](Manifest& m) { m.input.height = 3; }},
      {"fit", [](Manifest& m) { m.input.fit = "stretch"; }},
      {"resize", [](Manifest& m) { m.input.resize = 5; }},
      {"scale", [](Manifest& m) { m.input.scale += 1e-15; }},
      {"mean of R", [](Manifest& m) { m.input.mean[0] += 1e-15; }},
      {"mean of G", [](Manifest& m) { m.input.mean[1] += 1e-15; }},
      {"mean of B", [](Manifest& m) { m.input.mean[2] += 1e-15; }},
      {"std of R", [](Manifest& m) { m.input.std[0] += 1e-15; }},
      {"std of G", [](Manifest& m) { m.input.std[1] += 1e-15; }},
      {"std of B", [](Manifest& m) { m.input.std[2] += 1e-15; }},
      {"R for G", [](Manifest& m) { std::swap(m.input.mean[0], m.input.mean[1]); }},
      {"embedding", [](Manifest& m) { m.embedding = "logits"; }},
      {"dim", [](Manifest& m) { m.dim = 17; }},
  };
  std::vector<std::string> seen{good->digest()};
  for (const auto& [what, change] : kChanges) {
    Manifest changed = *good;
    change(changed);
    EXPECT_EQ(std::count(seen.begin(), seen.end(), changed.digest()), 0) << what;
    seen.push_back(changed.digest());
  }
}

TEST_F(ManifestTest, DigestOfATextModelChangesWithAllThatDecidesTheVectors) {
  const auto good = read(kGoodText);
  ASSERT_TRUE(good);
  const std::pair<const char*, std::function<void(Manifest&)>> kChanges[] = {
      {"sha256", [](Manifest& m) { m.sha256[0] = '3'; }},
      {"ids", [](Manifest& m) { m.text.ids = "other"; }},
      {"mask", [](Manifest& m) { m.text.mask = "other"; }},
      {"vocabulary", [](Manifest& m) { m.text.vocabulary_sha256[0] = '3'; }},
      {"max_tokens", [](Manifest& m) { m.text.max_tokens = 128; }},
      {"embedding", [](Manifest& m) { m.embedding = "pooled"; }},
      {"dim", [](Manifest& m) { m.dim = 383; }},
  };
  std::vector<std::string> seen{good->digest()};
  for (const auto& [what, change] : kChanges) {
    Manifest changed = *good;
    change(changed);
    EXPECT_EQ(std::count(seen.begin(), seen.end(), changed.digest()), 0) << what;
    seen.push_back(changed.digest());
  }
}

TEST_F(ManifestTest, DigestStaysWithAllElse) {
  const auto good = read(kGood);
  ASSERT_TRUE(good);
  EXPECT_EQ(good->digest().size(), 64U);
  const std::pair<const char*, const char*> kChanges[] = {
      {R"("tiny")", R"("huge")"},
      {R"("tiny.onnx")", R"("huge.onnx")"},
      {R"("MIT")", R"("Apache-2.0")"},
      {R"("made up")", R"("found")"},
      {R"("scale": 0.5)", R"("scale": 5e-1)"},
  };
  for (const auto& [from, to] : kChanges) {
    const auto changed = read(good_but(from, to));
    ASSERT_TRUE(changed) << changed.error().message;
    EXPECT_EQ(changed->digest(), good->digest()) << to;
  }
}

TEST_F(ManifestTest, VerifyComparesSizeAndChecksum) {
  const auto manifest = read(kGood);
  ASSERT_TRUE(manifest);
  const auto verdict = [&] {
    const auto verified = verify(*manifest);
    return verified ? std::pair(ErrorCode::kInternal, std::string("good"))
                    : std::pair(verified.error().code, verified.error().message);
  };
  EXPECT_EQ(verdict(),
            std::pair(ErrorCode::kNotFound, manifest->file + ": No such file or directory"));
  write("tiny.onnx", "hello");
  EXPECT_EQ(verdict().second, "good");
  write("tiny.onnx", "hello!");
  EXPECT_EQ(verdict(),
            std::pair(ErrorCode::kCorrupt, manifest->file + ": has 6 bytes, its manifest says 5"));
  write("tiny.onnx", "hellp");  // one bit
  const auto [code, message] = verdict();
  EXPECT_EQ(code, ErrorCode::kCorrupt);
  EXPECT_NE(message.find(std::string("its manifest says ") + kHelloSha256), std::string::npos);
}

TEST_F(ManifestTest, VerifyComparesTheVocabularyToo) {
  const auto manifest = read(kGoodText);
  ASSERT_TRUE(manifest);
  write("wordy.onnx", "hello");
  const auto missing = verify(*manifest);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  write("vocab.txt", "hello");
  EXPECT_TRUE(verify(*manifest));
  write("vocab.txt", "jello");
  const auto other = verify(*manifest);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kCorrupt);
  EXPECT_NE(other.error().message.find(manifest->text.vocabulary), std::string::npos);
  write("vocab.txt", "hello");
  write("wordy.onnx", "jello");
  EXPECT_TRUE(verify_quickly(*manifest));
  EXPECT_FALSE(verify(*manifest));
}

}  // namespace
}  // namespace mimeme
