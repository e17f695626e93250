// Products of vectors on the widest vector unit that the CPU has. Thread-safe.
#ifndef MIMEME_INDEX_KERNELS_H_
#define MIMEME_INDEX_KERNELS_H_

#include <cstdint>
#include <string_view>

#include "core/types.h"

namespace mimeme {

// a · b. |result| ≤ n × 127², so n ≤ 2^17.
using DotInt8 = void (*)(const int8_t* a, const int8_t* b, uint64_t n, int32_t* result);
// 1 − cosine; of a vector of zeros 1, or 0 if both are zeros.
using CosineDistanceHalf = void (*)(const Half* a, const Half* b, uint64_t n, float* result);

struct Kernels {
  DotInt8 dot_int8 = nullptr;
  CosineDistanceHalf cosine_distance_half = nullptr;
  // What the slower of them runs on: "skylake", "haswell"; "serial" is 9–13 times slower than it
  // need be.
  std::string_view isa;
};
const Kernels& kernels();

}  // namespace mimeme

#endif  // MIMEME_INDEX_KERNELS_H_
