#include "core/grey.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace mimeme {
namespace {

constexpr int kBlock = 8;  // pixels
constexpr int kSlack = 1;  // pixels that the map may be off by
constexpr double kTexture =
    7;  // standard deviation of brightness from which a block shows something
constexpr double kStrong = 16;    // and clearly so
constexpr double kAgrees = 0.75;  // correlation
constexpr double kConflicts = 0.4;
constexpr int kMinSide = 32;  // pixels of the smallest level

double sample(const Grey& picture, double x, double y) {
  x = std::clamp(x, 0.0, picture.width - 1.0);
  y = std::clamp(y, 0.0, picture.height - 1.0);
  const int left = static_cast<int>(x), top = static_cast<int>(y);
  const int right = std::min(left + 1, picture.width - 1);
  const int bottom = std::min(top + 1, picture.height - 1);
  const auto at = [&](int column, int row) {
    return static_cast<double>(
        picture.pixels[static_cast<size_t>(row) * static_cast<size_t>(picture.width) +
                       static_cast<size_t>(column)]);
  };
  const double fx = x - left, fy = y - top;
  return (1 - fy) * ((1 - fx) * at(left, top) + fx * at(right, top)) +
         fy * ((1 - fx) * at(left, bottom) + fx * at(right, bottom));
}

}  // namespace

Grey to_grey(std::span<const uint8_t> rgb, int width, int height) {
  Grey grey{.width = width, .height = height, .pixels = {}};
  grey.pixels.reserve(rgb.size() / 3);
  for (size_t i = 0; i + 2 < rgb.size(); i += 3)
    grey.pixels.push_back(
        static_cast<uint8_t>((299 * rgb[i] + 587 * rgb[i + 1] + 114 * rgb[i + 2] + 500) / 1000));
  return grey;
}

Grey mirrored(const Grey& picture) {
  Grey result = picture;
  for (auto row = result.pixels.begin(); row != result.pixels.end(); row += picture.width)
    std::reverse(row, row + picture.width);
  return result;
}

Grey negated(const Grey& picture) {
  Grey result = picture;
  for (uint8_t& pixel : result.pixels) pixel = static_cast<uint8_t>(255 - pixel);
  return result;
}

Grey halved(const Grey& picture) {
  Grey half{.width = picture.width / 2, .height = picture.height / 2, .pixels = {}};
  const auto at = [&](int column, int row) {
    return int{picture.pixels[static_cast<size_t>(row) * static_cast<size_t>(picture.width) +
                              static_cast<size_t>(column)]};
  };
  for (int y = 0; y < half.height; ++y)
    for (int x = 0; x < half.width; ++x)
      half.pixels.push_back(
          static_cast<uint8_t>((at(2 * x, 2 * y) + at(2 * x + 1, 2 * y) + at(2 * x, 2 * y + 1) +
                                at(2 * x + 1, 2 * y + 1) + 2) /
                               4));
  return half;
}

Grey shrunk(const Grey& picture, int side) {
  const double factor = 1.0 * std::max(picture.width, picture.height) / side;
  if (factor <= 1) return picture;
  const auto scaled = [&](int length) {
    return std::max(1, static_cast<int>(std::lrint(length / factor)));
  };
  Grey small{.width = scaled(picture.width), .height = scaled(picture.height), .pixels = {}};
  const double across = 1.0 * picture.width / small.width;
  const double down = 1.0 * picture.height / small.height;
  // Of a line that is `length` long, how much of pixel i lies between from and to.
  const auto share = [](int i, double from, double to) {
    return std::min(i + 1.0, to) - std::max(1.0 * i, from);
  };
  for (int y = 0; y < small.height; ++y)
    for (int x = 0; x < small.width; ++x) {
      const double left = x * across, right = (x + 1) * across;
      const double top = y * down, bottom = (y + 1) * down;
      double sum = 0;
      for (int v = static_cast<int>(top); v < std::min<double>(bottom, picture.height); ++v)
        for (int u = static_cast<int>(left); u < std::min<double>(right, picture.width); ++u)
          sum += share(u, left, right) * share(v, top, bottom) *
                 picture.pixels[static_cast<size_t>(v) * static_cast<size_t>(picture.width) +
                                static_cast<size_t>(u)];
      small.pixels.push_back(
          static_cast<uint8_t>(std::clamp(std::lrint(sum / (across * down)), 0L, 255L)));
    }
  return small;
}

