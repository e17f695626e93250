// The time of day, as it is kept and as it is told.
#ifndef MIMEME_BASE_CLOCK_H_
#define MIMEME_BASE_CLOCK_H_

#include <cstdint>
#include <string>

namespace mimeme {

int64_t now_us();  // since 1970, UTC

// As RFC 3339 has it, to the second: "2026-11-25T10:00:00Z".
std::string time_text(int64_t us_since_1970);

}  // namespace mimeme

#endif  // MIMEME_BASE_CLOCK_H_
