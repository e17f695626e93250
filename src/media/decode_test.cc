#include "media/decode.h"

#include <gtest/gtest.h>
#include <vips/vips.h>

#include <array>
#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <thread>

// x265 forgets some memory of each HEIC that the tests write.
extern "C" const char* __lsan_default_suppressions();  // NOLINT(bugprone-reserved-identifier)
extern "C" const char* __lsan_default_suppressions() { return "leak:libx265.so"; }

namespace mimeme {
namespace {

using Bytes = std::vector<uint8_t>;
using Colour = std::vector<double>;

constexpr uint8_t kGrey = 128;
const Colour kRed{255, 0, 0}, kGreen{0, 255, 0}, kBlue{0, 0, 255}, kWhite{255, 255, 255};

struct Unref {
  void operator()(VipsImage* image) const { g_object_unref(image); }
};
using Image = std::unique_ptr<VipsImage, Unref>;

template <typename Operation, typename... Arguments>
Image transform(const Image& image, Operation operation, Arguments... arguments) {
  VipsImage* out = nullptr;
  EXPECT_EQ(operation(image.get(), &out, arguments..., nullptr), 0) << vips_error_buffer();
  return Image(out);
}

// A picture of vertical bars, as many bands as a colour has values.
Image bars(int width, int height, const std::vector<Colour>& colours,
           VipsInterpretation space = VIPS_INTERPRETATION_sRGB) {
  const bool is_16_bit = space == VIPS_INTERPRETATION_RGB16 || space == VIPS_INTERPRETATION_GREY16;
  std::vector<double> values;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const Colour& c =
          colours[static_cast<size_t>(x) * colours.size() / static_cast<size_t>(width)];
      values.insert(values.end(), c.begin(), c.end());
    }
  const Image raw(
      vips_image_new_from_memory_copy(values.data(), values.size() * sizeof(double), width, height,
                                      static_cast<int>(colours[0].size()), VIPS_FORMAT_DOUBLE));
  const Image cast = transform(raw, vips_cast, is_16_bit ? VIPS_FORMAT_USHORT : VIPS_FORMAT_UCHAR);
  return transform(cast, vips_copy, "interpretation", space);
}

Image noise(int width, int height) {
  std::mt19937 random(1);
  Bytes rgb(size_t{3} * static_cast<size_t>(width) * static_cast<size_t>(height));
  for (uint8_t& v : rgb) v = static_cast<uint8_t>(random());
  const Image raw(
      vips_image_new_from_memory_copy(rgb.data(), rgb.size(), width, height, 3, VIPS_FORMAT_UCHAR));
  return transform(raw, vips_copy, "interpretation", VIPS_INTERPRETATION_sRGB);
}

Bytes save(const Image& image, const std::string& suffix) {
  void* data = nullptr;
  size_t size = 0;
  EXPECT_EQ(vips_image_write_to_buffer(image.get(), suffix.c_str(), &data, &size, nullptr), 0)
      << suffix << ": " << vips_error_buffer();
  const auto* first = static_cast<const uint8_t*>(data);
  Bytes bytes(first, first + size);
  g_free(data);
  return bytes;
}

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

std::string colour_at(const Decoded& decoded, int width, int x, int y, const Colour& expected,
                      double tolerance) {
  const uint8_t* p = &decoded.rgb[static_cast<size_t>((y * width + x) * 3)];
  for (size_t c = 0; c < 3; ++c)
    if (std::abs(p[c] - expected[c]) > tolerance)
      return "at " + std::to_string(x) + "," + std::to_string(y) + ": " + std::to_string(p[0]) +
             " " + std::to_string(p[1]) + " " + std::to_string(p[2]);
  return "";
}

class Decode : public testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(init_media()); }
};

