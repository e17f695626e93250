#include "core/local_features.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <utility>

namespace mimeme {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;
constexpr int kCells = 4, kOrientations = 8;
constexpr int kUnrelatedBits = 128 / 2;  // that two descriptors of nothing in common differ in
// Nearest to one another and nearer than this are taken for a pair; what is wrong among them, the
// common map tells.
constexpr int kMaxBits = kUnrelatedBits - 29;
constexpr int kKeypointBytes = 22;
constexpr double kSubPixel = 64, kScaleStep = 32, kAngleStep = 256;

// How far a keypoint may lie from where the map of one pair puts it; that map is rough, for it
// comes from one scale and one angle. Later ones are fitted to many.
constexpr double kRough = 16, kFitted[] = {10, 6, 5, 5};
constexpr double kMaxScaleRatio = 0.6;  // logarithm
constexpr double kMaxTurn = 0.5;        // radians
constexpr double kMaxStretch = 3;       // of one direction against the other

int bit_of(int row, int column, int orientation) {
  return orientation + kOrientations * (column + kCells * row);
}

// Each bit from where `source(row, column, orientation)` says.
template <typename Source>
std::array<uint64_t, 2> rearranged(const std::array<uint64_t, 2>& bits, const Source& source) {
  std::array<uint64_t, 2> result{};
  for (int r = 0; r < kCells; ++r)
    for (int c = 0; c < kCells; ++c)
      for (int o = 0; o < kOrientations; ++o) {
        const auto from = static_cast<size_t>(source(r, c, o));
        const auto to = static_cast<size_t>(bit_of(r, c, o));
        result[to / 64] |= (bits[from / 64] >> from % 64 & 1) << to % 64;
      }
  return result;
}

double remainder_of(double angle) { return std::remainder(angle, kTurn); }

// Both within half a turn of 0.
double angle_between(double a, double b) {
  const double difference = std::abs(a - b);
  return std::min(difference, kTurn - difference);
}

struct Pair {
  const Keypoint* from;
  const Keypoint* to;
};

// Those that are each other's nearest.
std::vector<Pair> pairs_of(const LocalFeatures& from, const LocalFeatures& to) {
  struct Nearest {
    int bits = 129;
    size_t at = 0;
  };
  std::vector<Nearest> of_to(to.keypoints.size()), of_from(from.keypoints.size());
  for (size_t i = 0; i < from.keypoints.size(); ++i)
    for (size_t j = 0; j < to.keypoints.size(); ++j) {
      const auto &a = from.keypoints[i].descriptor, &b = to.keypoints[j].descriptor;
      const int bits = std::popcount(a[0] ^ b[0]) + std::popcount(a[1] ^ b[1]);
      if (bits < of_from[i].bits) of_from[i] = {bits, j};
      if (bits < of_to[j].bits) of_to[j] = {bits, i};
    }
  std::vector<Pair> pairs;
  for (size_t i = 0; i < of_from.size(); ++i)
    if (of_from[i].bits <= kMaxBits && of_to[of_from[i].at].at == i)
      pairs.push_back({&from.keypoints[i], &to.keypoints[of_from[i].at]});
  return pairs;
}

// That of one pair alone: scale, turn and shift.
struct Similarity {
  double log_scale = 0, turn = 0;
  Affine map;
};

Similarity similarity_of(const Pair& pair) {
  const double scale = pair.to->scale / pair.from->scale;
  Similarity s{.log_scale = std::log(scale),
               .turn = remainder_of(pair.to->angle - pair.from->angle),
               .map = {}};
  const double c = scale * std::cos(s.turn), n = scale * std::sin(s.turn);
  s.map = {c, -n, pair.to->x - (c * pair.from->x - n * pair.from->y),
           n, c,  pair.to->y - (n * pair.from->x + c * pair.from->y)};
  return s;
}

bool is_within(double distance, const Affine& map, const Pair& pair) {
  const double x = map.xx * pair.from->x + map.xy * pair.from->y + map.x0 - pair.to->x;
  const double y = map.yx * pair.from->x + map.yy * pair.from->y + map.y0 - pair.to->y;
  return x * x + y * y < distance * distance;
}

std::vector<Pair> agreeing(const std::vector<Pair>& pairs, const Affine& map, double within) {
  std::vector<Pair> inliers;
  for (const Pair& pair : pairs)
    if (is_within(within, map, pair)) inliers.push_back(pair);
  return inliers;
}

// Least squares. None if the pairs lie on a line, or the map would turn a picture inside out.
std::optional<Affine> fit(const std::vector<Pair>& pairs) {
  double mx = 0, my = 0, mu = 0, mv = 0;
  for (const Pair& p : pairs) {
    mx += p.from->x;
    my += p.from->y;
    mu += p.to->x;
    mv += p.to->y;
  }
  const auto n = static_cast<double>(pairs.size());
  mx /= n, my /= n, mu /= n, mv /= n;
  double xx = 0, xy = 0, yy = 0, xu = 0, yu = 0, xv = 0, yv = 0;
  for (const Pair& p : pairs) {
    const double x = p.from->x - mx, y = p.from->y - my, u = p.to->x - mu, v = p.to->y - mv;
    xx += x * x, xy += x * y, yy += y * y;
    xu += x * u, yu += y * u, xv += x * v, yv += y * v;
  }
  const double d = xx * yy - xy * xy;
  if (d <= 1e-6 * xx * yy) return std::nullopt;
  Affine a;
  a.xx = (xu * yy - yu * xy) / d;
  a.xy = (yu * xx - xu * xy) / d;
  a.yx = (xv * yy - yv * xy) / d;
  a.yy = (yv * xx - xv * xy) / d;
  a.x0 = mu - a.xx * mx - a.xy * my;
  a.y0 = mv - a.yx * mx - a.yy * my;
  // The singular values of its 2 × 2 part: how far it stretches each way.
  const double sum = a.xx * a.xx + a.xy * a.xy + a.yx * a.yx + a.yy * a.yy;
  const double det = a.determinant();
  if (det <= 0) return std::nullopt;
  const double root = std::sqrt(std::max(0.0, sum * sum / 4 - det * det));
  const double longest = std::sqrt(sum / 2 + root), shortest = det / longest;
  if (shortest < 1e-3 || longest > kMaxStretch * shortest) return std::nullopt;
  return a;
}

void put(std::vector<uint8_t>& bytes, uint64_t value, int size) {
  for (int i = 0; i < size; ++i) bytes.push_back(static_cast<uint8_t>(value >> 8 * i));
}

uint64_t get(std::span<const uint8_t> bytes, size_t& at, int size) {
  uint64_t value = 0;
  for (int i = 0; i < size; ++i) value |= uint64_t{bytes[at++]} << 8 * i;
  return value;
}

}  // namespace

