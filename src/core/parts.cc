#include "core/parts.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "core/grey.h"

namespace mimeme {
namespace {

// Of a side, to be plain: this share of its pixels is within kPlain of their median.
constexpr double kPlainShare = 0.95;
constexpr int kPlain = 14, kForeign = 22;               // differences of a colour channel
constexpr double kMinFramed = 0.06, kMaxFramed = 0.93;  // of the picture's area
constexpr double kMinFramedSide = 0.15;
constexpr double kFramedFill = 0.6;     // a picture has little of the ground's colour in it
constexpr int kSeamStep = 14;           // brightness across a seam
constexpr double kSeamShare = 0.72;     // of the seam's length that has such a step
constexpr double kSeamStandsOut = 0.5;  // that share, above its surroundings'
constexpr double kSeamMargin = 0.2;     // no panel is smaller
constexpr int kMinPanel = 24;           // pixels
constexpr int kMaxDepth = 2;            // 2 × 2 panels

using Colour = std::array<uint8_t, 3>;

struct Box {
  int left = 0, top = 0, width = 0, height = 0;
};

int difference(const Colour& a, const Colour& b) {
  int most = 0;
  for (size_t i = 0; i < 3; ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

std::optional<Colour> plain_colour(std::vector<Colour> pixels) {
  Colour median{};
  std::vector<uint8_t> channel(pixels.size());
  for (size_t i = 0; i < 3; ++i) {
    std::transform(pixels.begin(), pixels.end(), channel.begin(), [&](auto& c) { return c[i]; });
    const auto middle = channel.begin() + static_cast<ptrdiff_t>(channel.size() / 2);
    std::nth_element(channel.begin(), middle, channel.end());
    median[i] = *middle;
  }
  const auto like = std::count_if(pixels.begin(), pixels.end(),
                                  [&](auto& c) { return difference(c, median) <= kPlain; });
  if (static_cast<double>(like) < kPlainShare * static_cast<double>(pixels.size()))
    return std::nullopt;
  return median;
}

// What is framed by plain ground: the largest thing on it, if that is a picture.
std::optional<Box> framed(std::span<const uint8_t> rgb, int width, int height) {
  const auto at = [&](int x, int y) {
    const auto i =
        (static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)) * 3;
    return Colour{rgb[i], rgb[i + 1], rgb[i + 2]};
  };
  constexpr int kRim = 2;  // pixels
  if (width < 4 * kRim || height < 4 * kRim) return std::nullopt;
  const auto pixels_of = [&](const Box& box) {
    std::vector<Colour> pixels;
    for (int y = box.top; y < box.top + box.height; ++y)
      for (int x = box.left; x < box.left + box.width; ++x) pixels.push_back(at(x, y));
    return pixels;
  };
  std::vector<Colour> grounds;
  for (const Box& side : {Box{0, 0, width, kRim}, Box{0, height - kRim, width, kRim},
                          Box{0, 0, kRim, height}, Box{width - kRim, 0, kRim, height}})
    if (const auto colour = plain_colour(pixels_of(side))) grounds.push_back(*colour);
  if (grounds.empty()) return std::nullopt;

  const auto index = [&](int x, int y) {
    return static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x);
  };
  std::vector<uint8_t> foreign(static_cast<size_t>(width) * static_cast<size_t>(height));
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      foreign[index(x, y)] = std::all_of(grounds.begin(), grounds.end(), [&](const Colour& ground) {
        return difference(at(x, y), ground) > kForeign;
      });
  // Grown by a pixel each way, so that what touches nearly is one thing.
  std::vector<uint8_t> grown(foreign.size());
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int dy = -1; dy <= 1; ++dy)
        for (int dx = -1; dx <= 1; ++dx)
          if (x + dx >= 0 && x + dx < width && y + dy >= 0 && y + dy < height)
            grown[index(x, y)] |= foreign[index(x + dx, y + dy)];

