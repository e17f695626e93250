#include "base/clock.h"

#include <chrono>
#include <ctime>

namespace mimeme {

int64_t now_us() {
  using std::chrono::microseconds, std::chrono::system_clock;
  return std::chrono::duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

std::string time_text(int64_t us_since_1970) {
  const time_t seconds = us_since_1970 / 1'000'000;
  tm utc = {};
  gmtime_r(&seconds, &utc);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

}  // namespace mimeme
