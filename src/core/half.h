// IEEE 754 binary16 ↔ float, rounding to nearest even. Pure; safe from any thread.
#ifndef MIMEME_CORE_HALF_H_
#define MIMEME_CORE_HALF_H_

#include <span>
#include <vector>

#include "core/types.h"

namespace mimeme {

std::vector<Half> to_half(std::span<const float> values);
std::vector<float> to_float(std::span<const Half> values);

}  // namespace mimeme

#endif  // MIMEME_CORE_HALF_H_
