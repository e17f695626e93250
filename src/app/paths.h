// Where things lie on this machine.
#ifndef MIMEME_APP_PATHS_H_
#define MIMEME_APP_PATHS_H_

#include <string>
#include <vector>

namespace mimeme {

// MIMEME_LIBRARY, else $XDG_DATA_HOME/mimeme, else ~/.local/share/mimeme.
std::string default_library();

// MIMEME_CATALOG, else empty.
std::string default_catalog();

// MIMEME_MODELS (folders separated by ':'), else: the user's own ($XDG_DATA_HOME/mimeme-models),
// the installed ones (beside the program: ../share/mimeme/models), the ones that `make setup`
// built.
std::vector<std::string> model_folders();

}  // namespace mimeme

#endif  // MIMEME_APP_PATHS_H_