TEST_F(Decode, TellsAFormatByItsFirstBytes) {
  const Image image = bars(16, 16, {kRed, kBlue});
  const struct {
    const char* suffix;
    const char* format;
  } cases[] = {{".jpg", "jpeg"},  {".png", "png"},   {".webp", "webp"}, {".gif", "gif"},
               {".avif", "avif"}, {".heic", "heic"}, {".tif", "tiff"}};
  for (const auto& c : cases) {
    const Bytes bytes = save(image, c.suffix);
    EXPECT_EQ(sniff(std::span(bytes).first(32)), c.format);
    EXPECT_EQ(sniff(std::span(bytes).first(2)), std::nullopt) << c.suffix;
  }
  for (const char* text : {"", "GIF8", "RIFF1234WAVE", "1234ftypmp42", "<svg>", "hello"})
    EXPECT_EQ(sniff(bytes_of(text)), std::nullopt) << text;
}

TEST_F(Decode, ReadsEveryFormatWithItsColours) {
  const Image image = bars(128, 96, {kRed, kBlue});
  const struct {
    const char* suffix;
    const char* format;
    double tolerance;
  } cases[] = {{".jpg[Q=95]", "jpeg", 5},
               {".jpg[Q=95,interlace]", "jpeg", 5},
               {".png", "png", 0},
               {".png[interlace]", "png", 0},
               {".png[palette]", "png", 0},
               {".webp[Q=95]", "webp", 12},
               {".webp[lossless]", "webp", 0},
               {".gif", "gif", 0},
               {".tif", "tiff", 0},
               {".tif[compression=lzw,tile]", "tiff", 0},
               {".tif[compression=jpeg,Q=95]", "tiff", 5},
               {".avif[Q=85]", "avif", 12},
               {".avif[Q=85,bitdepth=12]", "avif", 12},
               {".heic[Q=85]", "heic", 12}};
  for (const auto& c : cases) {
    const auto decoded = decode(save(image, c.suffix), {.width = 16, .height = 12}, {});
    ASSERT_TRUE(decoded) << c.suffix << ": " << decoded.error().message;
    EXPECT_EQ(decoded->info.format, c.format);
    EXPECT_EQ(decoded->info.width, 128) << c.suffix;
    EXPECT_EQ(decoded->info.height, 96) << c.suffix;
    EXPECT_EQ(decoded->info.frames, 1) << c.suffix;
    EXPECT_EQ(colour_at(*decoded, 16, 3, 6, kRed, c.tolerance), "") << c.suffix;
    EXPECT_EQ(colour_at(*decoded, 16, 12, 6, kBlue, c.tolerance), "") << c.suffix;
  }
}

// Two columns of red, two of blue: 0x7C00 and 0x001F.
TEST_F(Decode, MakesAPreviewOfEveryShape) {
  const Bytes bytes = save(bars(128, 96, {kRed, kBlue}), ".png");
  EXPECT_EQ(decode(bytes, {.width = 128, .height = 96}, {})->info.preview,
            "AHwAfB8AHwAAfAB8HwAfAAB8AHwfAB8AAHwAfB8AHwA=");
  for (const int side : {1, 3, 299})
    EXPECT_EQ(decode(bytes, {.width = side, .height = 1}, {})->info.preview.size(), 44U) << side;
}

