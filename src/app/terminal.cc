#include "app/terminal.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

#include "app/commands.h"
#include "base/utf8.h"

namespace mimeme {
namespace {

// Columns that a UTF-8 text takes, as far as we print any: one for each code point.
size_t columns(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

size_t terminal_columns(int fd) {
  winsize size{};
  return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string truncate(const std::string& text, size_t most) {
  if (columns(text) <= most) return text;
  std::string cut;
  size_t used = 0;
  for (const char c : text) {
    if ((c & 0xC0) != 0x80 && ++used > most) break;
    cut += c;
  }
  return cut;
}

thread_local ProgressBar* innermost = nullptr;

}  // namespace

std::string human_bytes(int64_t bytes) {
  static constexpr std::array kUnits{"B", "kB", "MB", "GB", "TB", "PB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes)
                   : fmt::format("{:.{}f} {}", value, value < 10 ? 1 : 0, kUnits[unit]);
}

std::string human_duration(double seconds) {
  const int64_t s = std::llround(seconds);
  if (seconds < 10) return fmt::format("{:.1f} s", seconds);
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {:02} s", s / 60, s % 60);
  return fmt::format("{} h {:02} min", s / 3600, s / 60 % 60);
}

std::string human_count(int64_t n) {
  std::string digits = std::to_string(n);
  for (auto at = static_cast<ptrdiff_t>(digits.size()) - 3; at > (n < 0 ? 1 : 0); at -= 3)
    digits.insert(static_cast<size_t>(at), ",");
  return digits;
}

std::string count_of(int64_t n, std::string_view noun) {
  return fmt::format("{} {}{}", human_count(n), noun, n == 1 ? "" : "s");
}

void print_table(const Context& context, const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> width;
  std::vector<bool> numeric;
  for (size_t r = 0; r < rows.size(); ++r) {
    width.resize(std::max(width.size(), rows[r].size()));
    numeric.resize(width.size(), true);
    for (size_t i = 0; i < rows[r].size(); ++i) {
      const std::string cell = printable(rows[r][i]);
      width[i] = std::max(width[i], columns(cell));
      // The first row is a heading, or a table without numbers.
      if (r > 0 && !cell.empty() && std::isdigit(static_cast<unsigned char>(cell[0])) == 0)
        numeric[i] = false;
    }
  }
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string cell = printable(row[i]);
      const std::string padding(width[i] - columns(cell), ' ');
      line += numeric[i] ? padding + cell : cell + padding;
      if (i + 1 < row.size()) line += "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    fmt::print(context.out, "{}\n", line);
  }
}

ProgressBar::ProgressBar(const Context& context)
    : context_(context),
      silent_(context.quiet || context.json),
      on_terminal_(isatty(context.err_fd) == 1),
      outer_(std::exchange(innermost, this)) {}

ProgressBar::~ProgressBar() {
  clear();
  innermost = outer_;
}

ProgressBar* ProgressBar::of_this_thread() { return innermost; }

void ProgressBar::update(std::string_view label, int64_t done, int64_t total, int64_t failed) {
  if (context_.progress) context_.progress(label, done, total, failed);
  if (silent_) return;
  const auto now = Clock::now();
  if (label != label_) {
    label_ = label;
    start_ = last_ = now;
    first_done_ = done;
    if (!on_terminal_) return;
  } else if (now - last_ <
             (on_terminal_ ? std::chrono::milliseconds(100) : std::chrono::seconds(10))) {
    return;
  }
  last_ = now;

  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double rate = seconds > 0 ? static_cast<double>(done - first_done_) / seconds : 0;
  std::string line = label_ + " ";
  if (total > 0) {
    if (on_terminal_) {
      constexpr int64_t kWidth = 24;
      const auto filled =
          static_cast<size_t>(std::clamp<int64_t>(done * kWidth / total, 0, kWidth));
      line += "[" + std::string(filled, '#') + std::string(kWidth - filled, '.') + "] ";
    }
    line += fmt::format("{}/{} ({} %)", human_count(done), human_count(total), done * 100 / total);
  } else {
    line += human_count(done);
  }
  if (rate > 0) line += fmt::format("  {:.{}f}/s", rate, rate < 100 ? 1 : 0);
  if (rate > 0 && total > done)
    line += "  ETA " + human_duration(static_cast<double>(total - done) / rate);
  if (failed > 0) line += fmt::format("  {} failed", human_count(failed));
  if (on_terminal_) {
    fmt::print(context_.err, "\r\x1b[K{}", truncate(line, terminal_columns(context_.err_fd) - 1));
    std::fflush(context_.err);
    shown_ = true;
  } else {
    fmt::print(context_.err, "{}\n", line);
  }
}

void ProgressBar::clear() {
  if (!shown_) return;
  fmt::print(context_.err, "\r\x1b[K");
  std::fflush(context_.err);
  shown_ = false;
}

}  // namespace mimeme
