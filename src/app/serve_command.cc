// serve.
#include <fmt/core.h>

#include <condition_variable>
#include <mutex>

#include "app/commands.h"
#include "app/report.h"
#include "http/api.h"
#include "http/server.h"

namespace mimeme {

Result<ExitCode> serve(const Context& context, const ServeArguments& arguments) {
  const std::stop_token stop = context.stop_on_interrupt();
  ProgressBar bar(context.quiet || context.json);
  const auto library = TRY(open_library(context, Library::Access::kWrite, bar));
  const auto api = TRY(Api::open(*library, arguments.limits));
  const auto server =
      TRY(Server::start({.port = static_cast<uint16_t>(arguments.port),
                         .max_body = static_cast<size_t>(arguments.limits.max_bytes)},
                        [&](const HttpRequest& request) { return (*api)(request); }));
  const std::string address = fmt::format("http://127.0.0.1:{}", server->port());
  if (context.json) {
    print_json(Json::Object{{"address", address}});
  } else if (!context.quiet) {
    fmt::print("serving {} at {}/api/v1/status; Ctrl-C ends it\n", context.library, address);
  }
  std::fflush(stdout);  // whoever started this may wait for the address

  std::mutex mu;
  std::condition_variable_any stopped;
  std::unique_lock lock(mu);
  stopped.wait(lock, stop, [] { return false; });
  server->stop();
  return kExitDone;
}

}  // namespace mimeme
