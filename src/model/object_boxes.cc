#include "model/object_boxes.h"

#include <algorithm>
#include <cassert>

namespace mimeme {
namespace {

constexpr float kSame = 0.5F;  // of their union: two boxes of one object

float area(const ObjectBox& box) {
  return std::max(box.bottom - box.top, 0.0F) * std::max(box.right - box.left, 0.0F);
}

bool are_same(const ObjectBox& a, const ObjectBox& b) {
  const float common = area({.top = std::max(a.top, b.top),
                             .left = std::max(a.left, b.left),
                             .bottom = std::min(a.bottom, b.bottom),
                             .right = std::min(a.right, b.right)});
  return a.label == b.label && common >= kSame * (area(a) + area(b) - common);
}

}  // namespace

std::vector<ObjectBox> find_objects(std::span<const float> rows, std::span<const float> least) {
  const size_t width = 4 + least.size();
  assert(rows.size() % width == 0);
  std::vector<ObjectBox> sure;
  for (; !rows.empty(); rows = rows.subspan(width))
    for (size_t label = 0; label < least.size(); ++label)
      if (const float confidence = rows[4 + label]; confidence >= least[label]) {
        const auto edge = [&](size_t i) { return std::clamp(rows[i], 0.0F, 1.0F); };
        sure.push_back({label, confidence, edge(0), edge(1), edge(2), edge(3)});
      }
  std::sort(sure.begin(), sure.end(),
            [](const ObjectBox& a, const ObjectBox& b) { return a.confidence > b.confidence; });
  std::vector<ObjectBox> objects;
  for (const ObjectBox& box : sure)
    if (std::none_of(objects.begin(), objects.end(),
                     [&](const ObjectBox& object) { return are_same(box, object); }))
      objects.push_back(box);
  return objects;
}

}  // namespace mimeme
