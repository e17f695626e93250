// The plane geometry of finding lines of text in a picture and cutting them out. Pure.
#ifndef MIMEME_MODEL_GEOMETRY_H_
#define MIMEME_MODEL_GEOMETRY_H_

#include <cstdint>
#include <span>
#include <vector>

#include "core/types.h"

namespace mimeme {

// A rectangle at any angle: `width` lies along (cos angle, sin angle), `height` along its right
// normal, which is down if the angle is 0.
struct Box {
  Point centre;
  float width = 0;
  float height = 0;
  float angle = 0;  // radians
};

Quad corners(const Box& box);

// The regions of pixels that are not 0, joined by sides or corners; each is its pixels' centres, in
// no order. The mask is row-major.
std::vector<std::vector<Point>> components(std::span<const uint8_t> mask, int width, int height);

// Andrew's monotone chain (1979): the hull's corners in order, without those on a side. REQUIRES:
// a point at least.
std::vector<Point> convex_hull(std::vector<Point> points);

// The smallest rectangle around a convex polygon; one of its sides lies on one of the polygon's
// (Freeman and Shapira, 1975). Its angle is the one nearest to level: -π/4..π/4.
Box smallest_box(std::span<const Point> hull);

// An 8-bit RGB picture, row-major, that belongs to somebody else.
struct PictureView {
  std::span<const uint8_t> rgb;
  int width = 0;
  int height = 0;
};

// What the box shows, at width × height: bilinear samples, averaged where it is reduced. Outside
// the picture its edge goes on. height × width × 3 bytes.
std::vector<uint8_t> cut_out(const PictureView& picture, const Box& box, int width, int height);

}  // namespace mimeme

#endif  // MIMEME_MODEL_GEOMETRY_H_
