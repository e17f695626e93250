#include "model/ocr.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <utility>

#include "model/geometry.h"
#include "model/picture_network.h"
#include "model/text_detection.h"
#include "model/text_recognition.h"

namespace mimeme {
namespace fs = std::filesystem;
namespace {

// The longest side at which lines are looked for, in pixels: first a little more than half the
// picture's own, which finds the captions of a meme at a quarter of the cost. If there is none, or
// one so small that others may be too small to be found, at the picture's own
// (docs/decisions/0006).
constexpr float kCoarse = 0.55F, kMinCoarse = 288, kMaxCoarse = 448;
constexpr float kMinFine = 640, kMaxFine = 960;
constexpr float kSmallLine = 16;      // pixels of the first look
constexpr float kMaxEnlargement = 2;  // of a small picture: more finds no more

// A line that would be longer is squashed. In memory that is 10 MB of probabilities.
constexpr float kMaxLineWidth = 3200;

constexpr float kTall = 1.5F;  // times its width: a line that may lie on its side

int round_to_multiple(float value, int of) {
  return std::max(static_cast<int>(std::lround(value / static_cast<float>(of))), 1) * of;
}

// A narrow and tall box holds one letter, or a line that reads downwards or upwards.
std::vector<Box> ways_to_read(const Box& box) {
  if (box.height < kTall * box.width) return {box};
  Box down = box, up = box;
  std::swap(down.width, down.height);
  std::swap(up.width, up.height);
  down.angle += static_cast<float>(M_PI_2);
  up.angle -= static_cast<float>(M_PI_2);
  return {box, down, up};
}

struct Detection {
  PictureNetwork network;
  int multiple = 0;  // of which both sides must be
};

struct Recognition {
  PictureNetwork network;
  int height = 0;    // of a line
  int multiple = 0;  // of which its width must be: so wide is a step of the output
  std::vector<std::string> alphabet;
};

class PpOcr : public Ocr {
 public:
  PpOcr(Detection detection, Recognition recognition)
      : detection_(std::move(detection)), recognition_(std::move(recognition)) {}

  Result<std::vector<TextLine>> read(std::span<const uint8_t> rgb, int width,
                                     int height) const override {
    const PictureView picture{rgb, width, height};
    std::vector<TextLine> lines;
    for (const Box& box : TRY(find(picture), "finding text")) {
      TextLine surest;
      for (const Box& way : ways_to_read(box)) {
        Reading reading = TRY(read_line(picture, way), "reading text");
        if (reading.confidence > surest.confidence)
          surest = {std::move(reading.text), reading.confidence, corners(way)};
      }
      if (!surest.text.empty()) lines.push_back(std::move(surest));
    }
    return lines;
  }

 private:
  Result<std::vector<Box>> find(const PictureView& picture) const {
    const auto longest = static_cast<float>(std::max(picture.width, picture.height));
    const auto scale = [longest](float side) { return std::min(side / longest, kMaxEnlargement); };
    const float coarse = scale(std::clamp(longest * kCoarse, kMinCoarse, kMaxCoarse));
    const float fine = scale(std::clamp(longest, kMinFine, kMaxFine));
    std::vector<Box> lines = TRY(find(picture, coarse));
    const bool are_large = std::all_of(lines.begin(), lines.end(), [coarse](const Box& line) {
      return std::min(line.width, line.height) * coarse >= kSmallLine;
    });
    if ((!lines.empty() && are_large) || fine == coarse) return lines;
    return find(picture, fine);
  }

  // In the picture's own pixels, found in what is `scale` times as large.
  Result<std::vector<Box>> find(const PictureView& picture, float scale) const {
    const auto width = static_cast<float>(picture.width);
    const auto height = static_cast<float>(picture.height);
    const int wide = round_to_multiple(width * scale, detection_.multiple);
    const int high = round_to_multiple(height * scale, detection_.multiple);
    const Box whole{.centre = {width / 2, height / 2}, .width = width, .height = height};
    const auto map = TRY(detection_.network.run(cut_out(picture, whole, wide, high), high, wide,
                                                {1, 1, high, wide}));
    std::vector<Box> lines = find_lines(map, wide, high);
    // Rounding has made the two scales differ by little, so an angle stays what it is.
    const float across = width / static_cast<float>(wide), down = height / static_cast<float>(high);
    for (Box& line : lines) {
      const float cosine = std::cos(line.angle), sine = std::sin(line.angle);
      line.centre = {line.centre.x * across, line.centre.y * down};
      line.width *= std::hypot(cosine * across, sine * down);
      line.height *= std::hypot(sine * across, cosine * down);
    }
    return in_reading_order(std::move(lines));
  }

  Result<Reading> read_line(const PictureView& picture, const Box& line) const {
    const auto& [network, height, multiple, alphabet] = recognition_;
    const float scale = static_cast<float>(height) / line.height;
    const int width = round_to_multiple(std::min(line.width * scale, kMaxLineWidth), multiple);
    const auto signs = static_cast<int64_t>(alphabet.size() + 2);  // with blank and space
    return decode_ctc(TRY(network.run(cut_out(picture, line, width, height), height, width,
                                      {1, width / multiple, signs})),
                      alphabet);
  }

  const Detection detection_;
  const Recognition recognition_;
};

Result<int> get_pixels(const Json& json, std::string_view key) {
  const int64_t value = TRY(json.get_integer(key));
  if (value >= 1 && value <= 256) return static_cast<int>(value);
  return Error{ErrorCode::kCorrupt, "`" + std::string(key) + "` must be 1..256"};
}

Result<std::vector<std::string>> read_alphabet(const Json& json, const fs::path& folder) {
  const fs::path path = folder / TRY(json.get_string("file"));
  std::ifstream in(path);
  if (!in) return Error{ErrorCode::kNotFound, path.string() + ": cannot be opened"};
  std::vector<std::string> signs;
  for (std::string line; std::getline(in, line);) signs.push_back(line);
  return signs;
}

Result<std::unique_ptr<Ocr>> open(const Json& json, const fs::path& folder, int threads) {
  const Json &find = json["detection"], &read = json["recognition"];
  Detection detection{
      .network =
          TRY(PictureNetwork::open(find, folder,
                                   {.input = {-1, 3, -1, -1}, .output = {-1, 1, -1, -1}}, threads),
              "detection"),
      .multiple = TRY(get_pixels(find["input"], "multiple"), "detection.input")};
  const int height = TRY(get_pixels(read["input"], "height"), "recognition.input");
  std::vector<std::string> alphabet = TRY(read_alphabet(json["keys"], folder), "keys");
  const auto signs = static_cast<int64_t>(alphabet.size() + 2);  // and blank, and space
  Recognition recognition{
      .network =
          TRY(PictureNetwork::open(
                  read, folder, {.input = {-1, 3, height, -1}, .output = {-1, -1, signs}}, threads),
              "recognition"),
      .height = height,
      .multiple = TRY(get_pixels(read["input"], "multiple"), "recognition.input"),
      .alphabet = std::move(alphabet)};
  return std::unique_ptr<Ocr>(new PpOcr(std::move(detection), std::move(recognition)));
}

}  // namespace

Result<std::unique_ptr<Ocr>> open_ocr(const std::string& manifest_path, int threads) {
  const Json json = TRY(read_network_manifest(manifest_path, "ocr"));
  return TRY(open(json, fs::absolute(manifest_path).parent_path(), threads), manifest_path);
}

}  // namespace mimeme
