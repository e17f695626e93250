// serve.
#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>

#include "app/commands.h"
#include "app/learn.h"
#include "app/report.h"
#include "base/thread_count.h"
#include "http/answers.h"
#include "http/api.h"
#include "http/server.h"

namespace mimeme {
namespace {

// What the server can be asked to do in the background: the commands of the same meaning.
std::map<std::string, Jobs::Work> work_on(Library& library, const DecodeLimits& limits) {
  // Half of the cores: the other half answers.
  const int threads = std::max(thread_count(0) / 2, 1);
  const auto words = [&library, limits, threads](const Jobs::Report& report,
                                                 const std::stop_token& stop) -> Result<> {
    const auto describer = TRY(ConfiguredDescriber::open(library.directory()));
    TRY(learn_words(
        library,
        {.threads = threads, .limits = limits, .stop = stop, .describer = describer.describer()},
        {.progress = [&](const WordsProgress& p) {
          report({.stage = name_of(p.stage), .done = p.done, .total = p.total, .failed = p.failed});
        }}));
    return {};
  };
  const auto scan = [&library, limits, threads, words](const Jobs::Report& report,
                                                       const std::stop_token& stop) -> Result<> {
    TRY(ingest(
        library,
        {.pipeline = {.limits = limits,
                      .decode_threads = threads,
                      .encode_threads = threads,
                      .stop = stop}},
        {.progress = [&](const Progress& p) {
          report({.stage = name_of(p.phase), .done = p.done, .total = p.total, .failed = p.failed});
        }}));
    return stop.stop_requested() ? Result<>() : words(report, stop);
  };
  const auto pca = [&library](const Jobs::Report& report, const std::stop_token&) -> Result<> {
    report({.stage = "fitting"});
    TRY(library.fit_pca({}));
    return {};
  };
  return {{"scan", scan}, {"words", words}, {"pca", pca}};
}

}  // namespace

Result<ExitCode> serve(const Context& context, const ServeArguments& arguments) {
  const std::stop_token stop = context.stop_on_interrupt();
  ProgressBar bar(context.quiet || context.json);
  // An empty library is a beginning: pictures can be sent to it.
  std::atomic<bool> opening = true;  // later it is told of on many threads
  const auto library = TRY(Library::open({.directory = context.library,
                                          .model_folders = context.model_folders,
                                          .progress =
                                              [&](const char* what, int64_t done, int64_t total) {
                                                if (opening) bar.update(what, done, total);
                                              }},
                                         Library::Access::kCreate));
  opening = false;
  bar.clear();
  Events events;
  std::unique_ptr<Server> server;
  Jobs jobs([&](const Job& job) {
    events.publish("job", to_json(job));
    if (job.ended_at_us == 0) return;
    if (const auto counts = library->catalog().counts())
      events.publish("library", Json::Object{{"images", counts->images}});
  });
  const auto api =
      TRY(Api::open(*library, jobs, events,
                    {.limits = arguments.limits, .jobs = work_on(*library, arguments.limits)}));
  server = TRY(Server::start({.port = static_cast<uint16_t>(arguments.port),
                              .max_body = static_cast<size_t>(arguments.limits.max_bytes)},
                             [&](const HttpRequest& request) { return (*api)(request); }));
  events.attach([&](const std::string& text) { server->publish(text); });
  const std::string address = fmt::format("http://127.0.0.1:{}", server->port());
  if (context.json) {
    print_json(Json::Object{{"address", address}});
  } else if (!context.quiet) {
    fmt::print("serving {} at {}; Ctrl-C ends it\n", context.library, address);
  }
  std::fflush(stdout);  // whoever started this may wait for the address

  std::mutex mu;
  std::condition_variable_any stopped;
  std::unique_lock lock(mu);
  stopped.wait(lock, stop, [] { return false; });
  events.attach(nullptr);
  server->stop();
  return kExitDone;
}

}  // namespace mimeme
