// The command line.
#ifndef MIMEME_APP_CLI_H_
#define MIMEME_APP_CLI_H_

#include "app/commands.h"

namespace mimeme {

// Parses, runs, prints; returns the exit status. Thread-safe. A command that needs a library which
// a server holds is run by that server (app/command_socket.h).
int run_cli(int argc, const char* const* argv, const Surroundings& surroundings);

}  // namespace mimeme

#endif  // MIMEME_APP_CLI_H_
