#include "model/text_encoder.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "core/sha256.h"

namespace mimeme {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kVocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\nb\nc\n";

// The "text" of models/make_tiny.mjs: a text's vector is the sum of its tokens' ids, and how many
// there are.
class TextEncoderTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("text_encoder_test." + std::to_string(getpid()));
    fs::create_directories(folder_);
    std::ofstream(folder_ / "vocab.txt") << kVocabulary;
  }
  void TearDown() override { fs::remove_all(folder_); }

  Manifest tiny() const {
    Manifest m;
    m.name = "tiny";
    m.task = "text-embedding";
    m.file = std::string(MIMEME_SOURCE_DIR) + "/tests/data/tiny/text.onnx";
    m.bytes = static_cast<int64_t>(fs::file_size(m.file));
    m.text = {.ids = "ids",
              .mask = "mask",
              .vocabulary = folder_ / "vocab.txt",
              .vocabulary_sha256 = to_hex(sha256(kVocabulary.data(), kVocabulary.size())),
              .max_tokens = 256};
    m.embedding = "embedding";
    m.dim = 2;
    return m;
  }
  static std::vector<float> encode(const Manifest& manifest,
                                   const std::vector<std::string>& texts) {
    const auto encoder = open_text_encoder(manifest, {});
    EXPECT_TRUE(encoder) << encoder.error().message;
    const auto vectors = (*encoder)->encode(texts);
    EXPECT_TRUE(vectors) << vectors.error().message;
    return *vectors;
  }

  fs::path folder_;
};

TEST_F(TextEncoderTest, FeedsTokensBetweenTheirMarks) {
  EXPECT_EQ(encode(tiny(), {"a B d"}), (std::vector<float>{2 + 4 + 5 + 1 + 3, 5}));
  EXPECT_EQ(encode(tiny(), {""}), (std::vector<float>{2 + 3, 2}));
  EXPECT_TRUE(encode(tiny(), {}).empty());
}

TEST_F(TextEncoderTest, VectorsComeInTheOrderOfTheTexts) {
  EXPECT_EQ(encode(tiny(), {"a b c", "a", "c c c c", "", "b"}),
            (std::vector<float>{20, 5, 9, 3, 29, 6, 5, 2, 10, 3}));
}

TEST_F(TextEncoderTest, ManyTextsGiveWhatEachGivesAlone) {
  std::vector<std::string> texts;
  std::vector<float> expected;
  for (size_t i = 0; i < 300; ++i) {
    const size_t words = i * 7 % 60;
    texts.emplace_back();
    for (size_t w = 0; w < words; ++w) texts.back() += "b ";
    expected.push_back(static_cast<float>(5 + 5 * words));
    expected.push_back(static_cast<float>(2 + words));
  }
  EXPECT_EQ(encode(tiny(), texts), expected);
}

TEST_F(TextEncoderTest, CutsTextsOffAtTheManifestsLimit) {
  Manifest manifest = tiny();
  manifest.text.max_tokens = 4;
  EXPECT_EQ(encode(manifest, {"a b c c c"}), (std::vector<float>{2 + 4 + 5 + 3, 4}));
}

TEST_F(TextEncoderTest, AGraphThatDoesNotFitItsManifestSaysHow) {
  const std::pair<std::function<void(Manifest&)>, const char*> kCases[] = {
      {[](Manifest& m) { m.dim = 3; }, "`embedding` is N×2, its manifest needs N×3"},
      {[](Manifest& m) { m.embedding = "logits"; }, "the graph has no `logits`"},
      {[](Manifest& m) { m.text.ids = "words"; }, "the graph has no `words`"},
      {[](Manifest& m) { m.text.mask = "weights"; }, "the graph has no `weights`"},
  };
  for (const auto& [change, complaint] : kCases) {
    Manifest manifest = tiny();
    change(manifest);
    const auto encoder = open_text_encoder(manifest, {});
    ASSERT_FALSE(encoder) << complaint;
    EXPECT_EQ(encoder.error().code, ErrorCode::kUnsupported);
    EXPECT_EQ(encoder.error().message, manifest.file + ": " + complaint);
  }
}

TEST_F(TextEncoderTest, AnImageModelIsRefused) {
  Manifest manifest = tiny();
  manifest.task = "image-embedding";
  const auto encoder = open_text_encoder(manifest, {});
  ASSERT_FALSE(encoder);
  EXPECT_EQ(encoder.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(encoder.error().message, "tiny is for image-embedding, not for text-embedding");
}

TEST_F(TextEncoderTest, AnotherVocabularyIsCorruptAndNoneIsNotFound) {
  const std::string file = folder_ / "vocab.txt";
  std::ofstream(file) << "[UNK]\n[CLS]\n[SEP]\n";
  const auto other = open_text_encoder(tiny(), {});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(other.error().message.substr(0, file.size()), file);
  fs::remove(file);
  const auto none = open_text_encoder(tiny(), {});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
}

TEST_F(TextEncoderTest, ManyThreadsGetWhatOneGets) {
  const auto encoder = open_text_encoder(tiny(), {});
  ASSERT_TRUE(encoder) << encoder.error().message;
  constexpr size_t kThreads = 4, kRounds = 50;
  std::array<size_t, kThreads> wrong{};
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (size_t t = 0; t < kThreads; ++t)
    threads.emplace_back([&encoder, &wrong, t] {
      for (size_t round = 0; round < kRounds; ++round) {
        const size_t n = (kRounds * t + round) % 100;  // words: no two neighbours are alike
        std::string text;
        for (size_t i = 0; i < n; ++i) text += "a ";
        const auto fed = (*encoder)->encode(std::vector<std::string>{text, "c"});
        wrong[t] += !fed || *fed != std::vector<float>{static_cast<float>(5 + 4 * n),
                                                       static_cast<float>(2 + n), 11, 3};
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, (std::array<size_t, kThreads>{}));
}

}  // namespace
}  // namespace mimeme
