// worker.
#include <fmt/core.h>
#include <unistd.h>

#include "app/commands.h"
#include "app/learn.h"
#include "app/open_library.h"
#include "app/report.h"
#include "engine/worker.h"

namespace mimeme {
namespace {

// Not the process's number alone: containers all have small ones.
std::string name_of_this_process() {
  char host[256] = "";
  ::gethostname(host, sizeof host - 1);
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  return fmt::format("{}/{}/{:x}", host, ::getpid(), now);
}

}  // namespace

Result<ExitCode> worker(const Context& context, const WorkerArguments& arguments) {
  ProgressBar bar(context);
  const auto describer = TRY(ConfiguredDescriber::open(context.library));
  LibraryOptions options = TRY(library_options(context));
  if (options.catalog.empty())
    return Error{ErrorCode::kInvalidArgument,
                 "workers share a library on a PostgreSQL server: --catalog says which"};
  options.search_in = LibraryOptions::SearchIn::kNowhere;
  const PipelineOptions pipeline = pipeline_options(context, arguments);
  const auto library = TRY(Library::open(std::move(options), Library::Access::kCreate));
  const WorkerSummary done =
      TRY(run_worker(*library,
                     {.name = name_of_this_process(),
                      .pipeline = pipeline,
                      .describer = describer.describer(),
                      .words = !arguments.no_words,
                      .until_empty = arguments.until_empty,
                      .lease = std::chrono::seconds(arguments.lease_seconds)},
                     events_to(context, bar), words_events_to(context, bar)));
  bar.clear();
  IngestSummary files = done.files;
  files.cancelled = false;  // that is how a worker ends
  return report(context, files, arguments.no_words ? nullptr : &done.words);
}

}  // namespace mimeme
