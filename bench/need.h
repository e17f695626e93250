// For measurements, which have no use for an error: its value, or the end with the error's message.
#ifndef MIMEME_BENCH_NEED_H_
#define MIMEME_BENCH_NEED_H_

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/result.h"

namespace mimeme {

template <typename T>
T need(Result<T> result) {
  if (result.ok()) return std::move(result).value();
  std::fprintf(stderr, "bench: %s\n", result.error().message.c_str());
  std::exit(1);
}
inline void need(Result<> result) {
  need(result.ok() ? Result<bool>(true) : Result<bool>(std::move(result).error()));
}

}  // namespace mimeme

#endif  // MIMEME_BENCH_NEED_H_
