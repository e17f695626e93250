#include "model/text_recognition.h"

#include <gtest/gtest.h>

namespace mimeme {
namespace {

const std::vector<std::string> kAlphabet = {"A", "B", "é"};  // signs 1 to 3; 0 is blank, 4 a space
enum Sign { kBlank, kA, kB, kE, kSpace };

// Steps at which one sign has `confidence`, and a space is as likely as said.
struct Step {
  Sign sign;
  float confidence = 0.9F;
  float space = 0;
};

Reading decode(const std::vector<Step>& steps) {
  std::vector<float> probability;
  for (const Step& step : steps) {
    std::vector<float> row(5);
    row[kSpace] = step.space;
    row[step.sign] = step.confidence;
    probability.insert(probability.end(), row.begin(), row.end());
  }
  return decode_ctc(probability, kAlphabet);
}

TEST(TextRecognition, RepeatsAreOneSignUnlessABlankParts) {
  EXPECT_EQ(decode({{kA}, {kA}, {kB}, {kB}, {kBlank}, {kB}, {kE}}).text, "ABBé");
}

TEST(TextRecognition, NothingButBlanksIsNoText) {
  const Reading reading = decode({{kBlank}, {kBlank}});
  EXPECT_EQ(reading.text, "");
  EXPECT_EQ(reading.confidence, 0);
  EXPECT_EQ(decode({}).text, "");
}

TEST(TextRecognition, SpacesPartWordsAndDoNotSurroundThem) {
  EXPECT_EQ(decode({{kSpace}, {kA}, {kSpace}, {kBlank}, {kSpace}, {kB}, {kSpace}}).text, "A B");
}

TEST(TextRecognition, ASpaceThatIsPossibleIsTakenThoughBlankIsLikelier) {
  EXPECT_EQ(decode({{kA}, {kBlank, 0.9F, 0.05F}, {kB}}).text, "A B");
  EXPECT_EQ(decode({{kA}, {kBlank, 0.9F, 0.001F}, {kB}}).text, "AB");
}

TEST(TextRecognition, ConfidenceIsTheMeanOverSigns) {
  EXPECT_FLOAT_EQ(decode({{kA, 0.5F}, {kBlank, 1}, {kB, 0.9F}, {kSpace, 1}}).confidence, 0.7F);
}

}  // namespace
}  // namespace mimeme
