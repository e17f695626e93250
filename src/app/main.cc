// The composition root: signals, libraries, the command line, and the only catch-all.
#include <fcntl.h>
#include <semaphore.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stop_token>
#include <string>
#include <thread>

#include "app/cli.h"
#include "app/exit_code.h"
#include "base/json.h"
#include "base/log.h"
#include "base/utf8.h"
#include "media/decode.h"
#include "media/isolation.h"

// Of jemalloc: what was freed is given back by a thread of its own, seconds later, also when
// nothing allocates any more (docs/decisions/0027).
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "background_thread:true";
}

namespace {

// A descriptor 0..2 that is closed would be given to the next file that is opened, and what is
// printed would be written into the catalog.
bool occupy_standard_descriptors() {
  for (int fd = 0; fd <= 2; ++fd)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd) return false;
  return true;
}

sem_t interrupted;  // posted by the handler: all that a handler may do

// From now on Ctrl-C and SIGTERM request a stop, and a second one ends the process at once.
// (Blocking them in all threads but one would be simpler, but OpenBLAS starts threads before main.)
std::stop_token stop_on_interrupt() {
  const std::stop_source source;
  sem_init(&interrupted, 0, 0);
  std::thread([stop = source]() mutable {
    const auto wait = [] {
      while (sem_wait(&interrupted) != 0) {
      }
    };
    wait();
    stop.request_stop();
    wait();
    std::_Exit(128 + SIGINT);
  }).detach();
  struct sigaction action = {};
  action.sa_handler = [](int) { sem_post(&interrupted); };
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return source.get_token();
}

// DuckDB throws where nothing catches when it cannot undo a change, because the disk fails again.
// To end at once is right then: what was committed is on the disk, and the next start sees to the
// rest. Anything else is a bug of ours.
[[noreturn]] void end_at_once() noexcept {
  try {
    if (std::current_exception()) throw;
  } catch (const std::exception& e) {
    const auto json = mimeme::Json::parse(e.what());
    const auto message = json ? json->get_string("exception_message") : json.error();
    if (message) {
      std::fprintf(stderr, "mimeme: ended at once (%s); what was committed is kept\n",
                   mimeme::printable(*message).c_str());
      std::_Exit(mimeme::kExitFailed);
    }
    std::fprintf(stderr, "mimeme: internal error: %s\n", e.what());
  } catch (...) {
    std::fprintf(stderr, "mimeme: internal error, of an unknown kind\n");
  }
  std::abort();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && argv[1] == mimeme::IsolationOptions().argument)
    return mimeme::run_decode_worker(mimeme::decode_here);
  std::set_terminate(end_at_once);
  std::signal(SIGCHLD, SIG_DFL);  // ignored, as some start us, children could not be waited for
  if (!occupy_standard_descriptors()) return mimeme::kExitFailed;
  try {
    if (const auto started = mimeme::init_media(); !started) {
      std::fprintf(stderr, "mimeme: %s\n", started.error().message.c_str());
      return mimeme::kExitFailed;
    }
    mimeme::isolate_decoding({.on_unconfined = [] {
      mimeme::log(mimeme::LogLevel::kWarning,
                  "this kernel has no seccomp filters: pictures are decoded in processes of their "
                  "own, but these may open files");
    }});
    return mimeme::run_cli(argc, argv, {.stop_on_interrupt = stop_on_interrupt});
  } catch (const std::exception& e) {
    std::fprintf(stderr, "mimeme: internal error: %s\n", e.what());
    return mimeme::kExitFailed;
  }
}
