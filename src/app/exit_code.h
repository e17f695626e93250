// What the program's exit status means; the one table from ErrorCode to it.
#ifndef MIMEME_APP_EXIT_CODE_H_
#define MIMEME_APP_EXIT_CODE_H_

#include "base/result.h"

namespace mimeme {

enum ExitCode {
  kExitDone = 0,          // done, or found
  kExitNothingFound = 1,  // no hit
  kExitUsage = 2,         // the command line is wrong
  kExitPartly = 3,        // done, but for some files that are named, or stopped by Ctrl-C
  kExitFailed = 4,
};

inline ExitCode exit_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return kExitUsage;
    case ErrorCode::kCancelled:
      return kExitPartly;
    default:
      return kExitFailed;
  }
}

}  // namespace mimeme

#endif  // MIMEME_APP_EXIT_CODE_H_
