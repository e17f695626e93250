#include "model/objects.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include "core/sha256.h"
#include "model/geometry.h"
#include "model/object_boxes.h"
#include "model/picture_network.h"

namespace mimeme {
namespace fs = std::filesystem;
namespace {

// What is said, and from which confidence. COCO's other 75 kinds are not: a network that knows no
// more sees a bird in a frog, a dog in a goat and an apple in a potato, and is as sure of it. The
// figures are in docs/decisions/0009-objects.md.
struct Sure {
  std::string_view name;
  float least;
};
constexpr Sure kSure[] = {
    {"person", 0.5F}, {"car", 0.7F}, {"bus", 0.5F}, {"truck", 0.7F}, {"cow", 0.7F}};

constexpr float kNever = 2;  // no probability is

struct Parts {
  PictureNetwork network;
  int width = 0;  // of the network's input, in pixels
  int height = 0;
  int64_t anchors = 0;
  std::vector<std::string> labels;
  std::vector<float> least;  // for each label
  std::string digest;
};

class Ssd : public ObjectDetector {
 public:
  explicit Ssd(Parts parts) : parts_(std::move(parts)) {}

  const std::string& digest() const override { return parts_.digest; }

  Result<std::vector<DetectedObject>> detect(std::span<const uint8_t> rgb, int width,
                                             int height) const override {
    const auto across = static_cast<float>(width), down = static_cast<float>(height);
    const Box whole{.centre = {across / 2, down / 2}, .width = across, .height = down};
    const auto input = cut_out({rgb, width, height}, whole, parts_.width, parts_.height);
    const auto columns = static_cast<int64_t>(4 + parts_.labels.size());
    const auto rows =
        TRY(parts_.network.run(input, parts_.height, parts_.width, {1, parts_.anchors, columns}),
            "finding objects");
    std::vector<DetectedObject> objects;
    for (const ObjectBox& box : find_objects(rows, parts_.least))
      objects.push_back({.name = parts_.labels[box.label],
                         .confidence = box.confidence,
                         .left = box.left * across,
                         .top = box.top * down,
                         .width = (box.right - box.left) * across,
                         .height = (box.bottom - box.top) * down});
    return objects;
  }

 private:
  const Parts parts_;
};

Result<int> get_count(const Json& json, std::string_view key) {
  const int64_t value = TRY(json.get_integer(key));
  if (value >= 1 && value <= 100'000) return static_cast<int>(value);
  return Error{ErrorCode::kCorrupt, "`" + std::string(key) + "` must be 1..100000"};
}

Result<Parts> open(const Json& json, const fs::path& folder, int threads) {
  const fs::path path = folder / TRY(json["output"].get_string("labels"));
  std::ifstream in(path);
  if (!in) return Error{ErrorCode::kNotFound, path.string() + ": cannot be opened"};
  std::vector<std::string> labels;
  std::vector<float> least;
  std::string all = TRY(json.get_string("sha256")) + '|';
  for (std::string line; std::getline(in, line);) {
    const auto* sure = std::find_if(std::begin(kSure), std::end(kSure),
                                    [&](const Sure& s) { return s.name == line; });
    least.push_back(sure == std::end(kSure) ? kNever : sure->least);
    all += line + ' ' + std::to_string(least.back()) + '\n';
    labels.push_back(line);
  }
  const int width = TRY(get_count(json["input"], "width"), "input");
  const int height = TRY(get_count(json["input"], "height"), "input");
  const int anchors = TRY(get_count(json["output"], "anchors"), "output");
  auto network =
      TRY(PictureNetwork::open(json, folder,
                               {.input = {-1, 3, height, width},
                                .output = {-1, anchors, static_cast<int64_t>(4 + labels.size())}},
                               threads));
  return Parts{.network = std::move(network),
               .width = width,
               .height = height,
               .anchors = anchors,
               .labels = std::move(labels),
               .least = std::move(least),
               .digest = to_hex(sha256(all.data(), all.size()))};
}

}  // namespace

Result<std::unique_ptr<ObjectDetector>> open_object_detector(const std::string& manifest_path,
                                                             int threads) {
  const Json json = TRY(read_network_manifest(manifest_path, "object-detection"));
  auto network = TRY(open(json, fs::absolute(manifest_path).parent_path(), threads), manifest_path);
  return std::unique_ptr<ObjectDetector>(new Ssd(std::move(network)));
}

}  // namespace mimeme
