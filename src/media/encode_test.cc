#include "media/encode.h"

#include <gtest/gtest.h>

#include <array>
#include <thread>

#include "media/decode.h"

namespace mimeme {
namespace {

using Bytes = std::vector<uint8_t>;

// The upper half in one colour, the lower in another.
Bytes halves(int width, int height, const Bytes& upper, const Bytes& lower) {
  Bytes rgb;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const Bytes& c = y < height / 2 ? upper : lower;
      rgb.insert(rgb.end(), c.begin(), c.end());
    }
  return rgb;
}

const Bytes kOrange{240, 140, 20}, kNavy{10, 20, 90};

class EncodeTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(init_media().ok()); }
};

TEST_F(EncodeTest, WhatIsWrittenIsReadBackInItsColours) {
  const Bytes rgb = halves(48, 32, kOrange, kNavy);
  const auto jpeg = encode_jpeg(rgb, 48, 32, 90);
  ASSERT_TRUE(jpeg.ok()) << jpeg.error().message;
  EXPECT_EQ(sniff(*jpeg), "jpeg");
  const auto again = decode(*jpeg, {.width = 48, .height = 32}, {});
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(again->info.width, 48);
  EXPECT_EQ(again->info.height, 32);
  ASSERT_EQ(again->rgb.size(), rgb.size());
  for (size_t i = 0; i < rgb.size(); ++i) ASSERT_NEAR(again->rgb[i], rgb[i], 6) << "at " << i;
}

TEST_F(EncodeTest, WebPIsWrittenToo) {
  const auto webp = encode_webp(halves(48, 32, kOrange, kNavy), 48, 32, 80);
  ASSERT_TRUE(webp.ok()) << webp.error().message;
  EXPECT_EQ(sniff(*webp), "webp");
  const auto again = decode(*webp, {.width = 48, .height = 32}, {});
  ASSERT_TRUE(again.ok()) << again.error().message;
  for (int band = 0; band < 3; ++band) EXPECT_NEAR(again->rgb[band], kOrange[band], 12);
  EXPECT_FALSE(encode_webp(Bytes(size_t{3} * 16'384), 16'384, 1, 80)) << "beyond what WebP takes";
}

TEST_F(EncodeTest, APartOfAPictureIsDecodedAsIfItWereThePicture) {
  const auto jpeg = encode_jpeg(halves(64, 64, kOrange, kNavy), 64, 64, 95);
  ASSERT_TRUE(jpeg);
  for (const auto& [top, colour] : {std::pair{0.0, kOrange}, {0.5, kNavy}}) {
    const auto part =
        decode(*jpeg,
               {.width = 8,
                .height = 8,
                .region = Region{.left = 0.25, .top = top, .width = 0.5, .height = 0.5}},
               {});
    ASSERT_TRUE(part.ok()) << part.error().message;
    EXPECT_EQ(part->info.height, 64) << "the original's";
    ASSERT_EQ(part->rgb.size(), 8U * 8 * 3);
    for (size_t i = 0; i < part->rgb.size(); ++i) ASSERT_NEAR(part->rgb[i], colour[i % 3], 12);
  }
}

TEST_F(EncodeTest, LessQualityTakesFewerBytes) {
  Bytes rgb(size_t{3} * 64 * 64);
  for (size_t i = 0; i < rgb.size(); ++i) rgb[i] = static_cast<uint8_t>(i * i % 251);
  EXPECT_LT(encode_jpeg(rgb, 64, 64, 40)->size(), encode_jpeg(rgb, 64, 64, 95)->size());
}

TEST_F(EncodeTest, ASizeOrQualityThatCannotBeIsRefused) {
  const Bytes rgb = halves(4, 2, kOrange, kNavy);
  for (const auto& [width, height, quality] :
       {std::array{4, 3, 90}, {0, 2, 90}, {-4, -2, 90}, {4, 2, 0}, {4, 2, 101}, {65'536, 1, 90}})
    EXPECT_EQ(encode_jpeg(rgb, width, height, quality).error().code, ErrorCode::kInvalidArgument)
        << width << "×" << height << " " << quality;
}

TEST_F(EncodeTest, ManyThreadsWriteTheSameBytesAtOnce) {
  const Bytes rgb = halves(64, 64, kNavy, kOrange);
  const Bytes expected = *encode_jpeg(rgb, 64, 64, 85);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) EXPECT_EQ(*encode_jpeg(rgb, 64, 64, 85), expected);
    });
}

}  // namespace
}  // namespace mimeme
