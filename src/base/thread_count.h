// How many threads an option means.
#ifndef MIMEME_BASE_THREAD_COUNT_H_
#define MIMEME_BASE_THREAD_COUNT_H_

#include <algorithm>
#include <thread>

namespace mimeme {

// `wanted`; 0: one for each core.
inline int thread_count(int wanted) {
  return wanted > 0 ? wanted : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

}  // namespace mimeme

#endif  // MIMEME_BASE_THREAD_COUNT_H_
