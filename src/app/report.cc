#include "app/report.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "base/utf8.h"

namespace mimeme {

void print_json(const Context& context, const Json& json) {
  fmt::print(context.out, "{}\n", json.dump());
}

PipelineOptions pipeline_options(const Context& context, const EmbedArguments& arguments) {
  return {.limits = arguments.limits,
          .decode_threads = arguments.threads,
          .encode_threads = arguments.threads,
          .stop = context.stop_on_interrupt()};
}

IngestEvents events_to(const Context& context, ProgressBar& bar) {
  return {
      .progress =
          [&bar](const Progress& p) { bar.update(name_of(p.phase), p.done, p.total, p.failed); },
      .failed =
          [&](const FailedFile& file) {
            bar.clear();
            fmt::print(context.err, "failed: {}: {}\n", printable(file.path),
                       printable(file.error));
          }};
}

WordsEvents words_events_to(const Context& context, ProgressBar& bar) {
  return {.progress =
              [&bar](const WordsProgress& p) {
                bar.update(name_of(p.stage), p.done, p.total, p.failed);
              },
          .failed = events_to(context, bar).failed};
}

ExitCode report(const Context& context, const IngestSummary& s, const WordsSummary* words) {
  const bool cancelled = s.cancelled || (words && words->cancelled);
  const double rate = s.seconds > 0 ? static_cast<double>(s.embedded) / s.seconds : 0;
  if (context.json) {
    Json::Object object{{"embedded", s.embedded},
                        {"known", s.known},
                        {"unchanged", s.unchanged},
                        {"removed", s.removed},
                        {"failed", s.failed},
                        {"failed_before", s.failed_before},
                        {"not_pictures", s.not_pictures},
                        {"excluded", s.excluded},
                        {"cancelled", cancelled},
                        {"seconds", s.seconds}};
    if (s.queued > 0) object.emplace_back("queued", s.queued);
    if (words) {
      Json::Array left_out;
      for (const std::string& why : words->left_out) left_out.emplace_back(to_utf8(why));
      object.emplace_back("words", Json::Object{{"read", words->read},
                                                {"described", words->described},
                                                {"embedded", words->embedded},
                                                {"failed", words->failed},
                                                {"left_out", std::move(left_out)},
                                                {"seconds", words->seconds}});
    }
    print_json(context, object);
  } else if (!context.quiet) {
    std::string line =
        fmt::format("{} in {}",
                    s.queued > 0 ? count_of(s.queued, "file") + " left to workers and done"
                                 : count_of(s.embedded, "image") + " embedded",
                    human_duration(s.seconds));
    if (s.embedded > 0) line += fmt::format(" ({:.1f}/s)", rate);
    const auto mention = [&](int64_t n, const char* what) {
      if (n > 0) line += fmt::format(", {} {}", human_count(n), what);
    };
    mention(s.known, "already known by their bytes");
    mention(s.unchanged, "unchanged");
    mention(s.removed, "gone");
    mention(s.not_pictures, "other files passed over");
    mention(s.excluded, "excluded");
    mention(s.failed, "failed");
    mention(s.failed_before, "failed before and unchanged (mimeme status --failed names them)");
    fmt::print(context.out, "{}\n", line);
    if (words && words->read + words->described + words->embedded + words->failed > 0)
      fmt::print(context.out, "{} read, {} described, {} embedded in {}{}\n",
                 count_of(words->read, "picture"), human_count(words->described),
                 count_of(words->embedded, "text"), human_duration(words->seconds),
                 words->failed > 0 ? fmt::format(", {} failed", human_count(words->failed)) : "");
    if (words)
      for (const std::string& why : words->left_out)
        fmt::print(context.err, "note: {}\n", printable(why));
  }
  if (cancelled)
    fmt::print(context.err, "stopped: what is done is kept; run the same command again to go on\n");
  return cancelled || s.failed > 0 || (words && words->failed > 0) ? kExitPartly : kExitDone;
}

}  // namespace mimeme
