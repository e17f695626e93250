#include "model/geometry.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mimeme {
namespace {

Point operator+(Point a, Point b) { return {a.x + b.x, a.y + b.y}; }
Point operator-(Point a, Point b) { return {a.x - b.x, a.y - b.y}; }
Point operator*(Point a, float s) { return {a.x * s, a.y * s}; }
float dot(Point a, Point b) { return a.x * b.x + a.y * b.y; }
float cross(Point a, Point b) { return a.x * b.y - a.y * b.x; }
Point right_normal(Point a) { return {-a.y, a.x}; }
Point direction(float angle) { return {std::cos(angle), std::sin(angle)}; }

// How far a polygon reaches along a direction.
struct Extent {
  float low = std::numeric_limits<float>::max();
  float high = std::numeric_limits<float>::lowest();
  float size() const { return high - low; }
  float middle() const { return (low + high) / 2; }
};

Extent extent(std::span<const Point> points, Point along) {
  Extent e;
  for (const Point p : points) {
    e.low = std::min(e.low, dot(p, along));
    e.high = std::max(e.high, dot(p, along));
  }
  return e;
}

// Red, green and blue, in one register; the fourth is not used.
using Colour = float __attribute__((vector_size(16)));

Colour colour(const uint8_t* pixel) {
  using Integers = int32_t __attribute__((vector_size(16)));
  return __builtin_convertvector((Integers{pixel[0], pixel[1], pixel[2], 0}), Colour);
}

// The colour at a point, between the four pixels around it.
Colour sample(const PictureView& picture, Point at) {
  const float x = std::clamp(at.x - 0.5F, 0.0F, static_cast<float>(picture.width - 1));
  const float y = std::clamp(at.y - 0.5F, 0.0F, static_cast<float>(picture.height - 1));
  const int left = static_cast<int>(x), top = static_cast<int>(y);
  const float fx = x - static_cast<float>(left), fy = y - static_cast<float>(top);
  const size_t row = static_cast<size_t>(picture.width) * 3;
  const size_t right = left + 1 < picture.width ? 3 : 0;
  const size_t below = top + 1 < picture.height ? row : 0;
  const uint8_t* p = &picture.rgb[static_cast<size_t>(top) * row + static_cast<size_t>(left) * 3];
  const auto mix = [](Colour a, Colour b, float f) { return a + (b - a) * f; };
  return mix(mix(colour(p), colour(p + right), fx),
             mix(colour(p + below), colour(p + below + right), fx), fy);
}

}  // namespace

Quad corners(const Box& box) {
  const Point across = direction(box.angle) * (box.width / 2);
  const Point down = right_normal(direction(box.angle)) * (box.height / 2);
  return {box.centre - across - down, box.centre + across - down, box.centre + across + down,
          box.centre - across + down};
}

std::vector<std::vector<Point>> components(std::span<const uint8_t> mask, int width, int height) {
  std::vector<std::vector<Point>> found;
  std::vector<uint8_t> left(mask.begin(), mask.end());  // those of no component yet
  std::vector<int> pending;
  const auto take = [&](int at) {
    if (left[static_cast<size_t>(at)] == 0) return;
    left[static_cast<size_t>(at)] = 0;
    pending.push_back(at);
  };
  for (int first = 0; first < width * height; ++first) {
    take(first);
    if (pending.empty()) continue;
    auto& component = found.emplace_back();
    while (!pending.empty()) {
      const int x = pending.back() % width, y = pending.back() / width;
      pending.pop_back();
      component.push_back({static_cast<float>(x) + 0.5F, static_cast<float>(y) + 0.5F});
      for (int v = std::max(y - 1, 0); v <= std::min(y + 1, height - 1); ++v)
        for (int u = std::max(x - 1, 0); u <= std::min(x + 1, width - 1); ++u) take(v * width + u);
    }
  }
  return found;
}

std::vector<Point> convex_hull(std::vector<Point> points) {
  const auto before = [](Point a, Point b) { return a.x != b.x ? a.x < b.x : a.y < b.y; };
  std::sort(points.begin(), points.end(), before);
  std::vector<Point> hull;
  // One half from left to right, the other back: each point removes those it makes concave.
  const auto chain = [&](const auto& begin, const auto& end) {
    const size_t fixed = hull.size();
    for (auto p = begin; p != end; ++p) {
      while (hull.size() >= fixed + 2 &&
             cross(hull.back() - hull[hull.size() - 2], *p - hull.back()) <= 0)
        hull.pop_back();
      hull.push_back(*p);
    }
    hull.pop_back();  // the other half begins with it
  };
  chain(points.begin(), points.end());
  chain(points.rbegin(), points.rend());
  return hull.empty() ? std::vector<Point>{points.front()} : hull;
}

Box smallest_box(std::span<const Point> hull) {
  Box best;
  float least = std::numeric_limits<float>::max();
  for (size_t i = 0; i < hull.size(); ++i) {
    const Point side = hull[(i + 1) % hull.size()] - hull[i];
    // Turned by right angles until it is as level as can be.
    float angle = std::atan2(side.y, side.x);
    constexpr auto kRight = static_cast<float>(M_PI_2);
    angle -= kRight * std::round(angle / kRight);
    const Point along = direction(angle);
    const Extent across = extent(hull, along), down = extent(hull, right_normal(along));
    const float area = across.size() * down.size();
    if (area >= least) continue;
    least = area;
    best = {.centre = along * across.middle() + right_normal(along) * down.middle(),
            .width = across.size(),
            .height = down.size(),
            .angle = angle};
  }
  return best;
}

std::vector<uint8_t> cut_out(const PictureView& picture, const Box& box, int width, int height) {
  const Point corner = corners(box)[0];
  const Point across = direction(box.angle) * (box.width / static_cast<float>(width));
  const Point down = right_normal(direction(box.angle)) * (box.height / static_cast<float>(height));
  // One sample for about each pixel of the picture that a pixel of ours covers.
  const auto count = [](float step) {
    return std::clamp(static_cast<int>(std::lround(step)), 1, 8);
  };
  const int columns = count(box.width / static_cast<float>(width));
  const int rows = count(box.height / static_cast<float>(height));
  std::vector<Point> samples;  // of a pixel, from its corner
  for (int j = 0; j < rows; ++j)
    for (int i = 0; i < columns; ++i)
      samples.push_back(across * ((static_cast<float>(i) + 0.5F) / static_cast<float>(columns)) +
                        down * ((static_cast<float>(j) + 0.5F) / static_cast<float>(rows)));
  const float share = 1.0F / static_cast<float>(samples.size());

  std::vector<uint8_t> out(static_cast<size_t>(width) * static_cast<size_t>(height) * 3);
  uint8_t* to = out.data();
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const Point pixel = corner + across * static_cast<float>(x) + down * static_cast<float>(y);
      Colour sum{};
      for (const Point s : samples) sum += sample(picture, pixel + s);
      sum = sum * share + 0.5F;
      for (int c = 0; c < 3; ++c) *to++ = static_cast<uint8_t>(sum[c]);
    }
  return out;
}

}  // namespace mimeme
