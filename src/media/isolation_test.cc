#include "media/isolation.h"

#include <gtest/gtest.h>
#include <vips/vips.h>

#include <filesystem>
#include <thread>

namespace mimeme {
namespace {

using Bytes = std::vector<uint8_t>;
using std::chrono::milliseconds;

constexpr Target kTarget{.width = 64, .height = 64};

class IsolationTest : public testing::Test {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "with ThreadSanitizer in it a process takes long to start";
#endif
    ASSERT_TRUE(init_media());
  }

  static IsolationOptions options(milliseconds timeout = milliseconds(60'000)) {
    return {.program = HOSTILE_DECODER, .timeout = timeout};
  }
  static Result<Decoded> tell(DecodePool& pool, const std::string& order) {
    return pool.decode({reinterpret_cast<const uint8_t*>(order.data()), order.size()}, kTarget, {});
  }
  static std::string answer(DecodePool& pool, const std::string& order) {
    const auto told = tell(pool, order);
    return told ? "a picture" : told.error().message;
  }
  // A picture of many colours, 300 × 200.
  static Bytes picture(const char* suffix) {
    VipsImage* image = nullptr;
    EXPECT_EQ(vips_xyz(&image, 300, 200, nullptr), 0);
    VipsImage* bands = nullptr;
    EXPECT_EQ(vips_bandjoin_const1(image, &bands, 77, nullptr), 0);
    g_object_unref(image);
    VipsImage* colours = nullptr;
    EXPECT_EQ(vips_cast_uchar(bands, &colours, nullptr), 0);
    g_object_unref(bands);
    VipsImage* rgb = nullptr;
    EXPECT_EQ(vips_copy(colours, &rgb, "interpretation", VIPS_INTERPRETATION_sRGB, nullptr), 0);
    g_object_unref(colours);
    void* data = nullptr;
    size_t size = 0;
    EXPECT_EQ(vips_image_write_to_buffer(rgb, suffix, &data, &size, nullptr), 0)
        << suffix << vips_error_buffer();
    g_object_unref(rgb);
    const auto* const first = static_cast<const uint8_t*>(data);
    Bytes bytes(first, first + size);
    g_free(data);
    return bytes;
  }
};

TEST_F(IsolationTest, DecodesEveryFormatAsThisProcessDoes) {
  DecodePool pool(options());
  const Target targets[] = {kTarget,
                            {.width = 64, .height = 64, .fit = Fit::kCrop, .resize = 80},
                            {.width = 100, .height = 100, .fit = Fit::kInside},
                            {.width = 64,
                             .height = 64,
                             .region = Region{.left = 0.5, .top = 0, .width = 0.5, .height = 1}}};
  for (const char* suffix : {".jpg", ".png", ".png[bitdepth=4,palette]", ".webp", ".webp[lossless]",
                             ".gif", ".tif", ".tif[compression=lzw]", ".avif", ".heic"}) {
    const Bytes bytes = picture(suffix);
    for (const Target& target : targets) {
      const auto here = decode_here(bytes, target, {}), there = pool.decode(bytes, target, {});
      ASSERT_TRUE(here) << suffix << here.error().message;
      ASSERT_TRUE(there) << suffix << there.error().message;
      EXPECT_EQ(there->info.format, here->info.format);
      EXPECT_EQ(there->info.width, here->info.width);
      EXPECT_EQ(there->info.height, here->info.height);
      EXPECT_EQ(there->info.frames, here->info.frames);
      EXPECT_EQ(there->info.preview, here->info.preview);
      EXPECT_EQ(there->width, here->width);
      EXPECT_EQ(there->height, here->height);
      EXPECT_TRUE(there->rgb == here->rgb) << suffix;
    }
  }
}

TEST_F(IsolationTest, ErrorsAreThoseOfThisProcess) {
  DecodePool pool(options());
  const Bytes whole = picture(".jpg"), half(whole.begin(), whole.begin() + 2000);
  for (const Bytes& bytes : {Bytes{}, Bytes{'h', 'i'}, half}) {
    const auto here = decode_here(bytes, kTarget, {}), there = pool.decode(bytes, kTarget, {});
    ASSERT_FALSE(there);
    EXPECT_EQ(there.error().code, here.error().code);
    EXPECT_EQ(there.error().message, here.error().message);
  }
  EXPECT_EQ(pool.decode(whole, kTarget, {.max_pixels = 100}).error().code, ErrorCode::kTooLarge);
}

TEST_F(IsolationTest, AWorkerMayOnlyCompute) {
  DecodePool pool(options());
  for (const char* order :
       {"read a file", "write a file", "delete a file", "connect", "run a program", "fork",
        "kill the parent", "trace the parent", "share memory"})
    EXPECT_EQ(answer(pool, order), "Operation not permitted") << order;
  EXPECT_FALSE(std::filesystem::exists("/tmp/mimeme-was-here"));
}

TEST_F(IsolationTest, AWorkerHasNoDescriptorOfItsParents) {
  const int before = dup2(1, 77);  // not marked to be closed
  ASSERT_EQ(before, 77);
  DecodePool pool(options());
  EXPECT_EQ(answer(pool, "descriptors").find("77"), std::string::npos)
      << answer(pool, "descriptors");
  close(77);
}

TEST_F(IsolationTest, ACrashCostsOnePicture) {
  DecodePool pool(options());
  const Bytes good = picture(".png");
  ASSERT_TRUE(pool.decode(good, kTarget, {}));
  EXPECT_EQ(answer(pool, "crash"), "the decoder crashed on it (Segmentation fault)");
  EXPECT_EQ(tell(pool, "crash").error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(answer(pool, "abort"), "the decoder crashed on it (Aborted)");
  EXPECT_EQ(answer(pool, "exit"), "the decoder crashed on it (exit status 0)");
  EXPECT_TRUE(pool.decode(good, kTarget, {}));
}

TEST_F(IsolationTest, AHangCostsOnePictureAndItsTime) {
  DecodePool pool(options(milliseconds(1'000)));
  EXPECT_EQ(answer(pool, "hang"), "decoding it took longer than 1 s");
  EXPECT_EQ(answer(pool, "sleep"), "decoding it took longer than 1 s");
}

TEST_F(IsolationTest, AWorkerThatHangsUpAndLivesOnIsEnded) {
  DecodePool pool(options());
  EXPECT_EQ(tell(pool, "hang up").error().code, ErrorCode::kIo);
}

TEST_F(IsolationTest, WhatCrashesIsTriedOnAFreshWorkerOnceAndNoMore) {
  DecodePool pool(options());
  const Bytes good = picture(".png");
  std::vector<std::jthread> threads;  // so that several are idle
  for (int t = 0; t < 6; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 5; ++i) EXPECT_TRUE(pool.decode(good, kTarget, {}));
    });
  threads.clear();
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(answer(pool, "crash later"), "the decoder crashed on it (Segmentation fault)");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(4)) << "two of a second";
}

TEST_F(IsolationTest, AProgramThatIsNoWorkerIsNotThePicturesFault) {
  DecodePool pool({.program = "/bin/true"});
  EXPECT_EQ(tell(pool, "anything").error().code, ErrorCode::kIo);
}

TEST_F(IsolationTest, AMemoryBombCostsOnePicture) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's own memory leaves no room for the limit";
#endif
  DecodePool pool(options());
  EXPECT_EQ(answer(pool, "memory"), "the decoder crashed on it (Aborted)");
  EXPECT_TRUE(pool.decode(picture(".png"), kTarget, {}));
}

TEST_F(IsolationTest, NonsenseIsNotBelieved) {
  DecodePool pool(options());
  for (const char* order : {"many pixels", "no pixels", "GIF89a path", "GIF89a header",
                            "GIF89a other", "GIF89a preview", "another error"}) {
    EXPECT_EQ(answer(pool, order), "decoding it gave nonsense") << order;
    EXPECT_EQ(tell(pool, order).error().code, ErrorCode::kCorrupt);
  }
  EXPECT_EQ(answer(pool, "GIF89a fine"), "a picture");
  EXPECT_EQ(answer(pool, "long words").size(), 4096U);
  EXPECT_EQ(answer(pool, "control characters").find('\x1b'), std::string::npos);
  EXPECT_TRUE(pool.decode(picture(".png"), kTarget, {}));
}

TEST_F(IsolationTest, ManyThreadsHaveAWorkerEach) {
  DecodePool pool(options());
  const Bytes good = picture(".jpg");
  std::vector<std::jthread> threads;
  std::atomic<int> right = 0;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        if (t == 0 && i % 5 == 0) (void)tell(pool, "crash");
        right += pool.decode(good, kTarget, {}).ok() ? 1 : 0;
      }
    });
  threads.clear();
  EXPECT_EQ(right, 80);
}

TEST_F(IsolationTest, WithoutAProgramThereIsAnError) {
  DecodePool pool({.program = "/nonexistent"});
  const auto told = tell(pool, "anything");
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, ErrorCode::kIo);
}

}  // namespace
}  // namespace mimeme
