// From what an SSD network says of its anchors to objects. Pure; internal to model/.
#ifndef MIMEME_MODEL_OBJECT_BOXES_H_
#define MIMEME_MODEL_OBJECT_BOXES_H_

#include <cstddef>
#include <span>
#include <vector>

namespace mimeme {

struct ObjectBox {
  size_t label = 0;
  float confidence = 0;
  // As shares of the picture, 0..1.
  float top = 0, left = 0, bottom = 0, right = 0;
};

// rows: for each anchor top, left, bottom, right, then the probability of each label; least: the
// probability from which each label is one. Returns the objects, the surest first: of boxes of one
// label that share half of what they cover together, only the surest (Liu et al., "SSD: Single Shot
// MultiBox Detector", 2016). Boxes are cut off at the picture's edges.
std::vector<ObjectBox> find_objects(std::span<const float> rows, std::span<const float> least);

}  // namespace mimeme

#endif  // MIMEME_MODEL_OBJECT_BOXES_H_
