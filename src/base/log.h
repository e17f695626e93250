// Levelled logging to standard error, one line each: "12:03:44 warning search runs without the
// CPU's vector unit". Engine and app log; lower layers return errors. Thread-safe. Control
// characters in the message are replaced, so that a file's name cannot forge a line. As JSON:
// {"time":"2026-11-30T12:03:44Z","level":"warning","message":"…"}. Secrets are never logged.
#ifndef MIMEME_BASE_LOG_H_
#define MIMEME_BASE_LOG_H_

#include <string>
#include <string_view>

namespace mimeme {

enum class LogLevel { kDebug, kWarning };
enum class LogFormat { kText, kJson };

void set_log_level(LogLevel level);     // kWarning until set
void set_log_format(LogFormat format);  // kText until set
void log(LogLevel level, std::string_view message);

}  // namespace mimeme

#endif  // MIMEME_BASE_LOG_H_
