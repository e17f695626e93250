// Finds people and vehicles in a picture.
#ifndef MIMEME_MODEL_OBJECTS_H_
#define MIMEME_MODEL_OBJECTS_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace mimeme {

struct DetectedObject {
  std::string name;      // lower case, singular: "person", "car"
  float confidence = 0;  // 0..1
  // Its box in pixels of the picture, from the outer corner of the first one.
  float left = 0, top = 0, width = 0, height = 0;
};

// An interface because the real one is slow, and because tests need one that fails on demand.
// Thread-safe: detect() may be called from any number of threads at once, without a lock between
// them.
class ObjectDetector {
 public:
  virtual ~ObjectDetector() = default;

  // Hex SHA-256 over all that decides what is found: weights, names, thresholds. What another
  // digest found is out of date.
  virtual const std::string& digest() const = 0;

  // rgb: height × width × 3, 8-bit sRGB, row-major; a longest side over some 600 gains nothing.
  // Returns sure ones only, the surest first, each object once; often none. kInternal if the model
  // fails.
  virtual Result<std::vector<DetectedObject>> detect(std::span<const uint8_t> rgb, int width,
                                                     int height) const = 0;
};

// People, cars, buses, trucks and cows, by SSDLite MobileNetV2 trained on COCO (Sandler et al.,
// 2018), as models/convert_coco_ssd.mjs lays it out; what else it knows is not sure enough.
// `threads`: inside one detect(); 0: all cores. Checks sizes, not checksums. kNotFound, kCorrupt;
// kUnsupported if the manifest is for another task or the graph is not what it says.
Result<std::unique_ptr<ObjectDetector>> open_object_detector(const std::string& manifest_path,
                                                             int threads);

}  // namespace mimeme

#endif  // MIMEME_MODEL_OBJECTS_H_
