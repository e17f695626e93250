#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cstdio>
#include <string>

#include "base/clock.h"
#include "base/json.h"
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

std::atomic<bool> is_json = false;

}  // namespace

void set_log_level(LogLevel level) { logger().set_level(to_vendor(level)); }

void set_log_format(LogFormat format) { is_json = format == LogFormat::kJson; }

void log(LogLevel level, std::string_view message) {
  if (!is_json) return logger().log(to_vendor(level), printable(message));
  if (!logger().should_log(to_vendor(level))) return;
  const Json line(Json::Object{{"time", time_text(now_us())},
                               {"level", level == LogLevel::kDebug ? "debug" : "warning"},
                               {"message", to_utf8(std::string(message))}});
  std::fprintf(stderr, "%s\n", line.dump().c_str());
}

}  // namespace mimeme
