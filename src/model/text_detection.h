// Where a picture bears text: a network gives the probability of each pixel to lie in the core of a
// line, and the lines are found in that map (Liao et al., "Real-time Scene Text Detection with
// Differentiable Binarization", 2020). Pure.
#ifndef MIMEME_MODEL_TEXT_DETECTION_H_
#define MIMEME_MODEL_TEXT_DETECTION_H_

#include <span>
#include <vector>

#include "model/geometry.h"

namespace mimeme {

// probability: width × height values 0..1, row-major. Returns a box for each line, in the map's
// pixels, grown from the core to the line's full height; in no order.
std::vector<Box> find_lines(std::span<const float> probability, int width, int height);

// Top to bottom, and left to right where one begins less than half a line below another.
std::vector<Box> in_reading_order(std::vector<Box> lines);

}  // namespace mimeme

#endif  // MIMEME_MODEL_TEXT_DETECTION_H_
