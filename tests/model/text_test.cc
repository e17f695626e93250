// The converted MiniLM gives the vectors that its model card promises.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <fstream>
#include <numeric>
#include <sstream>
#include <thread>

#include "model/text_encoder.h"
#include "model/tokenizer.h"

namespace mimeme {
namespace {

constexpr size_t kDim = 384;

Manifest minilm() {
  return read_manifest(MIMEME_BUILT_MODELS "/minilm-l6-v2/manifest.json").value();
}

// The length-1 vectors of some texts.
class Vectors {
 public:
  Vectors(const TextEncoder& encoder, const std::vector<std::string>& texts)
      : values_(encoder.encode(texts).value()) {}

  size_t size() const { return values_.size() / kDim; }
  std::span<const float> operator[](size_t i) const {
    return std::span(values_).subspan(i * kDim, kDim);
  }

 private:
  std::vector<float> values_;
};

double dot(std::span<const float> a, std::span<const float> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

class TextModelTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = open_text_encoder(minilm(), {});
    ASSERT_TRUE(opened) << opened.error().message;
    encoder_ = *std::move(opened);
  }
  std::unique_ptr<TextEncoder> encoder_;
};

TEST_F(TextModelTest, CosinesAreThoseOfTheModelCard) {
  const Vectors v(*encoder_, {"That is a happy person", "That is a happy dog",
                              "That is a very happy person", "Today is a sunny day"});
  // To three decimals: the weights are half floats here, and were floats there.
  EXPECT_NEAR(dot(v[0], v[1]), 0.6946, 5e-4);
  EXPECT_NEAR(dot(v[0], v[2]), 0.9429, 5e-4);
  EXPECT_NEAR(dot(v[0], v[3]), 0.2569, 5e-4);
}

TEST_F(TextModelTest, AVectorHasLengthOneAndDoesNotDependOnItsNeighbours) {
  std::vector<std::string> texts{"", "cat", "one does not simply walk into mordor", "表情包 😂"};
  texts.push_back(texts[2] + " " + texts[2]);
  for (int i = 0; i < 8; ++i) texts.back() += " " + texts.back();  // beyond what the model takes
  const Vectors together(*encoder_, texts);
  ASSERT_EQ(together.size(), texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    EXPECT_NEAR(dot(together[i], together[i]), 1, 1e-5) << texts[i];
    const Vectors alone(*encoder_, {texts[i]});
    for (size_t d = 0; d < kDim; ++d) ASSERT_NEAR(together[i][d], alone[0][d], 1e-5) << texts[i];
  }
}

TEST_F(TextModelTest, NearestInMeaningIsFoundWithoutACommonWord) {
  const Vectors v(*encoder_, {"a kitten asleep on the sofa", "cat napping on a couch",
                              "stock prices fell sharply", "firefighters at a burning house"});
  for (size_t i = 2; i < v.size(); ++i) EXPECT_GT(dot(v[0], v[1]), dot(v[0], v[i]) + 0.3);
}

TEST_F(TextModelTest, ManyThreadsGetWhatOneGets) {
  const std::vector<std::string> texts{"first", "not the second time this happened", "third one"};
  const auto expected = encoder_->encode(texts).value();
  std::array<size_t, 4> wrong{};
  std::vector<std::thread> threads;
  threads.reserve(wrong.size());
  for (size_t& mine : wrong)
    threads.emplace_back([&] {
      for (int round = 0; round < 10; ++round) mine += encoder_->encode(texts).value() != expected;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, (std::array<size_t, 4>{}));
}

TEST(TextModel, TokensHaveTheIdsOfItsVocabulary) {
  std::ostringstream vocabulary;
  vocabulary << std::ifstream(minilm().text.vocabulary, std::ios::binary).rdbuf();
  const auto tokenizer = Tokenizer::parse(vocabulary.str()).value();
  EXPECT_EQ(tokenizer->encode("That is a happy person", 256),
            (std::vector<int64_t>{101, 2008, 2003, 1037, 3407, 2711, 102}));
  EXPECT_EQ(tokenizer->encode("Café ÜBER 表情包 😂, don't!", 256),
            (std::vector<int64_t>{101, 7668, 19169, 100, 100, 100, 100, 1010, 2123, 1005, 1056, 999,
                                  102}));
}

}  // namespace
}  // namespace mimeme
