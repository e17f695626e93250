// For tests: what a call returns that has to go well.
#ifndef MIMEME_BASE_MUST_H_
#define MIMEME_BASE_MUST_H_

#include <gtest/gtest.h>

#include <utility>

#include "base/result.h"

namespace mimeme {

template <typename T>
T must(Result<T> result) {
  if (!result.ok()) ADD_FAILURE() << result.error().message;
  return std::move(result).value();
}
inline void must(Result<> result) { EXPECT_TRUE(result.ok()) << result.error().message; }

}  // namespace mimeme

#endif  // MIMEME_BASE_MUST_H_
