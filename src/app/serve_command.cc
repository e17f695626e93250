// serve.
#include <fmt/core.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <vector>

#include "app/cli.h"
#include "app/command_socket.h"
#include "app/commands.h"
#include "app/open_library.h"
#include "app/report.h"
#include "base/log.h"
#include "http/api.h"
#include "http/server.h"

namespace mimeme {
namespace {

constexpr std::chrono::seconds kCommandsEndWithin{30};

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

}  // namespace

Result<ExitCode> serve(const Context& context, const ServeArguments& arguments) {
  const std::stop_token stop = context.stop_on_interrupt();
  ProgressBar bar(context);
  const auto library = TRY(open_library(context, Library::Access::kWrite, bar));
  const auto api = TRY(Api::open(*library, arguments.limits));
  const auto server =
      TRY(Server::start({.port = static_cast<uint16_t>(arguments.port),
                         .max_body = static_cast<size_t>(arguments.limits.max_bytes)},
                        [&](const HttpRequest& request) { return (*api)(request); }));
  SharedLibrary shared(*library);
  const auto commands = CommandSocket::listen(
      library->directory(),
      [&](const CommandSocket::Command& command) { return run_for_client(command, shared); });
  if (!commands)
    log(LogLevel::kWarning, "no other command can use the library: " + commands.error().message);
  const std::string address = fmt::format("http://127.0.0.1:{}", server->port());
  if (context.json) {
    print_json(context, Json::Object{{"address", address}});
  } else if (!context.quiet) {
    fmt::print(context.out, "serving {} at {}/api/v1/status; Ctrl-C ends it\n", context.library,
               address);
  }
  std::fflush(context.out);  // whoever started this may wait for the address

  std::mutex mu;
  std::condition_variable_any stopped;
  std::unique_lock lock(mu);
  stopped.wait(lock, stop, [] { return false; });
  // One that does not end in time ends with the process, which costs no more than kill −9.
  if (commands && !(*commands)->stop(kCommandsEndWithin)) {
    log(LogLevel::kWarning, "a command that was still at work has been broken off");
    std::_Exit(kExitFailed);
  }
  server->stop();
  return kExitDone;
}

}  // namespace mimeme
