#include "app/report.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "base/utf8.h"

namespace mimeme {

void print_json(const Json& json) { fmt::print("{}\n", json.dump()); }

Result<std::unique_ptr<Library>> open_library(const Context& context, Library::Access access,
                                              ProgressBar& bar) {
  auto library =
      Library::open({.directory = context.library,
                     .model_folders = context.model_folders,
                     .progress = [&bar](const char* what, int64_t done,
                                        int64_t total) { bar.update(what, done, total); }},
                    access);
  bar.clear();
  return library;
}

PipelineOptions pipeline_options(const Context& context, const EmbedArguments& arguments) {
  return {.limits = arguments.limits,
          .decode_threads = arguments.threads,
          .encode_threads = arguments.threads,
          .stop = context.stop_on_interrupt()};
}

IngestEvents events_to(ProgressBar& bar) {
  return {.progress =
              [&bar](const Progress& p) {
                static constexpr const char* kLabels[] = {"scanning", "embedding"};
                bar.update(kLabels[static_cast<int>(p.phase)], p.done, p.total, p.failed);
              },
          .failed =
              [&bar](const FailedFile& file) {
                bar.clear();
                fmt::print(stderr, "failed: {}: {}\n", printable(file.path), printable(file.error));
              }};
}

ExitCode report(const Context& context, const IngestSummary& s) {
  const double rate = s.seconds > 0 ? static_cast<double>(s.embedded) / s.seconds : 0;
  if (context.json) {
    print_json(Json::Object{{"embedded", s.embedded},
                            {"known", s.known},
                            {"unchanged", s.unchanged},
                            {"removed", s.removed},
                            {"failed", s.failed},
                            {"failed_before", s.failed_before},
                            {"not_pictures", s.not_pictures},
                            {"excluded", s.excluded},
                            {"cancelled", s.cancelled},
                            {"seconds", s.seconds}});
  } else if (!context.quiet) {
    std::string line =
        fmt::format("{} embedded in {}", count_of(s.embedded, "image"), human_duration(s.seconds));
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
    fmt::print("{}\n", line);
  }
  if (s.cancelled)
    fmt::print(stderr, "stopped: what is done is kept; run the same command again to go on\n");
  return s.cancelled || s.failed > 0 ? kExitPartly : kExitDone;
}

}  // namespace mimeme
