#include "model/image_encoder.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <numeric>
#include <thread>

namespace mimeme {
namespace {

namespace fs = std::filesystem;

// One of the graphs of models/make_tiny.mjs: 3 × 2 pixels in, the 18 numbers that were fed out.
Manifest tiny(const std::string& name) {
  Manifest m;
  m.name = name;
  m.task = "image-embedding";
  m.file = std::string(MIMEME_SOURCE_DIR) + "/tests/data/tiny/" + name + ".onnx";
  m.bytes = static_cast<int64_t>(fs::file_size(m.file));
  m.input = {.name = "input",
             .width = 3,
             .height = 2,
             .fit = "stretch",
             .scale = 1,
             .mean = {0, 0, 0},
             .std = {1, 1, 1}};
  m.embedding = "features";
  m.dim = 18;
  return m;
}

std::vector<uint8_t> counting(size_t n, uint8_t first = 0) {
  std::vector<uint8_t> values(n);
  std::iota(values.begin(), values.end(), first);
  return values;
}

TEST(ImageEncoder, FeedsPlanesOfRedGreenAndBlueRowByRow) {
  for (const char* name : {"flatten", "dynamic"}) {
    const auto encoder = open_image_encoder(tiny(name), {});
    ASSERT_TRUE(encoder) << encoder.error().message;
    const auto fed = (*encoder)->encode(counting(18));  // pixel i is (3i, 3i + 1, 3i + 2)
    ASSERT_TRUE(fed) << fed.error().message;
    EXPECT_EQ(*fed, (std::vector<float>{0, 3, 6, 9, 12, 15,      // R
                                        1, 4, 7, 10, 13, 16,     // G
                                        2, 5, 8, 11, 14, 17}));  // B
  }
}

TEST(ImageEncoder, FeedsBytesAsTheyAre) {
  Manifest manifest = tiny("bytes");
  manifest.input.is_bytes = true;
  const auto encoder = open_image_encoder(manifest, {});
  ASSERT_TRUE(encoder) << encoder.error().message;
  const std::vector<uint8_t> pixels = counting(36, 200);  // two pictures
  const auto fed = (*encoder)->encode(pixels);
  ASSERT_TRUE(fed) << fed.error().message;
  EXPECT_EQ(*fed, std::vector<float>(pixels.begin(), pixels.end()));
}

TEST(ImageEncoder, ScalesThenCentresThenDividesEachChannel) {
  Manifest manifest = tiny("flatten");
  manifest.input.scale = 0.5;
  manifest.input.mean = {1, 2, 4};
  manifest.input.std = {1, 2, 0.25};
  const auto encoder = open_image_encoder(manifest, {});
  ASSERT_TRUE(encoder) << encoder.error().message;
  std::vector<uint8_t> rgb(18, 0);
  rgb[3] = rgb[4] = rgb[5] = 255;  // the second pixel is white
  const auto fed = (*encoder)->encode(rgb);
  ASSERT_TRUE(fed) << fed.error().message;
  EXPECT_EQ(*fed, (std::vector<float>{-1, 126.5F, -1, -1, -1, -1,       // 127.5 − 1
                                      -1, 62.75F, -1, -1, -1, -1,       // (127.5 − 2) / 2
                                      -16, 494, -16, -16, -16, -16}));  // (127.5 − 4) / 0.25
}

TEST(ImageEncoder, ABatchGivesWhatItsPicturesGiveAlone) {
  const auto encoder = open_image_encoder(tiny("flatten"), {});
  ASSERT_TRUE(encoder) << encoder.error().message;
  const auto together = (*encoder)->encode(counting(54));
  ASSERT_TRUE(together) << together.error().message;
  std::vector<float> alone;
  for (uint8_t i = 0; i < 3; ++i) {
    const auto one = (*encoder)->encode(counting(18, static_cast<uint8_t>(18 * i)));
    ASSERT_TRUE(one) << one.error().message;
    alone.insert(alone.end(), one->begin(), one->end());
  }
  EXPECT_EQ(*together, alone);
}

TEST(ImageEncoder, ValuesThatAreNotFiniteAreAnError) {
  const auto code_of = [](double mean) {
    Manifest manifest = tiny("log");
    manifest.input.mean = {0, 0, mean};
    const auto encoder = open_image_encoder(manifest, {});
    EXPECT_TRUE(encoder) << encoder.error().message;
    const auto values = (*encoder)->encode(std::vector<uint8_t>(18, 7));
    return values ? "finite" : values.error().message;
  };
  EXPECT_EQ(code_of(0), "finite");
  EXPECT_EQ(code_of(7),
            "log gave values that half precision cannot hold");  // log 0: minus infinity
  EXPECT_EQ(code_of(8), "log gave values that half precision cannot hold");  // log −1: NaN
}

TEST(ImageEncoder, AGraphThatDoesNotFitItsManifestSaysHow) {
  struct Case {
    const char* graph;
    std::function<void(Manifest&)> change;
    const char* complaint;
  };
  const auto nothing = [](Manifest&) {};
  const Case kCases[] = {
      {"flatten", [](Manifest& m) { m.dim = 17; }, "`features` is N×18, its manifest needs N×17"},
      {"flatten", [](Manifest& m) { m.input.width = 4; },
       "`input` is N×3×2×3, its manifest needs N×3×2×4"},
      {"flatten", [](Manifest& m) { std::swap(m.input.width, m.input.height); },
       "`input` is N×3×2×3, its manifest needs N×3×3×2"},
      {"flatten", [](Manifest& m) { m.input.name = "pixels"; }, "the graph has no `pixels`"},
      {"flatten", [](Manifest& m) { m.embedding = "logits"; }, "the graph has no `logits`"},
      {"fixed_batch", nothing, "`input` is 1×3×2×3, its manifest needs N×3×2×3"},
      {"two_inputs", nothing, "the graph has other inputs besides `input`"},
      {"uint8", nothing, "`input` is not float32"},
      {"flatten", [](Manifest& m) { m.input.is_bytes = true; }, "`input` is not uint8"},
  };
  for (const Case& c : kCases) {
    Manifest manifest = tiny(c.graph);
    c.change(manifest);
    const auto encoder = open_image_encoder(manifest, {});
    ASSERT_FALSE(encoder) << c.complaint;
    EXPECT_EQ(encoder.error().code, ErrorCode::kUnsupported);
    EXPECT_EQ(encoder.error().message, manifest.file + ": " + c.complaint);
  }
}

TEST(ImageEncoder, AShapeThatOnlyRunningShowsIsAnErrorOfEncode) {
  Manifest manifest = tiny("dynamic");
  manifest.dim = 17;
  const auto encoder = open_image_encoder(manifest, {});
  ASSERT_TRUE(encoder) << encoder.error().message;
  const auto values = (*encoder)->encode(counting(18));
  ASSERT_FALSE(values);
  EXPECT_EQ(values.error().code, ErrorCode::kInternal);
  EXPECT_EQ(values.error().message.substr(0, 9), "dynamic: ");
}

TEST(ImageEncoder, AModelForAnotherTaskIsRefused) {
  Manifest manifest = tiny("flatten");
  manifest.task = "text-embedding";
  const auto encoder = open_image_encoder(manifest, {});
  ASSERT_FALSE(encoder);
  EXPECT_EQ(encoder.error().code, ErrorCode::kUnsupported);
}

TEST(ImageEncoder, AFileOfTheWrongSizeIsCorruptAndNoFileIsNotFound) {
  Manifest manifest = tiny("flatten");
  ++manifest.bytes;
  const auto shorter = open_image_encoder(manifest, {});
  ASSERT_FALSE(shorter);
  EXPECT_EQ(shorter.error().code, ErrorCode::kCorrupt);
  manifest.file += ".none";
  const auto none = open_image_encoder(manifest, {});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
}

TEST(ImageEncoder, GarbageForAGraphIsCorruptAndNamesTheFile) {
  const fs::path folder =
      fs::temp_directory_path() / ("image_encoder_test." + std::to_string(getpid()));
  fs::create_directories(folder);
  Manifest manifest = tiny("flatten");
  const fs::path good = manifest.file;
  manifest.file = folder / "garbage.onnx";
  std::string truncated(static_cast<size_t>(manifest.bytes) / 2, '\0');
  std::ifstream(good, std::ios::binary).read(truncated.data(), std::ssize(truncated));
  for (const std::string& bytes : {std::string("no graph at all"), truncated}) {
    std::ofstream(manifest.file, std::ios::binary) << bytes;
    manifest.bytes = std::ssize(bytes);
    const auto encoder = open_image_encoder(manifest, {});
    ASSERT_FALSE(encoder);
    EXPECT_EQ(encoder.error().code, ErrorCode::kCorrupt);
    EXPECT_NE(encoder.error().message.find(manifest.file), std::string::npos);
  }
  fs::remove_all(folder);
}

TEST(ImageEncoder, ManyThreadsGetWhatOneGets) {
  const auto encoder = open_image_encoder(tiny("flatten"), {});
  ASSERT_TRUE(encoder) << encoder.error().message;
  constexpr size_t kThreads = 4, kRounds = 50;
  std::array<size_t, kThreads> wrong{};
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (size_t t = 0; t < kThreads; ++t)
    threads.emplace_back([&encoder, &wrong, t] {
      for (size_t round = 0; round < kRounds; ++round) {
        const auto level = static_cast<uint8_t>(kRounds * t + round);  // no two calls are alike
        const auto fed = (*encoder)->encode(std::vector<uint8_t>(36, level));
        wrong[t] += !fed || *fed != std::vector<float>(36, level);
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, (std::array<size_t, kThreads>{}));
}

}  // namespace
}  // namespace mimeme
