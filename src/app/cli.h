// The command line.
#ifndef MIMEME_APP_CLI_H_
#define MIMEME_APP_CLI_H_

#include <functional>
#include <stop_token>

namespace mimeme {

// Parses, runs, prints; returns the exit status. `stop_on_interrupt`: see Context.
int run_cli(int argc, const char* const* argv, std::function<std::stop_token()> stop_on_interrupt);

}  // namespace mimeme

#endif  // MIMEME_APP_CLI_H_
