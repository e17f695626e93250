// Levelled logging to standard error, one line each: "12:03:44 warning search runs without the
// CPU's vector unit". Engine and app log; lower layers return errors. Thread-safe. Control
// characters in the message are replaced, so that a file's name cannot forge a line.
#ifndef MIMEME_BASE_LOG_H_
#define MIMEME_BASE_LOG_H_

#include <string>
#include <string_view>

namespace mimeme {

enum class LogLevel { kDebug, kWarning };

void set_log_level(LogLevel level);  // kWarning until set
void log(LogLevel level, std::string_view message);

}  // namespace mimeme

#endif  // MIMEME_BASE_LOG_H_