TEST_F(Decode, BringsEveryKindOfPixelToSrgb) {
  const Colour grey{90, 90, 90}, ochre{200, 150, 40}, half_red{192, 64, 64},
      ground{kGrey, kGrey, kGrey};
  const struct {
    const char* what;
    Image image;
    const char* suffix;
    Colour left, right;
    double tolerance;
  } cases[] = {
      {"grey JPEG", bars(32, 8, {{90}, {255}}, VIPS_INTERPRETATION_B_W), ".jpg[Q=95]", grey, kWhite,
       3},
      {"grey PNG", bars(32, 8, {{90}, {255}}, VIPS_INTERPRETATION_B_W), ".png", grey, kWhite, 0},
      {"1-bit PNG",
       bars(32, 8, {{0}, {255}}, VIPS_INTERPRETATION_B_W),
       ".png[bitdepth=1]",
       {0, 0, 0},
       kWhite,
       0},
      {"1-bit TIFF",
       bars(32, 8, {{0}, {255}}, VIPS_INTERPRETATION_B_W),
       ".tif[bitdepth=1]",
       {0, 0, 0},
       kWhite,
       0},
      {"16-bit PNG",
       bars(32, 8, {{51400, 38550, 10280}, {65535, 65535, 65535}}, VIPS_INTERPRETATION_RGB16),
       ".png", ochre, kWhite, 1},
      {"16-bit TIFF",
       bars(32, 8, {{51400, 38550, 10280}, {65535, 65535, 65535}}, VIPS_INTERPRETATION_RGB16),
       ".tif", ochre, kWhite, 1},
      {"16-bit grey PNG", bars(32, 8, {{23130}, {65535}}, VIPS_INTERPRETATION_GREY16), ".png", grey,
       kWhite, 1},
      {"alpha", bars(32, 8, {{255, 0, 0, 128}, {255, 0, 0, 0}}), ".png", half_red, ground, 1},
      {"alpha of a palette", bars(32, 8, {{255, 0, 0, 255}, {0, 0, 0, 0}}), ".png[palette]", kRed,
       ground, 2},
      {"alpha of 16 bits",
       bars(32, 8, {{65535, 0, 0, 32896}, {65535, 0, 0, 0}}, VIPS_INTERPRETATION_RGB16), ".png",
       half_red, ground, 1},
      {"alpha of grey", bars(32, 8, {{90, 255}, {0, 0}}, VIPS_INTERPRETATION_B_W), ".png", grey,
       ground, 1},
      {"alpha of a GIF", bars(32, 8, {{255, 0, 0, 255}, {0, 0, 0, 0}}), ".gif", kRed, ground, 2},
      {"alpha of a WebP", bars(32, 8, {{255, 0, 0, 128}, {255, 0, 0, 0}}), ".webp[lossless]",
       half_red, ground, 2},
      {"floats",
       transform(bars(32, 8, {{200, 150, 40}, kWhite}), vips_colourspace,
                 VIPS_INTERPRETATION_scRGB),
       ".tif", ochre, kWhite, 2},
      {"floats of grey",
       transform(bars(32, 8, {{90}, {255}}, VIPS_INTERPRETATION_B_W), vips_cast, VIPS_FORMAT_FLOAT),
       ".tif", grey, kWhite, 2},
      {"Lab", transform(bars(32, 8, {ochre, kWhite}), vips_colourspace, VIPS_INTERPRETATION_LAB),
       ".tif", ochre, kWhite, 2},
  };
  for (const auto& c : cases) {
    const auto decoded = decode(save(c.image, c.suffix), {.width = 32, .height = 8}, {});
    ASSERT_TRUE(decoded) << c.what << ": " << decoded.error().message;
    EXPECT_EQ(colour_at(*decoded, 32, 5, 4, c.left, c.tolerance), "") << c.what;
    EXPECT_EQ(colour_at(*decoded, 32, 26, 4, c.right, c.tolerance), "") << c.what;
  }
}

TEST_F(Decode, TransparentPixelsDoNotBleedTheirColour) {
  const Image image = bars(64, 64, {{0, 255, 0, 0}, {255, 0, 0, 255}});
  const auto decoded = decode(save(image, ".png"), {.width = 3, .height = 1}, {});
  ASSERT_TRUE(decoded);
  // The middle is half opaque red, half ground; the green that nobody sees has no part in it.
  EXPECT_EQ(colour_at(*decoded, 3, 1, 0, {192, 64, 64}, 3), "");
}

TEST_F(Decode, AppliesColourProfiles) {
  const Colour ochre{200, 150, 40};
  const Image srgb = bars(32, 8, {ochre, kWhite});
  for (const char* profile : {"p3", "cmyk", "srgb"}) {
    const Image image =
        transform(srgb, vips_icc_transform, profile, "input_profile", "srgb", "embedded", FALSE);
    const auto decoded = decode(save(image, ".jpg[Q=98]"), {.width = 32, .height = 8}, {});
    ASSERT_TRUE(decoded) << profile << ": " << decoded.error().message;
    const double tolerance = std::string(profile) == "cmyk" ? 12 : 5;  // a smaller gamut
    EXPECT_EQ(colour_at(*decoded, 32, 5, 4, ochre, tolerance), "") << profile;
    EXPECT_EQ(colour_at(*decoded, 32, 26, 4, kWhite, tolerance), "") << profile;
  }
}

