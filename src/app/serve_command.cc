// serve.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <map>
#include <mutex>
#include <vector>

#include "app/cli.h"
#include "app/command_socket.h"
#include "app/commands.h"
#include "app/config.h"
#include "app/learn.h"
#include "app/open_library.h"
#include "app/report.h"
#include "base/log.h"
#include "base/thread_count.h"
#include "http/answers.h"
#include "http/api.h"
#include "http/guard.h"
#include "http/server.h"

namespace mimeme {
namespace {

constexpr std::chrono::seconds kCommandsEndWithin{30};
constexpr std::chrono::seconds kFollowEvery{1};  // what other processes do to a catalog on a server
// The web app asks for some hundred thumbnails when a page is opened, and then as it is scrolled.
constexpr double kRate = 50, kBurst = 1000;
constexpr size_t kForm = 64 << 10;  // what a form may have around a picture of --max-bytes

// What the server can be asked to do in the background: the commands of the same meaning. They take
// turns with the commands of clients.
std::map<std::string, Jobs::Work> work_on(SharedLibrary& shared, const DecodeLimits& limits) {
  // Half of the cores: the other half answers.
  const int threads = std::max(thread_count(0) / 2, 1);
  const auto in_turn = [&shared](auto work) -> Jobs::Work {
    return [&shared, work](const Jobs::Report& report, const std::stop_token& stop) -> Result<> {
      const auto turn = TRY(shared.take_turn(stop));
      return work(shared.library(), report, stop);
    };
  };
  static const Result<> kStopped = Error{ErrorCode::kCancelled, "stopped"};
  const auto words = [limits, threads](Library& library, const Jobs::Report& report,
                                       const std::stop_token& stop) -> Result<> {
    const auto describer = TRY(ConfiguredDescriber::open(library.directory()));
    const auto summary = TRY(learn_words(
        library,
        {.threads = threads, .limits = limits, .stop = stop, .describer = describer.describer()},
        {.progress = [&](const WordsProgress& p) {
          report({.stage = name_of(p.stage), .done = p.done, .total = p.total, .failed = p.failed});
        }}));
    return summary.cancelled ? kStopped : Result<>();
  };
  const auto scan = [limits, threads, words](Library& library, const Jobs::Report& report,
                                             const std::stop_token& stop) -> Result<> {
    const auto summary = TRY(ingest(
        library,
        {.pipeline = {.limits = limits,
                      .decode_threads = threads,
                      .encode_threads = threads,
                      .stop = stop}},
        {.progress = [&](const Progress& p) {
          report({.stage = name_of(p.phase), .done = p.done, .total = p.total, .failed = p.failed});
        }}));
    return summary.cancelled ? kStopped : words(library, report, stop);
  };
  const auto pca = [](Library& library, const Jobs::Report& report,
                      const std::stop_token& stop) -> Result<> {
    report({.stage = "fitting"});
    TRY(library.fit_pca({}, stop));
    return {};
  };
  // Reads only, so it waits for nobody's turn.
  const auto compare = [&shared, threads](const Jobs::Report& report, const std::stop_token& stop) {
    return shared.comparison().compare(
        {.threads = threads,
         .progress =
             [&](int64_t done, int64_t total) {
               report({.stage = "comparing", .done = done, .total = total});
             },
         .stop = stop});
  };
  return {{"scan", in_turn(scan)},
          {"words", in_turn(words)},
          {"pca", in_turn(pca)},
          {"duplicates", compare}};
}

AccessOptions access_options(const Config::Serve& settings) {
  const bool is_private = settings.is_private();
  return {.anonymous = settings.anonymous.value_or(is_private ? Scope::kAdmin : Scope::kNone),
          .proxies = settings.proxies,
          .rate = settings.rate.value_or(is_private ? 0 : kRate),
          .burst = settings.burst.value_or(kBurst)};
}

// A client's command, on the library that the server holds.
int run_for_client(const CommandSocket::Command& command, SharedLibrary& library) {
  std::vector<const char*> argv;
  for (const std::string& arg : command.args) argv.push_back(arg.c_str());
  return run_cli(static_cast<int>(argv.size()), argv.data(),
                 {.out = command.out,
                  .err = command.err,
                  .err_fd = command.err_fd,
                  .stop_on_interrupt = command.stop_on_interrupt,
                  .progress = command.progress,
                  .held = &library,
                  .held_as = command.library,
                  .hung_up = command.hung_up});
}

// Shows commands that take their time among the jobs. Thread-safe.
class ShownCommands {
 public:
  explicit ShownCommands(Jobs& jobs) : jobs_(jobs) {}

