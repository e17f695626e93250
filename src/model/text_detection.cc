#include "model/text_detection.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace mimeme {
namespace {

constexpr float kThreshold = 0.3F;  // of a core's pixels; the paper's
// Of a core's mean. The paper has 0.6; 0.5 finds more on memes of our own making, and what is no
// text after all is mostly read as nothing.
constexpr float kMinScore = 0.5F;
constexpr float kMinSide = 3;    // pixels of a core: a speck is no line
constexpr float kUnclip = 1.5F;  // the paper's r'

// The mean over the pixels whose centres lie in the box.
float mean_inside(std::span<const float> values, int width, int height, const Box& box) {
  const Point along = {std::cos(box.angle), std::sin(box.angle)};
  // Half of the level rectangle around the box.
  const float half_width = (box.width * std::abs(along.x) + box.height * std::abs(along.y)) / 2;
  const float half_height = (box.width * std::abs(along.y) + box.height * std::abs(along.x)) / 2;
  const auto pixel = [](float at, int end) { return std::clamp(static_cast<int>(at), 0, end - 1); };
  double sum = 0, n = 0;
  for (int y = pixel(box.centre.y - half_height, height);
       y <= pixel(box.centre.y + half_height, height); ++y)
    for (int x = pixel(box.centre.x - half_width, width);
         x <= pixel(box.centre.x + half_width, width); ++x) {
      const float dx = static_cast<float>(x) + 0.5F - box.centre.x;
      const float dy = static_cast<float>(y) + 0.5F - box.centre.y;
      if (std::abs(dx * along.x + dy * along.y) > box.width / 2 ||
          std::abs(dy * along.x - dx * along.y) > box.height / 2)
        continue;
      sum += values[static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)];
      ++n;
    }
  return n > 0 ? static_cast<float>(sum / n) : 0;
}

}  // namespace

std::vector<Box> find_lines(std::span<const float> probability, int width, int height) {
  std::vector<uint8_t> mask(probability.size());
  std::transform(probability.begin(), probability.end(), mask.begin(),
                 [](float p) { return static_cast<uint8_t>(p > kThreshold); });
  std::vector<Box> lines;
  for (auto& core : components(mask, width, height)) {
    Box box = smallest_box(convex_hull(std::move(core)));
    box.width += 1;  // from the outer pixels' centres to their edges
    box.height += 1;
    if (std::min(box.width, box.height) < kMinSide ||
        mean_inside(probability, width, height, box) < kMinScore)
      continue;
    // Area × r' / perimeter, on each side.
    const float grown = kUnclip * box.width * box.height / (box.width + box.height);
    box.width += grown;
    box.height += grown;
    lines.push_back(box);
  }
  return lines;
}

std::vector<Box> in_reading_order(std::vector<Box> lines) {
  std::sort(lines.begin(), lines.end(),
            [](const Box& a, const Box& b) { return a.centre.y < b.centre.y; });
  for (auto row = lines.begin(); row != lines.end();) {
    const auto end = std::find_if(row, lines.end(), [first = *row](const Box& line) {
      return line.centre.y - first.centre.y > std::min(line.height, first.height) / 2;
    });
    std::sort(row, end, [](const Box& a, const Box& b) { return a.centre.x < b.centre.x; });
    row = end;
  }
  return lines;
}

}  // namespace mimeme
