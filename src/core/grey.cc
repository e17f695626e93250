#include "core/grey.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace mimeme {
namespace {

constexpr int kBlock = 8;  // pixels
constexpr int kSlack = 1;  // pixels that the map may be off by
// Standard deviation of brightness from which a block shows something; and clearly so.
constexpr float kTexture = 7, kStrong = 16;
constexpr float kAgrees = 0.75F, kConflicts = 0.4F;  // correlation
constexpr int kMinSide = 32;                         // pixels of the smallest level

// Taken off, so that sums of squares stay small enough for float.
constexpr float kMiddleGrey = 128;

size_t place(int x, int y, int width) {
  return static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x);
}

// A place between two pixels of a line.
struct Between {
  int first = 0;
  float share = 0;  // of the second
};

// Outside of the line, the nearest pixel's. REQUIRES: length ≥ 2.
Between between(float x, int length) {
  constexpr float kBeforeNext = 1 - 1e-3F;
  x = std::clamp(x, 0.0F, static_cast<float>(length - 2) + kBeforeNext);
  const int first = static_cast<int>(x);
  return {first, x - static_cast<float>(first)};
}

// Bilinear.
[[gnu::always_inline]] inline float sample(const Grey& picture, const Between& x,
                                           const Between& y) {
  const uint8_t* upper = &picture.pixels[place(x.first, y.first, picture.width)];
  const uint8_t* lower = upper + picture.width;
  const auto blend = [&](const uint8_t* pixels) {
    return static_cast<float>(pixels[0]) + x.share * static_cast<float>(pixels[1] - pixels[0]);
  };
  const float above = blend(upper);
  return above + y.share * (blend(lower) - above) - kMiddleGrey;
}