Pyramid::Pyramid(Grey picture) {
  levels_.push_back(std::move(picture));
  while (std::min(levels_.back().width, levels_.back().height) >= 2 * kMinSide)
    levels_.push_back(halved(levels_.back()));
}

Agreement compare(const Grey& picture, const Pyramid& other, const Affine& map) {
  // The level whose pixels are about as large as those of `picture`.
  const double scale = std::sqrt(std::abs(map.determinant()));
  const auto wanted =
      static_cast<size_t>(std::max(0.0, std::round(std::log2(std::max(scale, 1.0)))));
  const size_t at_level = std::min(wanted, other.levels_.size() - 1);
  const Grey& level = other.levels_[at_level];
  const double shrink = std::exp2(static_cast<double>(at_level));

  Agreement result;
  int blocks = 0, inside = 0;
  double sum_of_correlations = 0;
  // The mapped block with a margin, so that it can be shifted.
  constexpr int kSpan = kBlock + 2 * kSlack;
  double mapped[kSpan * kSpan];
  for (int top = 0; top + kBlock <= picture.height; top += kBlock)
    for (int left = 0; left + kBlock <= picture.width; left += kBlock) {
      ++blocks;
      const auto to_level = [&](double x, double y) {
        const double u = map.xx * x + map.xy * y + map.x0, v = map.yx * x + map.yy * y + map.y0;
        return std::pair((u + 0.5) / shrink - 0.5, (v + 0.5) / shrink - 0.5);
      };
      const auto is_inside = [&](double x, double y) {
        const auto [u, v] = to_level(x, y);
        return u >= -0.5 && v >= -0.5 && u <= level.width - 0.5 && v <= level.height - 0.5;
      };
      if (!is_inside(left, top) || !is_inside(left + kBlock - 1, top) ||
          !is_inside(left, top + kBlock - 1) || !is_inside(left + kBlock - 1, top + kBlock - 1))
        continue;
      ++inside;
      double sum = 0, squares = 0;
      double own[kBlock * kBlock];
      for (int y = 0; y < kBlock; ++y)
        for (int x = 0; x < kBlock; ++x) {
          const double value =
              picture.pixels[static_cast<size_t>(top + y) * static_cast<size_t>(picture.width) +
                             static_cast<size_t>(left + x)];
          own[y * kBlock + x] = value;
          sum += value;
          squares += value * value;
        }
      constexpr double kCount = kBlock * kBlock;
      const double mean = sum / kCount;
      const double deviation = std::sqrt(std::max(0.0, squares / kCount - mean * mean));
      for (int y = 0; y < kSpan; ++y)
        for (int x = 0; x < kSpan; ++x) {
          const auto [u, v] = to_level(left + x - kSlack, top + y - kSlack);
          mapped[y * kSpan + x] = sample(level, u, v);
        }
      double best = -1, other_deviation = 0;
      // In place first: most that agree do so there.
      constexpr int kShifts = 2 * kSlack + 1, kMiddle = kSlack * kShifts + kSlack;
      for (int shift = 0; shift < kShifts * kShifts && best < kAgrees; ++shift) {
        const int at = shift == 0 ? kMiddle : shift <= kMiddle ? shift - 1 : shift;
        const int dx = at % kShifts, dy = at / kShifts;
        double s = 0, ss = 0, product = 0;
        for (int y = 0; y < kBlock; ++y)
          for (int x = 0; x < kBlock; ++x) {
            const double value = mapped[(y + dy) * kSpan + x + dx];
            s += value;
            ss += value * value;
            product += value * own[y * kBlock + x];
          }
        const double m = s / kCount, d = std::sqrt(std::max(0.0, ss / kCount - m * m));
        if (at == kMiddle) other_deviation = d;
        if (d > 1 && deviation > 1)
          best = std::max(best, (product / kCount - m * mean) / (d * deviation));
      }
      if (std::max(deviation, other_deviation) < kTexture) continue;
      ++result.textured;
      sum_of_correlations += best;
      if (best >= kAgrees) ++result.agreeing;
      if (best < kConflicts && std::max(deviation, other_deviation) >= kStrong)
        ++result.conflicting;
    }
  if (blocks > 0) result.coverage = 1.0 * inside / blocks;
  if (result.textured > 0) result.correlation = sum_of_correlations / result.textured;
  return result;
}

}  // namespace mimeme