TEST_F(Decode, ReadsCmykWithoutAProfile) {
  // Paper, and magenta with yellow: the red of print.
  const Image image = bars(32, 8, {{0, 0, 0, 0}, {0, 255, 255, 0}}, VIPS_INTERPRETATION_CMYK);
  const auto decoded = decode(save(image, ".jpg[Q=98,strip]"), {.width = 32, .height = 8}, {});
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(colour_at(*decoded, 32, 5, 4, kWhite, 3), "");
  EXPECT_EQ(colour_at(*decoded, 32, 26, 4, {225, 30, 35}, 30), "");
}

TEST_F(Decode, PassesOverAProfileThatMakesNoSense) {
  const Image image = transform(bars(32, 8, {kRed, kBlue}), vips_copy);
  static constexpr char kNonsense[] = "this is no profile";
  vips_image_set_blob_copy(image.get(), VIPS_META_ICC_NAME, kNonsense, sizeof kNonsense);
  testing::internal::CaptureStderr();
  const auto decoded = decode(save(image, ".webp[lossless]"), {.width = 32, .height = 8}, {});
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(colour_at(*decoded, 32, 5, 4, kRed, 1), "");
}

TEST_F(Decode, TurnsThePictureAsExifSays) {
  // Quadrants of what the camera stored: red, green / blue, white.
  const Image top = bars(64, 16, {kRed, kGreen}), bottom = bars(64, 16, {kBlue, kWhite});
  VipsImage* joined = nullptr;
  ASSERT_EQ(vips_join(top.get(), bottom.get(), &joined, VIPS_DIRECTION_VERTICAL, nullptr), 0);
  const Image stored(joined);
  const struct {
    int orientation;  // EXIF 2.3, tag 0x0112
    std::array<Colour, 4> shown;
  } cases[] = {{1, {kRed, kGreen, kBlue, kWhite}}, {2, {kGreen, kRed, kWhite, kBlue}},
               {3, {kWhite, kBlue, kGreen, kRed}}, {4, {kBlue, kWhite, kRed, kGreen}},
               {5, {kRed, kBlue, kGreen, kWhite}}, {6, {kBlue, kRed, kWhite, kGreen}},
               {7, {kWhite, kGreen, kBlue, kRed}}, {8, {kGreen, kWhite, kRed, kBlue}}};
  for (const auto& c : cases) {
    const Image image = transform(stored, vips_copy);
    vips_image_set_int(image.get(), VIPS_META_ORIENTATION, c.orientation);
    const auto decoded = decode(save(image, ".jpg[Q=95]"), {.width = 24, .height = 10}, {});
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(decoded->info.width, c.orientation < 5 ? 64 : 32) << c.orientation;
    EXPECT_EQ(decoded->info.height, c.orientation < 5 ? 32 : 64) << c.orientation;
    EXPECT_EQ(colour_at(*decoded, 24, 4, 1, c.shown[0], 8), "") << c.orientation;
    EXPECT_EQ(colour_at(*decoded, 24, 19, 1, c.shown[1], 8), "") << c.orientation;
    EXPECT_EQ(colour_at(*decoded, 24, 4, 8, c.shown[2], 8), "") << c.orientation;
    EXPECT_EQ(colour_at(*decoded, 24, 19, 8, c.shown[3], 8), "") << c.orientation;
  }
}

TEST_F(Decode, CropsTheMiddleAsTorchvisionDoes) {
  // Each column's grey is its number, so that a pixel tells where it came from.
  std::vector<Colour> columns;
  for (int x = 0; x < 200; ++x) columns.push_back({1.0 * x, 1.0 * x, 1.0 * x});
  const Bytes wide = save(bars(200, 100, columns), ".png");
  const Target target{.width = 20, .height = 20, .fit = Fit::kCrop, .resize = 25};
  const auto decoded = decode(wide, target, {});
  ASSERT_TRUE(decoded);
  ASSERT_EQ(decoded->rgb.size(), 20U * 20 * 3);
  // Resize(25) makes it 50 × 25: 4 columns become one; CenterCrop(20) begins at column 15.
  for (int x = 0; x < 20; ++x) {
    const double from = (15 + x) * 4 + 1.5;
    EXPECT_EQ(colour_at(*decoded, 20, x, 10, {from, from, from}, 1), "");
  }
}

