// What several commands print.
#ifndef MIMEME_APP_REPORT_H_
#define MIMEME_APP_REPORT_H_

#include <string>

#include "app/commands.h"
#include "app/open_library.h"
#include "app/terminal.h"
#include "base/json.h"
#include "engine/ingest.h"
#include "engine/words.h"

namespace mimeme {

void print_json(const Context& context, const Json& json);

// Also makes Ctrl-C stop the pipeline.
PipelineOptions pipeline_options(const Context& context, const EmbedArguments& arguments);

// Progress to a bar, failures to standard error as they happen. REQUIRES: both outlive it.
IngestEvents events_to(const Context& context, ProgressBar& bar);
WordsEvents words_events_to(const Context& context, ProgressBar& bar);
// The summary of an ingest or a change of model, and its exit code; `words` may be null.
ExitCode report(const Context& context, const IngestSummary& summary,
                const WordsSummary* words = nullptr);

}  // namespace mimeme

#endif  // MIMEME_APP_REPORT_H_
