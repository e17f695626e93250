// Errors as values: Result<T> holds a T or an Error, TRY passes an Error up.
//
//     Result<Image> decode(Bytes bytes);
//     auto image = TRY(decode(bytes));        // returns the Error to the caller
//     auto image = TRY(decode(bytes), path);  // the same, with "path: " before its message
//
// Ingesting other people's files makes failure ordinary and per item, so nothing here throws.
// (std::expected needs C++23; this is the part of it that is used.)
#ifndef MIMEME_BASE_RESULT_H_
#define MIMEME_BASE_RESULT_H_

#include <cassert>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace mimeme {

// What went wrong, as far as a caller acts on it. One table maps these to exit codes (app/).
enum class ErrorCode {
  kInvalidArgument,  // the caller's own words: a flag, an id, a query
  kNotFound,         // no such file, image, model
  kUnsupported,      // a format that is refused, a model whose shape does not fit
  kCorrupt,          // bytes that do not decode, a checksum that differs
  kTooLarge,         // over a limit in bytes, pixels or frames
  kBusy,             // another process holds the library
  kUnavailable,      // a service does not answer: the same may work later
  kConflict,         // a newer library version, another model
  kForbidden,        // the owner has not allowed it
  kUnauthenticated,  // it takes a key
  kRateLimited,      // more was asked than one may ask: the same may work later
  kUnreachable,      // nothing can be had from an address that somebody gave
  kCancelled,        // Ctrl-C
  kIo,               // the disk or the operating system said no
  kInternal,         // our own bug, or a vendor library's
};

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;  // lower case, no full stop: "truncated JPEG"
};

// "what: message". An empty `what` changes nothing.
inline Error with_context(Error error, std::string_view what) {
  if (!what.empty()) error.message = std::string(what) + ": " + error.message;
  return error;
}
inline Error with_context(Error error) { return error; }

template <typename T = void>
class [[nodiscard]] Result {
 public:
  // Implicit by design: `return value;` and `return Error{…};`.
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // REQUIRES: ok().
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // REQUIRES: !ok().
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), ok_(false) {}  // NOLINT: implicit by design

  bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  void value() const { assert(ok_); }
  const Error& error() const& {
    assert(!ok_);
    return error_;
  }
  Error&& error() && {
    assert(!ok_);
    return std::move(error_);
  }

 private:
  Error error_;
  bool ok_ = true;
};

}  // namespace mimeme

// A GNU statement expression: the only way to have `auto x = TRY(f());` before C++23. The counter
// keeps nested ones from shadowing one another.
#define TRY(expression, ...) \
  MIMEME_TRY_(MIMEME_CONCAT_(try_result_, __COUNTER__), expression, __VA_ARGS__)
#define MIMEME_CONCAT_(a, b) MIMEME_CONCAT_2_(a, b)
#define MIMEME_CONCAT_2_(a, b) a##b
#define MIMEME_TRY_(result, expression, ...)                                               \
  __extension__({                                                                          \
    auto result = (expression);                                                            \
    if (!result.ok())                                                                      \
      return ::mimeme::with_context(std::move(result).error() __VA_OPT__(, ) __VA_ARGS__); \
    std::move(result).value();                                                             \
  })

#endif  // MIMEME_BASE_RESULT_H_