  void tell(const CommandProgress& command) {
    const std::lock_guard lock(mu_);
    auto shown = numbers_.find(command.id);
    if (shown == numbers_.end()) {
      if (command.label.empty() || command.has_ended) return;
      shown = numbers_.emplace(command.id, jobs_.show(command.command)).first;
    }
    jobs_.update(shown->second, {.stage = command.label,
                                 .done = command.done,
                                 .total = command.total,
                                 .failed = command.failed});
    if (!command.has_ended) return;
    jobs_.end(shown->second);
    numbers_.erase(shown);
  }

 private:
  Jobs& jobs_;
  std::mutex mu_;
  std::map<int64_t, int64_t> numbers_;  // of commands → of jobs; guarded by mu_
};

}  // namespace

Result<ExitCode> serve(const Context& context, const ServeArguments& arguments) {
  const std::stop_token stop = context.stop_on_interrupt();
  ProgressBar bar(context);
  // An empty library is a beginning: pictures can be sent to it.
  const auto library = TRY(
      open_library(context, Library::Access::kCreate, bar, {.when = Merge::kBehind, .stop = stop}));
  Config::Serve settings = TRY(read_config(library->directory())).serve;
  if (!arguments.address.empty()) settings.address = arguments.address;
  if (parse_address(settings.address).empty())
    return Error{ErrorCode::kInvalidArgument,
                 "--address: " + settings.address + " is no address: 127.0.0.1, 0.0.0.0, ::1, ::"};
  if (arguments.anonymous) settings.anonymous = arguments.anonymous;
  const AccessOptions options = access_options(settings);
  SharedLibrary shared(*library);
  Events events;
  std::unique_ptr<Server> server;
  Jobs jobs([&](const Job& job) {
    events.publish("job", to_json(job));
    if (job.ended_at_us != 0) publish_size(*library, events);
  });
  const auto api = TRY(Api::open(*library, jobs, events,
                                 {.limits = arguments.limits,
                                  .jobs = work_on(shared, arguments.limits),
                                  .comparison = &shared.comparison(),
                                  .fetch = {.allowed = settings.fetch_urls,
                                            // The other workers answer, however slow the web is.
                                            .at_once = std::max(thread_count(0) / 2, 1),
                                            .stop = stop},
                                  .access = options}));
  server = TRY(Server::start(
      {.address = settings.address,
       .port = static_cast<uint16_t>(arguments.port),
       .max_body = static_cast<size_t>(arguments.limits.max_bytes) + kForm},
      guarded(settings.hosts, [&](const HttpRequest& request) { return (*api)(request); })));
  events.attach([&](const std::string& text) { server->publish(text); });
  library->access_keys().on_revoked([&] { server->end_streams(); });
  ShownCommands shown(jobs);
  const auto commands = CommandSocket::listen(
      library->directory(),
      [&](const CommandSocket::Command& command) { return run_for_client(command, shared); },
      [&](const CommandProgress& command) { shown.tell(command); });
  if (!commands)
    log(LogLevel::kWarning, "no other command can use the library: " + commands.error().message);
  const bool is_v6 = settings.address.find(':') != std::string::npos;
  const std::string host = is_v6 ? '[' + settings.address + ']' : settings.address;
  const std::string address = fmt::format("http://{}:{}", host, server->port());
  if (options.anonymous == Scope::kNone && library->access_keys().list().empty())
    log(LogLevel::kWarning, "nobody may do anything yet: `mimeme keys create NAME` makes a key");
  if (options.anonymous > Scope::kRead && !is_loopback(parse_address(settings.address)))
    log(LogLevel::kWarning, "everyone who can connect may change the library: anonymous = \"" +
                                std::string(name_of(options.anonymous)) + '"');
  if (context.json) {
    print_json(context, Json::Object{{"address", address}});
  } else if (!context.quiet) {
    fmt::print(context.out, "serving {} at {}; Ctrl-C ends it\n", context.library, address);
  }
  std::fflush(context.out);  // whoever started this may wait for the address

  std::mutex mu;
  std::condition_variable_any stopped;
  std::unique_lock lock(mu);
  const auto never = [] { return false; };
  if (library->options().catalog.empty()) stopped.wait(lock, stop, never);
  // On a server's catalog others work too.
  std::string told;
  while (!stop.stop_requested()) {
    stopped.wait_for(lock, stop, kFollowEvery, never);
    const auto followed = library->catch_up();
    const std::string trouble = followed ? "" : followed.error().message;
    if (!trouble.empty() && trouble != told) log(LogLevel::kWarning, trouble);
    told = trouble;
  }
  // One that does not end in time ends with the process, which costs no more than kill −9.
  if (commands && !(*commands)->stop(kCommandsEndWithin)) {
    log(LogLevel::kWarning, "a command that was still at work has been broken off");
    std::_Exit(kExitFailed);
  }
  library->access_keys().on_revoked(nullptr);
  events.attach(nullptr);
  server->stop();
  return kExitDone;
}

}  // namespace mimeme
