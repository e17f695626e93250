#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "base/utf8.h"

namespace mimeme {
namespace {

spdlog::level::level_enum to_vendor(LogLevel level) {
  return level == LogLevel::kDebug ? spdlog::level::debug : spdlog::level::warn;
}

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = spdlog::stderr_color_mt("mimeme");
    made->set_pattern("%H:%M:%S %^%l%$ %v");
    made->set_level(spdlog::level::warn);
    return made;
  }();
  return *instance;
}

}  // namespace

void set_log_level(LogLevel level) { logger().set_level(to_vendor(level)); }

void log(LogLevel level, std::string_view message) {
  logger().log(to_vendor(level), printable(message));
}

}  // namespace mimeme