LocalFeatures mirrored(const LocalFeatures& features) {
  LocalFeatures result = features;
  for (Keypoint& k : result.keypoints) {
    k.x = static_cast<float>(features.width - 1) - k.x;
    k.angle = static_cast<float>(remainder_of(kTurn / 2 - k.angle));
    // Seen along the gradient, left and right change places.
    k.descriptor = rearranged(k.descriptor, [](int r, int c, int o) {
      return bit_of(kCells - 1 - r, c, (kOrientations - o) % kOrientations);
    });
  }
  return result;
}

LocalFeatures negated(const LocalFeatures& features) {
  LocalFeatures result = features;
  for (Keypoint& k : result.keypoints) {
    // Every gradient points the other way, the keypoint's too: so it is seen upside down.
    k.angle = static_cast<float>(remainder_of(k.angle + kTurn / 2));
    k.descriptor = rearranged(k.descriptor, [](int r, int c, int o) {
      return bit_of(kCells - 1 - r, kCells - 1 - c, o);
    });
  }
  return result;
}

std::vector<uint8_t> to_bytes(const LocalFeatures& features) {
  std::vector<uint8_t> bytes;
  bytes.reserve(4 + features.keypoints.size() * kKeypointBytes);
  put(bytes, static_cast<uint64_t>(features.width), 2);
  put(bytes, static_cast<uint64_t>(features.height), 2);
  const auto rounded = [](double value, double most) {
    return static_cast<uint64_t>(std::clamp(std::round(value), 0.0, most));
  };
  for (const Keypoint& k : features.keypoints) {
    put(bytes, rounded(k.x * kSubPixel, 0xFFFF), 2);
    put(bytes, rounded(k.y * kSubPixel, 0xFFFF), 2);
    put(bytes, rounded(std::log2(k.scale * 4) * kScaleStep, 0xFF), 1);
    const double turns = k.angle / kTurn;
    put(bytes, static_cast<uint64_t>(std::round((turns - std::floor(turns)) * kAngleStep)) & 0xFF,
        1);
    for (const uint64_t half : k.descriptor) put(bytes, half, 8);
  }
  return bytes;
}

