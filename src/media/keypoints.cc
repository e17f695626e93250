#include "media/keypoints.h"

#include <vl/sift.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>
#include <tuple>
#include <utility>
#include <vector>

namespace mimeme {
namespace {

constexpr int kMinSide = 12;  // pixels; smaller pictures have no keypoints
constexpr int kLevels = 3;    // of an octave, as Lowe has it
// Of the difference of Gaussians, for pixels of 0 … 255. A quarter of Lowe's: blurred and small
// pictures have no stronger ones, and of others the weakest are left out by the limit.
constexpr double kPeak = 0.85;
constexpr double kEdge = 12;

struct Found {
  Keypoint keypoint;
  float strength = 0;
};

// A whole order, so that the same picture has the same ones each time.
bool is_stronger(const Found& a, const Found& b) {
  const auto order = [](const Found& one) {
    return std::tuple(-one.strength, one.keypoint.y, one.keypoint.x, one.keypoint.angle);
  };
  return order(a) < order(b);
}

// One bit for each of the 128 numbers: above their median or not.
std::array<uint64_t, 2> to_bits(const float (&numbers)[128]) {
  std::array<float, 128> sorted;
  std::copy(std::begin(numbers), std::end(numbers), sorted.begin());
  std::nth_element(sorted.begin(), sorted.begin() + 63, sorted.end());
  std::array<uint64_t, 2> bits{};
  for (size_t i = 0; i < 128; ++i) bits[i / 64] |= uint64_t{numbers[i] > sorted[63]} << i % 64;
  return bits;
}

}  // namespace

LocalFeatures find_keypoints(std::span<const uint8_t> grey, int width, int height, int limit) {
  LocalFeatures features{.width = width, .height = height, .keypoints = {}};
  if (width < kMinSide || height < kMinSide) return features;
  std::vector<float> pixels(grey.begin(), grey.end());
  // From the picture's own size on: twice that costs four times as much, and finds no more that
  // survives an edit.
  const auto make = [&] { return vl_sift_new(width, height, -1, kLevels, 0); };
  // The first one fills a table that all share.
  static std::once_flag table;
  std::call_once(table, [&] { vl_sift_delete(make()); });
  const std::unique_ptr<VlSiftFilt, void (*)(VlSiftFilt*)> sift(make(), &vl_sift_delete);
  vl_sift_set_peak_thresh(sift.get(), kPeak);
  vl_sift_set_edge_thresh(sift.get(), kEdge);

  std::vector<Found> found;
  float weakest = 0;  // of those that are among the strongest so far
  for (int error = vl_sift_process_first_octave(sift.get(), pixels.data()); error == 0;
       error = vl_sift_process_next_octave(sift.get())) {
    vl_sift_detect(sift.get());
    const VlSiftKeypoint* keypoints = vl_sift_get_keypoints(sift.get());
    const int across = vl_sift_get_octave_width(sift.get());
    const int plane = across * vl_sift_get_octave_height(sift.get());
    // Only what may be among the strongest in the end is described, for that takes long.
    std::vector<std::pair<float, const VlSiftKeypoint*>> strongest;
    for (int i = 0; i < vl_sift_get_nkeypoints(sift.get()); ++i) {
      const VlSiftKeypoint& k = keypoints[i];
      const float strength =
          std::abs(sift->dog[k.ix + k.iy * across + (k.is - sift->s_min) * plane]);
      if (strength >= weakest) strongest.emplace_back(strength, &k);
    }
    std::sort(strongest.begin(), strongest.end(),
              [](const auto& a, const auto& b) { return a.first > b.first; });
    if (std::cmp_greater(strongest.size(), limit)) strongest.resize(static_cast<size_t>(limit));
    for (const auto& [strength, k] : strongest) {
      double angles[4];
      const int turns = vl_sift_calc_keypoint_orientations(sift.get(), angles, k);
      for (int i = 0; i < turns; ++i) {
        float numbers[128];
        vl_sift_calc_keypoint_descriptor(sift.get(), numbers, k, angles[i]);
        found.push_back({{.x = k->x,
                          .y = k->y,
                          .scale = k->sigma,
                          .angle = static_cast<float>(angles[i]),
                          .descriptor = to_bits(numbers)},
                         strength});
      }
    }
    std::sort(found.begin(), found.end(), is_stronger);
    if (std::cmp_less(found.size(), limit)) continue;
    found.resize(static_cast<size_t>(limit));
    weakest = found.back().strength;
  }
  for (const Found& one : found) features.keypoints.push_back(one.keypoint);
  return features;
}

}  // namespace mimeme
