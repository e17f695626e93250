// The real models read what tools/make_memes.mjs wrote, and do not mind pictures without words.
#include "model/ocr.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <numeric>
#include <sstream>
#include <thread>

#include "picture.h"

namespace mimeme {
namespace {

Picture load_meme(const std::string& name) {
  return load(MIMEME_MEMES "/" + name, {.width = 1600, .height = 1600, .fit = Fit::kInside});
}

// A quarter turn, clockwise.
Picture turned(const Picture& from) {
  Picture to{.width = from.height, .height = from.width};
  for (int y = 0; y < to.height; ++y)
    for (int x = 0; x < to.width; ++x) {
      const uint8_t* p = &from.rgb[size_t{3} * ((from.height - 1 - x) * from.width + y)];
      to.rgb.insert(to.rgb.end(), p, p + 3);
    }
  return to;
}

// Letters and digits in capitals, one space between words.
std::string plain(const std::string& text) {
  std::string words;
  for (const unsigned char c : text)
    if (std::isalnum(c))
      words += static_cast<char>(std::toupper(c));
    else if (!words.empty() && words.back() != ' ')
      words += ' ';
  if (words.ends_with(' ')) words.pop_back();
  return words;
}

std::string text_of(const std::vector<TextLine>& lines) {
  std::string all;
  for (const TextLine& line : lines) all += line.text + " ";
  return plain(all);
}

// Levenshtein's distance.
size_t edits(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j)
      diagonal = std::exchange(
          row[j + 1], std::min({row[j] + 1, row[j + 1] + 1, diagonal + (a[i] == b[j] ? 0U : 1U)}));
  }
  return row.back();
}

class OcrTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    ASSERT_TRUE(init_media());
    auto opened = open_ocr(MIMEME_BUILT_MODELS "/ppocr-v4/manifest.json", 1);
    ASSERT_TRUE(opened) << opened.error().message;
    ocr_ = std::move(*opened).release();
  }
  static void TearDownTestSuite() { delete std::exchange(ocr_, nullptr); }

  static std::vector<TextLine> read(const Picture& picture) {
    auto lines = ocr_->read(picture.rgb, picture.width, picture.height);
    EXPECT_TRUE(lines) << lines.error().message;
    return lines ? *std::move(lines) : std::vector<TextLine>();
  }

  static Ocr* ocr_;
};
Ocr* OcrTest::ocr_ = nullptr;

const struct {
  const char *picture, *caption;
} kCaptions[] = {
    {"helmeted_guineafowl-1.jpg", "LEFT SOCK PRESENT RIGHT SOCK ON HOLIDAY"},
    {"tucan-1.jpg", "PARKED PERFECTLY NOBODY WAS WATCHING"},
    {"european-bear-1.jpg", "ALL TESTS ARE GREEN I PAINTED THEM MYSELF"},
    {"tiger_sumatran-1.jpg", "THE GYM IS OPEN SO IS THE FRIDGE"},
    {"stethoscope-1.jpg", "ALARM SET FOR SIX NEGOTIATIONS UNTIL NINE"},
    {"giraffe-1.jpg", "MY INBOX IS EMPTY I OPENED THE WRONG ONE"},
    {"camel-1.jpg", "LEARNED A NEW WORD USED IT WRONG BY NOON"},
    {"zebra-1.jpg", "IT WORKED ON FRIDAY MONDAY HAS QUESTIONS"},
};

TEST_F(OcrTest, CaptionsAreRead) {
  size_t wrong = 0, all = 0;
  for (const auto& c : kCaptions) {
    const std::string text = text_of(read(load_meme(c.picture)));
    EXPECT_LE(edits(text, c.caption), 4U) << c.picture << ": " << text;
    wrong += edits(text, c.caption);
    all += std::string_view(c.caption).size();
  }
  // 0.010 when this was written; many more: docs/decisions/0006-ocr.md.
  EXPECT_LE(static_cast<double>(wrong) / static_cast<double>(all), 0.025);
}

