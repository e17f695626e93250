#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace mimeme {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return Error{ErrorCode::kInvalidArgument, std::to_string(n) + " is odd"};
  return n / 2;
}

Result<int> quarter(int n) { return TRY(half(TRY(half(n), "first")), "second"); }

TEST(Result, TryPassesValuesOnAndErrorsUpWithContext) {
  EXPECT_EQ(*quarter(12), 3);
  EXPECT_EQ(quarter(7).error().message, "first: 7 is odd");
  EXPECT_EQ(quarter(6).error().message, "second: 3 is odd");
  EXPECT_EQ(quarter(6).error().code, ErrorCode::kInvalidArgument);
}

TEST(Result, CarriesMoveOnlyValues) {
  const auto make = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(7); };
  const auto use = [&]() -> Result<int> { return *TRY(make()); };
  EXPECT_EQ(*use(), 7);
}

TEST(Result, OfNothingIsOkUntilItIsAnError) {
  const auto fail = [](bool yes) -> Result<> {
    if (yes) return Error{ErrorCode::kIo, "disk full"};
    return {};
  };
  EXPECT_TRUE(fail(false).ok());
  EXPECT_EQ(fail(true).error().message, "disk full");
}

}  // namespace
}  // namespace mimeme