  Box largest;
  size_t most = 0;
  std::vector<std::pair<int, int>> todo;
  for (int y0 = 0; y0 < height; ++y0)
    for (int x0 = 0; x0 < width; ++x0) {
      if (!grown[index(x0, y0)]) continue;
      int left = x0, right = x0, top = y0, bottom = y0;
      size_t size = 0;
      grown[index(x0, y0)] = 0;
      todo.assign(1, {x0, y0});
      while (!todo.empty()) {
        const auto [x, y] = todo.back();
        todo.pop_back();
        ++size;
        left = std::min(left, x), right = std::max(right, x);
        top = std::min(top, y), bottom = std::max(bottom, y);
        for (int dy = -1; dy <= 1; ++dy)
          for (int dx = -1; dx <= 1; ++dx) {
            const int u = x + dx, v = y + dy;
            if (u < 0 || v < 0 || u >= width || v >= height || !grown[index(u, v)]) continue;
            grown[index(u, v)] = 0;
            todo.emplace_back(u, v);
          }
      }
      if (size <= most) continue;
      most = size;
      largest = {left, top, right - left + 1, bottom - top + 1};
    }
  if (most == 0) return std::nullopt;
  // Without what it has grown by; at the picture's edge it has not.
  const auto trim = [](int& first, int& size, int side) {
    const int last = first + size;
    if (first > 0) ++first;
    size = (last < side ? last - 1 : last) - first;
  };
  trim(largest.left, largest.width, width);
  trim(largest.top, largest.height, height);
  const double area = 1.0 * largest.width * largest.height, all = 1.0 * width * height;
  if (largest.width < kMinFramedSide * width || largest.height < kMinFramedSide * height ||
      area < kMinFramed * all || area > kMaxFramed * all)
    return std::nullopt;
  double filled = 0;
  for (int y = largest.top; y < largest.top + largest.height; ++y)
    for (int x = largest.left; x < largest.left + largest.width; ++x)
      filled += foreign[index(x, y)];
  if (filled < kFramedFill * area) return std::nullopt;
  return largest;
}

struct Seam {
  int at = 0;  // first column or row after it
  double stands_out = 0;
};

enum class Direction { kUpright, kLevel };

// The line across the whole box at which most changes; none if it does not stand out.
std::optional<Seam> seam_of(const Grey& picture, const Box& box, Direction direction) {
  const bool upright = direction == Direction::kUpright;
  const int across = upright ? box.width : box.height, along = upright ? box.height : box.width;
  if (across < kMinPanel || along < kMinPanel * 2 / 3) return std::nullopt;
  const auto at = [&](int i, int j) {
    const int x = box.left + (upright ? i : j), y = box.top + (upright ? j : i);
    return int{picture.pixels[static_cast<size_t>(y) * static_cast<size_t>(picture.width) +
                              static_cast<size_t>(x)]};
  };
  // share[i]: of the seam's length that has a step at i; a step that was resampled lies on two
  // pixels.
  std::vector<double> share(static_cast<size_t>(across));
  for (int i = 1; i + 1 < across; ++i) {
    int steps = 0;
    for (int j = 0; j < along; ++j)
      steps += std::abs(at(i, j) - at(i - 1, j)) + std::abs(at(i + 1, j) - at(i, j)) > kSeamStep;
    share[static_cast<size_t>(i)] = 1.0 * steps / along;
  }
  std::optional<Seam> best;
  for (int i = static_cast<int>(across * kSeamMargin); i < across * (1 - kSeamMargin); ++i) {
    std::vector<double> around;
    for (int j = i - 8; j <= i + 8; ++j)
      if (j > 0 && j + 1 < across && std::abs(j - i) > 2)
        around.push_back(share[static_cast<size_t>(j)]);
    if (around.empty()) continue;
    const auto middle = around.begin() + static_cast<ptrdiff_t>(around.size() / 2);
    std::nth_element(around.begin(), middle, around.end());
    const double own = share[static_cast<size_t>(i)], stands_out = own - *middle;
    if (own >= kSeamShare && stands_out >= kSeamStandsOut &&
        (!best || stands_out > best->stands_out))
      best = {i, stands_out};
  }
  return best;
}

void split(const Grey& picture, const Box& box, int depth, std::vector<Box>& panels) {
  std::optional<Seam> upright, level;
  if (depth < kMaxDepth) {
    upright = seam_of(picture, box, Direction::kUpright);
    level = seam_of(picture, box, Direction::kLevel);
  }
  if (!upright && !level) {
    panels.push_back(box);
  } else if (upright && (!level || upright->stands_out >= level->stands_out)) {
    split(picture, {box.left, box.top, upright->at, box.height}, depth + 1, panels);
    split(picture, {box.left + upright->at, box.top, box.width - upright->at, box.height},
          depth + 1, panels);
  } else {
    split(picture, {box.left, box.top, box.width, level->at}, depth + 1, panels);
    split(picture, {box.left, box.top + level->at, box.width, box.height - level->at}, depth + 1,
          panels);
  }
}

}  // namespace

std::vector<Region> find_parts(std::span<const uint8_t> rgb, int width, int height) {
  std::vector<Box> boxes;
  const auto inner = framed(rgb, width, height);
  if (inner) boxes.push_back(*inner);
  std::vector<Box> panels;
  split(to_grey(rgb, width, height), inner.value_or(Box{0, 0, width, height}), 0, panels);
  if (panels.size() > 1) boxes.insert(boxes.end(), panels.begin(), panels.end());
  std::vector<Region> parts;
  for (const Box& box : boxes)
    parts.push_back({.left = 1.0 * box.left / width,
                     .top = 1.0 * box.top / height,
                     .width = 1.0 * box.width / width,
                     .height = 1.0 * box.height / height});
  return parts;
}

}  // namespace mimeme
