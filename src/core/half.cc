#include "core/half.h"

#include <Eigen/Core>

namespace mimeme {

std::vector<Half> to_half(std::span<const float> values) {
  std::vector<Half> out(values.size());
  for (size_t i = 0; i < values.size(); ++i)
    out[i] = Eigen::numext::bit_cast<Half>(Eigen::half(values[i]));
  return out;
}

std::vector<float> to_float(std::span<const Half> values) {
  std::vector<float> out(values.size());
  for (size_t i = 0; i < values.size(); ++i)
    out[i] = static_cast<float>(Eigen::numext::bit_cast<Eigen::half>(values[i]));
  return out;
}

}  // namespace mimeme