TEST_F(Decode, RoundsTheMarginOfACropToEvenAsPythonDoes) {
  std::vector<Colour> columns;
  for (int x = 0; x < 21; ++x) columns.push_back({10.0 * x, 0, 0});
  const Bytes wide = save(bars(21, 8, columns), ".png");
  const struct {
    int width, first;  // round((21 - width) / 2.0) in Python
  } cases[] = {{8, 6}, {6, 8}, {4, 8}, {5, 8}};
  for (const auto& c : cases) {
    const auto decoded =
        decode(wide, {.width = c.width, .height = 8, .fit = Fit::kCrop, .resize = 8}, {});
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->rgb[0], 10 * c.first) << c.width;
  }
}

TEST_F(Decode, GivesExactlyTheSizeAskedForWhateverTheShape) {
  const Target targets[] = {{.width = 299, .height = 299},
                            {.width = 7, .height = 300},
                            {.width = 224, .height = 224, .fit = Fit::kCrop, .resize = 256},
                            {.width = 33, .height = 21, .fit = Fit::kCrop, .resize = 33}};
  const std::pair<int, int> shapes[] = {{1, 1},     {1, 1000},  {1000, 1},  {2, 3},
                                        {299, 299}, {298, 300}, {597, 599}, {601, 1203},
                                        {1000, 17}, {45, 1001}};
  for (const auto& [width, height] : shapes)
    for (const char* suffix : {".png", ".jpg", ".webp"}) {
      const Bytes bytes = save(bars(width, height, {{10, 200, 90}}), suffix);
      for (const Target& target : targets) {
        const auto decoded = decode(bytes, target, {});
        ASSERT_TRUE(decoded) << width << "×" << height << suffix << decoded.error().message;
        ASSERT_EQ(decoded->rgb.size(), static_cast<size_t>(target.width * target.height * 3));
        EXPECT_EQ(colour_at(*decoded, target.width, target.width - 1, target.height - 1,
                            {10, 200, 90}, 4),
                  "")
            << width << "×" << height << suffix;
      }
    }
}

TEST_F(Decode, BringsAPictureInsideALimitAndKeepsItsShape) {
  const struct {
    int width, height, expected_width, expected_height;
  } cases[] = {{200, 100, 80, 40}, {100, 200, 30, 60}, {80, 60, 80, 60}, {7, 3, 7, 3},
               {1, 1, 1, 1},       {1000, 1, 80, 1},   {1, 900, 1, 60}};
  for (const auto& c : cases) {
    const auto decoded = decode(save(bars(c.width, c.height, {{10, 200, 90}}), ".png"),
                                {.width = 80, .height = 60, .fit = Fit::kInside}, {});
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(decoded->width, c.expected_width) << c.width << "×" << c.height;
    EXPECT_EQ(decoded->height, c.expected_height) << c.width << "×" << c.height;
    ASSERT_EQ(std::ssize(decoded->rgb), 3 * decoded->width * decoded->height);
    EXPECT_EQ(colour_at(*decoded, decoded->width, decoded->width - 1, decoded->height - 1,
                        {10, 200, 90}, 1),
              "");
  }
}

TEST_F(Decode, TheLimitIsForThePictureAsExifTurnsIt) {
  const Image lying = bars(200, 100, {kRed});
  vips_image_set_int(lying.get(), VIPS_META_ORIENTATION, 6);
  const auto decoded =
      decode(save(lying, ".jpg"), {.width = 50, .height = 50, .fit = Fit::kInside}, {});
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(decoded->width, 25);
  EXPECT_EQ(decoded->height, 50);
}