// Eight memes on a wall: their captions are too small for the first look.
TEST_F(OcrTest, SmallLettersAreRead) {
  constexpr int kSide = 180, kWall = 960;
  Picture wall = grey(kWall, kWall);
  std::string words;
  int at = 0;
  for (const auto& [picture, caption] : kCaptions) {
    const Picture meme = load(MIMEME_MEMES "/" + std::string(picture),
                              {.width = kSide, .height = kSide, .fit = Fit::kInside});
    const int left = at % 2 * kWall / 2, top = at / 2 * kWall / 4;
    ++at;
    for (int y = 0; y < meme.height; ++y)
      std::copy_n(&meme.rgb[size_t{3} * y * meme.width], size_t{3} * meme.width,
                  &wall.rgb[size_t{3} * ((top + y) * kWall + left)]);
    words += std::string(caption) + " ";
  }
  const std::string text = " " + text_of(read(wall)) + " ";
  std::istringstream each(words);
  int found = 0, all = 0;
  for (std::string word; each >> word; ++all) found += text.find(" " + word + " ") != text.npos;
  EXPECT_GE(found, all * 9 / 10) << found << " of " << all << ": " << text;
}

// Nothing in the first look tells that there is one.
TEST_F(OcrTest, ASmallLineAloneIsRead) {
  Picture strip = grey(256, 1600);
  const Picture meme =
      load(MIMEME_MEMES "/zebra-1.jpg", {.width = 130, .height = 130, .fit = Fit::kInside});
  for (int y = 0; y < meme.height / 4; ++y)  // its upper line
    std::copy_n(&meme.rgb[size_t{3} * y * meme.width], size_t{3} * meme.width,
                &strip.rgb[size_t{3} * ((900 + y) * strip.width + 60)]);
  EXPECT_LE(edits(text_of(read(strip)), "IT WORKED ON FRIDAY"), 4U);
}

TEST_F(OcrTest, LinesComeFromTopToBottomWithTheirPlaceAndConfidence) {
  const Picture meme = load_meme("zebra-1.jpg");
  const auto lines = read(meme);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(plain(lines[0].text), "IT WORKED ON FRIDAY");
  EXPECT_EQ(plain(lines[1].text), "MONDAY HAS QUESTIONS");
  EXPECT_LT(lines[0].corners[3].y, static_cast<float>(meme.height) / 4);
  EXPECT_GT(lines[1].corners[0].y, static_cast<float>(meme.height) * 3 / 4);
  for (const TextLine& line : lines) {
    EXPECT_GT(line.confidence, 0.9);
    EXPECT_LE(line.confidence, 1);
    EXPECT_NEAR((line.corners[0].x + line.corners[1].x) / 2, static_cast<float>(meme.width) / 2,
                10);
  }
}

TEST_F(OcrTest, LinesThatRunDownwardsOrUpwardsAreRead) {
  Picture meme = load_meme("zebra-1.jpg");
  for (const int turns : {1, 3}) {
    Picture lying = meme;
    for (int i = 0; i < turns; ++i) lying = turned(lying);
    auto lines = read(lying);
    ASSERT_EQ(lines.size(), 2U) << turns;
    if (turns == 1) std::swap(lines[0], lines[1]);  // what was on top is at the right
    EXPECT_EQ(text_of(lines), "IT WORKED ON FRIDAY MONDAY HAS QUESTIONS") << turns;
    // The corner where reading begins: turned clockwise, it is at the line's upper right.
    EXPECT_EQ(lines[0].corners[0].y < lines[0].corners[1].y, turns == 1);
  }
}

TEST_F(OcrTest, APictureWithoutWordsHasNoLines) { EXPECT_TRUE(read(grey(640, 480)).empty()); }

TEST_F(OcrTest, PicturesOfAnyShapeAreTaken) {
  for (const auto& [width, height] :
       {std::pair{1, 1}, {2, 1}, {1, 5000}, {5000, 1}, {3000, 20}, {31, 33}})
    EXPECT_TRUE(read(grey(width, height)).empty()) << width << "×" << height;
}

TEST_F(OcrTest, ThreadsGetEachTheSameAnswer) {
  const Picture meme = load_meme("tucan-1.jpg");
  const auto expected = read(meme);
  std::vector<std::vector<TextLine>> answers(4);
  {
    std::vector<std::jthread> threads;
    for (auto& answer : answers) threads.emplace_back([&] { answer = read(meme); });
  }
  for (const auto& answer : answers) {
    ASSERT_EQ(answer.size(), expected.size());
    for (size_t i = 0; i < answer.size(); ++i) {
      EXPECT_EQ(answer[i].text, expected[i].text);
      EXPECT_EQ(answer[i].confidence, expected[i].confidence);
    }
  }
}

TEST(OpenOcr, SaysWhatIsWrongWithAManifest) {
  const auto none = open_ocr("/nowhere/manifest.json", 1);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
  const auto other = open_ocr(MIMEME_BUILT_MODELS "/inception-v3/manifest.json", 1);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kUnsupported) << other.error().message;
}

}  // namespace
}  // namespace mimeme
