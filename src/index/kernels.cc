#include "index/kernels.h"

#include <bit>
#include <cstdlib>
#include <usearch/index_plugins.hpp>

namespace mimeme {
namespace {

template <typename Kernel>
bool find(nk_kernel_kind_t kind, nk_dtype_t input, nk_dtype_t output, Kernel& kernel) {
  if (nk_kernel_output_dtype(kind, input) != output) std::abort();  // another NumKong than ours
  nk_kernel_punned_t found = nullptr;
  nk_capability_t unit = nk_cap_any_k;
  nk_find_kernel_punned(kind, input, nk_capabilities(), &found, &unit);
  if (found == nullptr) std::abort();
  kernel = std::bit_cast<Kernel>(found);
  return unit == nk_cap_serial_k;
}

std::string_view isa_of(unum::usearch::scalar_kind_t scalar) {
  const unum::usearch::metric_punned_t metric(1, unum::usearch::metric_kind_t::cos_k, scalar);
  return metric.isa_name();
}

}  // namespace

const Kernels& kernels() {
  static const Kernels only = [] {
    Kernels found;
    const bool is_dot_serial = find(nk_kernel_dot_k, nk_i8_k, nk_i32_k, found.dot_int8);
    find(nk_kernel_angular_k, nk_f16_k, nk_f32_k, found.cosine_distance_half);
    found.isa = is_dot_serial ? "serial" : isa_of(unum::usearch::scalar_kind_t::f16_k);
    return found;
  }();
  return only;
}

}  // namespace mimeme