TEST_F(Decode, SquashesANeedleInsteadOfMakingItMillionsOfPixelsLong) {
  const auto decoded = decode(save(bars(1, 60'000, {kRed}), ".png"),
                              {.width = 224, .height = 224, .fit = Fit::kCrop, .resize = 256}, {});
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(colour_at(*decoded, 224, 100, 100, kRed, 1), "");
}

// A GIF of `frames` frames of one pixel on a canvas of width × height.
Bytes tiny_gif(int frames, uint16_t width = 1, uint16_t height = 1) {
  Bytes gif = bytes_of("GIF89a");
  for (const int side : {width, height}) {
    gif.push_back(static_cast<uint8_t>(side));
    gif.push_back(static_cast<uint8_t>(side >> 8));
  }
  const Bytes two_colours{0x80, 0, 0, 255, 0, 0, 0, 0, 255};
  gif.insert(gif.end(), two_colours.begin(), two_colours.end());
  const Bytes frame{'!', 0xF9, 4, 0, 5, 0, 0, 0, ',', 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0};
  for (int i = 0; i < frames; ++i) gif.insert(gif.end(), frame.begin(), frame.end());
  gif.push_back(';');
  return gif;
}

TEST_F(Decode, TakesTheFirstFrameOfAnAnimation) {
  const Image red = bars(32, 32, {kRed}), blue = bars(32, 32, {kBlue});
  VipsImage* joined = nullptr;
  ASSERT_EQ(vips_join(red.get(), blue.get(), &joined, VIPS_DIRECTION_VERTICAL, nullptr), 0);
  const Image both(joined);
  vips_image_set_int(both.get(), VIPS_META_PAGE_HEIGHT, 32);
  for (const char* suffix : {".gif", ".webp[lossless]", ".tif"}) {
    const Bytes bytes = save(both, suffix);
    const auto decoded = decode(bytes, {.width = 8, .height = 8}, {});
    ASSERT_TRUE(decoded) << suffix << decoded.error().message;
    EXPECT_EQ(decoded->info.frames, 2) << suffix;
    EXPECT_EQ(decoded->info.height, 32) << suffix;
    EXPECT_EQ(colour_at(*decoded, 8, 4, 7, kRed, 2), "") << suffix;
    const auto limited = decode(bytes, {.width = 8, .height = 8}, {.max_frames = 1});
    ASSERT_FALSE(limited) << suffix;
    EXPECT_EQ(limited.error().code, ErrorCode::kTooLarge);
  }
}

void put32(Bytes& to, uint32_t v) {
  for (int shift = 24; shift >= 0; shift -= 8) to.push_back(static_cast<uint8_t>(v >> shift));
}

void put_png_chunk(Bytes& png, std::string_view kind, const Bytes& data) {
  put32(png, static_cast<uint32_t>(data.size()));
  const size_t start = png.size();
  png.insert(png.end(), kind.begin(), kind.end());
  png.insert(png.end(), data.begin(), data.end());
  uint32_t crc = ~0U;  // of ISO 3309
  for (size_t i = start; i < png.size(); ++i) {
    crc ^= png[i];
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320U : 0);
  }
  put32(png, ~crc);
}

// A PNG that claims a size and holds next to nothing.
Bytes png_that_claims(uint32_t width, uint32_t height) {
  Bytes header;
  put32(header, width);
  put32(header, height);
  for (const uint8_t v : {8, 2, 0, 0, 0}) header.push_back(v);
  Bytes png = bytes_of("\x89PNG\r\n\x1A\n");
  put_png_chunk(png, "IHDR", header);
  put_png_chunk(png, "IDAT", {0x78, 0x9C, 3, 0, 0, 0, 0, 1});
  put_png_chunk(png, "IEND", {});
  return png;
}

TEST_F(Decode, RefusesWhatIsOverALimitBeforeDecodingIt) {
  const struct {
    Bytes bytes;
    DecodeLimits limits;
    const char* message;
  } cases[] = {
      {png_that_claims(50'000, 50'000),
       {},
       "50000×50000 pixels, over the limit of 100000000 (--max-pixels)"},
      {png_that_claims(11, 10),
       {.max_pixels = 109},
       "11×10 pixels, over the limit of 109 (--max-pixels)"},
      {tiny_gif(20'000), {}, "20000 frames, over the limit of 10000 (--max-frames)"},
      {tiny_gif(3), {.max_frames = 2}, "3 frames, over the limit of 2 (--max-frames)"},
      {tiny_gif(1), {.max_bytes = 40}, "43 bytes, over the limit of 40 (--max-bytes)"},
  };
  for (const auto& c : cases) {
    const auto decoded = decode(c.bytes, {.width = 8, .height = 8}, c.limits);
    ASSERT_FALSE(decoded) << c.message;
    EXPECT_EQ(decoded.error().code, ErrorCode::kTooLarge);
    EXPECT_EQ(decoded.error().message, c.message);
  }
}

TEST_F(Decode, AGifsCanvasMayBeHugeAndItsFrameSmall) {
  const auto decoded = decode(tiny_gif(1, 65'535, 65'535), {.width = 8, .height = 8}, {});
  ASSERT_TRUE(decoded) << decoded.error().message;  // libnsgif takes the frame's size
  EXPECT_EQ(decoded->info.width, 1);
  EXPECT_EQ(colour_at(*decoded, 8, 4, 4, kRed, 0), "");
}

TEST_F(Decode, RefusesAPictureWhoseDataEndEarly) {
  const Image image = noise(160, 120);
  const struct {
    const char* suffix;
    const char* message;
  } cases[] = {{".jpg", "truncated JPEG"},
               {".jpg[interlace]", "truncated JPEG"},
               {".png", "truncated PNG"},
               {".png[interlace]", "truncated PNG"},
               {".gif", "truncated GIF"},
               {".webp", "truncated WebP"},
               {".webp[lossless]", "truncated WebP"},
               {".tif", "truncated or damaged TIFF"},
               {".tif[compression=deflate]", "truncated or damaged TIFF"},
               {".avif", "truncated or damaged AVIF"},
               {".heic", "truncated or damaged HEIC"}};
  const Target targets[] = {{.width = 29, .height = 29},
                            {.width = 20, .height = 20, .fit = Fit::kCrop, .resize = 30}};
  for (const auto& c : cases) {
    const Bytes whole = save(image, c.suffix);
    for (const Target& target : targets) {
      ASSERT_TRUE(decode(whole, target, {})) << c.suffix;
      // Not nearer to the end: after the last pixel, PNG and GIF have some bytes that are not
      // missed (a checksum, IEND, the trailer).
      for (const double part : {0.02, 0.1, 0.5, 0.9, 0.99}) {
        const auto size = static_cast<size_t>(part * static_cast<double>(whole.size()));
        const auto decoded = decode(std::span(whole).first(size), target, {});
        ASSERT_FALSE(decoded) << c.suffix << " at " << part;
        EXPECT_EQ(decoded.error().code, ErrorCode::kCorrupt) << c.suffix << " at " << part;
        EXPECT_EQ(decoded.error().message, c.message) << "at " << part;
      }
    }
  }
}

TEST_F(Decode, MissesTheEndOfAPictureEvenWhereTheCropDoesNotReach) {
  const Bytes whole = save(noise(40, 2000), ".jpg");
  const Target target{.width = 32, .height = 32, .fit = Fit::kCrop, .resize = 32};
  const auto decoded = decode(std::span(whole).first(whole.size() * 95 / 100), target, {});
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().message, "truncated JPEG");
}

TEST_F(Decode, SaysWhatIsNoPicture) {
  const struct {
    std::string_view bytes;
    const char* message;
  } cases[] = {
      {"", "empty file"},
      {"<?xml version=\"1.0\"?>\n<svg xmlns=\"x\"/>", "not a picture: SVG is not read"},
      {"%PDF-1.7\n", "not a picture: PDF is not read"},
      {"BM\x46\0\0\0", "not a picture: BMP is not read"},
      {std::string_view("\0\0\0\x18"
                        "ftypmp42\0\0\0\0",
                        16),
       "not a picture: a video"},
      {"PK\3\4", "not a picture: a zip archive"},
      {"dear diary,\n\ttoday", "not a picture: text"},
      {std::string_view("\0\0\0\0\0\0\0\0", 8), "not a picture: unknown format"},
      {"P6 1 1 255\nabc", "not a picture: text"},
  };
  for (const auto& c : cases) {
    const auto decoded = decode(bytes_of(c.bytes), {.width = 8, .height = 8}, {});
    ASSERT_FALSE(decoded) << c.message;
    EXPECT_EQ(decoded.error().code, ErrorCode::kUnsupported);
    EXPECT_EQ(decoded.error().message, c.message);
  }
}

TEST_F(Decode, AMagicNumberAloneIsADamagedPicture) {
  static constexpr std::string_view kMagics[] = {"\xFF\xD8\xFF",
                                                 "\x89PNG\r\n\x1A\n",
                                                 "GIF89a",
                                                 {"II*\0", 4},
                                                 "RIFF\xFF\xFF\xFF\xFFWEBP",
                                                 {"\0\0\0\x10"
                                                  "ftypavif",
                                                  12}};
  for (const std::string_view magic : kMagics) {
    const auto decoded = decode(bytes_of(magic), {.width = 8, .height = 8}, {});
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code, ErrorCode::kCorrupt) << decoded.error().message;
  }
}

TEST_F(Decode, FlippedBytesNeitherCrashNorHangNorSpeak) {
  const Image image = noise(48, 40);
  testing::internal::CaptureStderr();
  for (const char* suffix : {".jpg", ".jpg[interlace]", ".png", ".gif", ".webp", ".tif", ".heic"}) {
    const Bytes whole = save(image, suffix);
    std::mt19937 random(7);
    for (int i = 0; i < 300; ++i) {
      Bytes bytes = whole;
      const size_t reach = i % 2 ? bytes.size() : std::min<size_t>(bytes.size(), 256);  // headers
      for (size_t flips = 1 + random() % 4; flips > 0; --flips)
        bytes[random() % reach] = static_cast<uint8_t>(random());
      const auto decoded = decode(bytes, {.width = 29, .height = 29}, {});
      if (decoded)
        ASSERT_EQ(decoded->rgb.size(), 29U * 29 * 3);
      else
        ASSERT_TRUE(decoded.error().code == ErrorCode::kCorrupt ||
                    decoded.error().code == ErrorCode::kUnsupported ||
                    decoded.error().code == ErrorCode::kTooLarge)
            << decoded.error().message;
    }
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_F(Decode, ThreadsGetEachTheirOwnAnswer) {
  const Bytes red = save(bars(64, 64, {kRed}), ".png"),
              blue = save(bars(64, 64, {kBlue}), ".webp[lossless]");
  Bytes cut = save(noise(64, 64), ".jpg");
  cut.resize(cut.size() / 2);
  const struct {
    Bytes bytes;
    Colour colour;  // if there is no message
    std::string message;
  } jobs[] = {{red, kRed, ""},
              {blue, kBlue, ""},
              {cut, {}, "truncated JPEG"},
              {bytes_of("<svg/>"), {}, "not a picture: SVG is not read"},
              {png_that_claims(50'000, 50'000),
               {},
               "50000×50000 pixels, over the limit of 100000000 (--max-pixels)"}};
  std::array<std::string, 6> wrong;
  std::vector<std::jthread> threads;
  for (size_t t = 0; t < wrong.size(); ++t)
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < 100 && wrong[t].empty(); ++i) {
        const auto& job = jobs[(i + t) % std::size(jobs)];
        const auto decoded = decode(job.bytes, {.width = 16, .height = 16}, {});
        if (decoded)
          wrong[t] = job.message.empty() ? colour_at(*decoded, 16, 8, 8, job.colour, 1)
                                         : "accepted: " + job.message;
        else if (decoded.error().message != job.message)
          wrong[t] = decoded.error().message + " for " + job.message;
      }
    });
  threads.clear();
  for (const std::string& w : wrong) EXPECT_EQ(w, "");
}

}  // namespace
}  // namespace mimeme