// Of the kBlock × kBlock numbers at `values`, `stride` apart from row to row; product: of each with
// that of `block`, whose rows follow one another. Column by column, so that the compiler does a row
// at once.
struct Moments {
  float mean = 0, deviation = 0, product = 0;
};
Moments moments(const float* values, int stride, const float* block) {
  float sum[kBlock] = {}, squares[kBlock] = {}, product[kBlock] = {};
  for (int y = 0; y < kBlock; ++y, values += stride, block += kBlock)
    for (int x = 0; x < kBlock; ++x) {
      sum[x] += values[x];
      squares[x] += values[x] * values[x];
      product[x] += values[x] * block[x];
    }
  const auto mean = [](const float(&of)[kBlock]) {
    return std::accumulate(std::begin(of), std::end(of), 0.0F) / (kBlock * kBlock);
  };
  const float middle = mean(sum);
  return {middle, std::sqrt(std::max(0.0F, mean(squares) - middle * middle)), mean(product)};
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
  result.words = mirrored(picture.words);
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
  Grey half{.width = picture.width / 2,
            .height = picture.height / 2,
            .pixels = {},
            .words = picture.words};
  const auto at = [&](int column, int row) {
    return int{picture.pixels[place(column, row, picture.width)]};
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
  Grey small{.width = scaled(picture.width),
             .height = scaled(picture.height),
             .pixels = {},
             .words = picture.words};
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
                 picture.pixels[place(u, v, picture.width)];
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

Agreement compare(const Grey& picture, const Pyramid& other, const Affine& map, double min_share) {
  // The level whose pixels are about as large as those of `picture`.
  const double scale = std::sqrt(std::abs(map.determinant()));
  const auto wanted =
      static_cast<size_t>(std::max(0.0, std::round(std::log2(std::max(scale, 1.0)))));
  const size_t at_level = std::min(wanted, other.levels_.size() - 1);
  const Grey& level = other.levels_[at_level];
  if (std::min(level.width, level.height) < 2) return {};
  // Pixels of `picture` → pixels of the level, whose middles lie half a pixel from their edges.
  const double shrink = std::exp2(-static_cast<double>(at_level));
  const Affine to_level{map.xx * shrink, map.xy * shrink, (map.x0 + 0.5) * shrink - 0.5,
                        map.yx * shrink, map.yy * shrink, (map.y0 + 0.5) * shrink - 0.5};
  const auto on_level = [&](double x, double y) {
    return std::pair(to_level.xx * x + to_level.xy * y + to_level.x0,
                     to_level.yx * x + to_level.yy * y + to_level.y0);
  };
  const auto is_inside = [&](int x, int y) {
    const auto [u, v] = on_level(x, y);
    return u >= -0.5 && v >= -0.5 && u <= level.width - 0.5 && v <= level.height - 0.5;
  };

  // Either, in the middle of the block.
  const auto has_words = [&](int left, int top) {
    constexpr double kMiddle = (kBlock - 1) / 2.0;
    const double x = left + kMiddle, y = top + kMiddle;
    const auto [u, v] = on_level(x, y);
    return picture.words.covers((x + 0.5) / picture.width, (y + 0.5) / picture.height) ||
           level.words.covers((u + 0.5) / level.width, (v + 0.5) / level.height);
  };

  // What lies under `picture`, with a margin, so that blocks can be shifted; row by row, as needed.
  const int stride = picture.width + 2 * kSlack;
  std::vector<float> mapped(place(0, picture.height + 2 * kSlack, stride));
  const auto du = static_cast<float>(to_level.xx), dv = static_cast<float>(to_level.yx);
  const auto across = [&](float u, int x) {
    return between(u + static_cast<float>(x - kSlack) * du, level.width);
  };
  // Where nothing is turned, the columns are the same in each row.
  const bool is_upright = to_level.xy == 0 && to_level.yx == 0;
  std::vector<Between> columns;
  for (int x = 0; is_upright && x < stride; ++x)
    columns.push_back(across(static_cast<float>(to_level.x0), x));
  int sampled = 0;  // rows
  const auto sample_rows = [&](int end) {
    for (; sampled < end; ++sampled) {
      const int y = sampled - kSlack;
      const auto u = static_cast<float>(to_level.xy * y + to_level.x0);
      const auto v = static_cast<float>(to_level.yy * y + to_level.y0);
      const Between row = between(v, level.height);
      float* to = &mapped[place(0, sampled, stride)];
      if (is_upright) {
        for (const Between& column : columns) *to++ = sample(level, column, row);
      } else {
        for (int x = 0; x < stride; ++x)
          *to++ = sample(level, across(u, x),
                         between(v + static_cast<float>(x - kSlack) * dv, level.height));
      }
    }
  };

  // In place first: most that agree do so there.
  constexpr int kShifts = 2 * kSlack + 1, kMiddle = kSlack * kShifts + kSlack;
  Agreement result;
  int all_blocks = 0, inside = 0;
  int left_over = (picture.width / kBlock) * (picture.height / kBlock);
  for (int top = 0; top + kBlock <= picture.height; top += kBlock) {
    // Even if all that are left agreed.
    const auto is_hopeless = [&](const Blocks& blocks) {
      return blocks.agreeing + left_over < min_share * (blocks.textured + left_over);
    };
    if (is_hopeless(result.all) && is_hopeless(result.without_words)) return {};
    left_over -= picture.width / kBlock;
    sample_rows(top + kBlock + 2 * kSlack);
    for (int left = 0; left + kBlock <= picture.width; left += kBlock) {
      ++all_blocks;
      const int right = left + kBlock - 1, bottom = top + kBlock - 1;
      if (!is_inside(left, top) || !is_inside(right, top) || !is_inside(left, bottom) ||
          !is_inside(right, bottom))
        continue;
      ++inside;
      float block[kBlock * kBlock];
      for (int y = 0; y < kBlock; ++y)
        for (int x = 0; x < kBlock; ++x)
          block[x + y * kBlock] =
              static_cast<float>(picture.pixels[place(left + x, top + y, picture.width)]) -
              kMiddleGrey;
      const Moments of_own = moments(block, kBlock, block);
      float best = -1, most = of_own.deviation;
      for (int shift = 0; shift < kShifts * kShifts && best < kAgrees; ++shift) {
        const int at = shift == 0 ? kMiddle : shift <= kMiddle ? shift - 1 : shift;
        const int dx = at % kShifts, dy = at / kShifts;
        const Moments of_other =
            moments(&mapped[place(left + dx, top + dy, stride)], stride, block);
        if (at == kMiddle) {
          most = std::max(most, of_other.deviation);
          if (most < kTexture) break;
        }
        if (of_other.deviation > 1 && of_own.deviation > 1)
          best = std::max(best, (of_other.product - of_other.mean * of_own.mean) /
                                    (of_other.deviation * of_own.deviation));
      }
      if (most < kTexture) continue;
      const auto count = [&](Blocks& blocks) {
        ++blocks.textured;
        if (best >= kAgrees) ++blocks.agreeing;
        if (best < kConflicts && most >= kStrong) ++blocks.conflicting;
      };
      count(result.all);
      if (!has_words(left, top)) count(result.without_words);
    }
  }
  if (all_blocks > 0) result.coverage = 1.0 * inside / all_blocks;
  return result;
}

}  // namespace mimeme
