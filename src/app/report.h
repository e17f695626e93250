// What several commands print.
#ifndef MIMEME_APP_REPORT_H_
#define MIMEME_APP_REPORT_H_

#include <string>

#include "app/commands.h"
#include "app/terminal.h"
#include "base/json.h"
#include "engine/ingest.h"

namespace mimeme {

void print_json(const Json& json);

// An absolute path as it may be printed: valid UTF-8, no control characters.
std::string printable(const std::string& path);

LibraryOptions library_options(const Context& context);

// Progress to a bar, failures to standard error as they happen.
IngestEvents events_to(ProgressBar& bar);
// The summary of an ingest or a change of model, and its exit code.
ExitCode report(const Context& context, const IngestSummary& summary);

}  // namespace mimeme

#endif  // MIMEME_APP_REPORT_H_
