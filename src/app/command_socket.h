// <library>/serve.sock: by it a command reaches the server that holds its library, and is run there
// as if it had opened the library itself.
//
// The client sends what it was called with, and its folder and where it prints as descriptors. The
// server runs the command in a thread of its own, which is in that folder and prints there, and
// answers the exit status. What is sent, between programs of the same version:
//
//     client   4 bytes, with the descriptors of the folder, stdout and stderr (SCM_RIGHTS): n
//              n bytes, texts that end with NUL: version, library, argv[0], argv[1], …
//              later: 1 byte for Ctrl-C
//     server   1 byte: the exit status; then, up to the end, what the client is to complain of
//
// Whoever may use it: the user that the server belongs to, and root (mode 0600, SO_PEERCRED).
#ifndef MIMEME_APP_COMMAND_SOCKET_H_
#define MIMEME_APP_COMMAND_SOCKET_H_

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mimeme {

// Of one command, for whoever watches them.
struct CommandProgress {
  int64_t id = 0;       // from 1 on, in the order they came
  std::string command;  // "add /photos"
  std::string label;    // what is being done: "reading words"
  int64_t done = 0, total = 0, failed = 0;
  bool has_ended = false;  // told once, last
};

class CommandSocket {
 public:
  // A client's command. The thread that is given it is in the client's folder, and so are those
  // that it starts.
  struct Command {
    std::string library;            // as the client calls it
    std::vector<std::string> args;  // argv
    std::FILE *out, *err;           // once the client has gone they drop what they are given
    int err_fd;
    // The first call makes it known that the command ends in order on Ctrl-C; the client of one
    // that does not is let go at once, and what it prints from then on is dropped.
    std::function<std::stop_token()> stop_on_interrupt;
    std::stop_token hung_up;  // requested by Ctrl-C, a client that has gone, and stop()
    std::function<void(std::string_view label, int64_t done, int64_t total, int64_t failed)>
        progress;
  };
  // Returns the exit status. Called from several threads at once; what it throws, the client is
  // told.
  using Run = std::function<int(const Command&)>;
  using Watch = std::function<void(const CommandProgress&)>;  // from those threads

  // Takes commands from now on. REQUIRES: the caller holds the library's lock, so that a socket
  // that is there is one of a server that was killed; `directory` is there. kIo.
  static Result<std::unique_ptr<CommandSocket>> listen(
      const std::string& directory, Run run, Watch watch = [](const CommandProgress&) {});
  ~CommandSocket();  // stop(), then waits as long as it takes

  // Takes no more, requests the stop of those that run, and waits for them. False if some are not
  // done in time. From one thread at a time.
  bool stop(std::chrono::milliseconds timeout);

 private:
  struct Impl;
  explicit CommandSocket(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The client: has the server that holds the library, if there is one, run this process's command,
// and returns its exit status; nullopt if there is none. Ends the process by the signal by which
// the command would have ended. kUnavailable: the server ended meanwhile. kBusy: it refuses, and
// says why.
Result<std::optional<int>> run_in_server(const std::string& library, int argc,
                                         const char* const* argv,
                                         const std::function<std::stop_token()>& stop_on_interrupt);

}  // namespace mimeme

#endif  // MIMEME_APP_COMMAND_SOCKET_H_
