// What a user sees: tables on standard output, progress on standard error.
#ifndef MIMEME_APP_TERMINAL_H_
#define MIMEME_APP_TERMINAL_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mimeme {

std::string human_bytes(int64_t bytes);                  // "1.2 GB" (powers of 1000)
std::string human_duration(double seconds);              // "3 h 05 min", "2 min 10 s", "12 s"
std::string human_count(int64_t n);                      // "1,234,567"
std::string count_of(int64_t n, std::string_view noun);  // "1 image", "2,345 images"

struct Context;  // app/commands.h

// Cells may hold anything: they are printed as printable() has them. Columns as wide as their
// widest cell; one whose cells below the first row all begin with a digit is right-aligned, its
// heading too.
void print_table(const Context& context, const std::vector<std::vector<std::string>>& rows);

// A bar with rate and ETA on a terminal; elsewhere a line every ten seconds. Silent if --quiet or
// --json was given. Whoever watches the command (Surroundings::progress) is told in any case. Not
// thread-safe.
class ProgressBar {
 public:
  // REQUIRES: the context outlives it.
  explicit ProgressBar(const Context& context);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // The last one made in this thread that is still there; null if there is none. A library that
  // several commands share tells each of them by this how far it is.
  static ProgressBar* of_this_thread();

  // `total` 0: not known. A change of label starts the clock anew.
  void update(std::string_view label, int64_t done, int64_t total, int64_t failed = 0);
  // Takes the bar off the screen, so that something else can be printed.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  const Context& context_;
  const bool silent_;
  const bool on_terminal_;
  ProgressBar* const outer_;
  std::string label_;
  Clock::time_point start_, last_;
  int64_t first_done_ = 0;
  bool shown_ = false;
};

}  // namespace mimeme

#endif  // MIMEME_APP_TERMINAL_H_