Result<LocalFeatures> local_features_of(std::span<const uint8_t> bytes) {
  if (bytes.size() < 4 || (bytes.size() - 4) % kKeypointBytes != 0)
    return Error{ErrorCode::kCorrupt, "local features of the wrong size"};
  LocalFeatures features;
  size_t at = 0;
  features.width = static_cast<int>(get(bytes, at, 2));
  features.height = static_cast<int>(get(bytes, at, 2));
  features.keypoints.resize((bytes.size() - 4) / kKeypointBytes);
  for (Keypoint& k : features.keypoints) {
    k.x = static_cast<float>(static_cast<double>(get(bytes, at, 2)) / kSubPixel);
    k.y = static_cast<float>(static_cast<double>(get(bytes, at, 2)) / kSubPixel);
    k.scale =
        static_cast<float>(std::exp2(static_cast<double>(get(bytes, at, 1)) / kScaleStep) / 4);
    k.angle = static_cast<float>(
        remainder_of(static_cast<double>(get(bytes, at, 1)) / kAngleStep * kTurn));
    for (uint64_t& half : k.descriptor) half = get(bytes, at, 8);
  }
  return features;
}

Affine Affine::inverse() const {
  const double d = determinant();
  Affine i{yy / d, -xy / d, 0, -yx / d, xx / d, 0};
  i.x0 = -(i.xx * x0 + i.xy * y0);
  i.y0 = -(i.yx * x0 + i.yy * y0);
  return i;
}

std::optional<Alignment> align(const LocalFeatures& from, const LocalFeatures& to) {
  const std::vector<Pair> pairs = pairs_of(from, to);
  if (std::cmp_less(pairs.size(), kMinInliers)) return std::nullopt;
  std::vector<Similarity> maps;
  for (const Pair& pair : pairs) maps.push_back(similarity_of(pair));
  // Each pair proposes a map; that which most pairs are content with is taken.
  std::vector<Pair> inliers;
  for (const Similarity& proposed : maps) {
    std::vector<Pair> content;
    for (size_t i = 0; i < pairs.size(); ++i)
      if (std::abs(maps[i].log_scale - proposed.log_scale) < kMaxScaleRatio &&
          angle_between(maps[i].turn, proposed.turn) < kMaxTurn &&
          is_within(kRough, proposed.map, pairs[i]))
        content.push_back(pairs[i]);
    if (content.size() > inliers.size()) inliers = std::move(content);
  }
  std::optional<Affine> map;
  for (const double within : kFitted) {
    if (std::cmp_less(inliers.size(), kMinInliers)) return std::nullopt;
    map = fit(inliers);
    if (!map) return std::nullopt;
    inliers = agreeing(pairs, *map, within);
  }
  if (std::cmp_less(inliers.size(), kMinInliers)) return std::nullopt;
  return Alignment{.map = *map, .inliers = static_cast<int>(inliers.size())};
}

}  // namespace mimeme
