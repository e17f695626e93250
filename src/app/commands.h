// The commands, each a function of its arguments that prints its answer and returns the exit code.
// cli.cc parses the command line into these.
#ifndef MIMEME_APP_COMMANDS_H_
#define MIMEME_APP_COMMANDS_H_

#include <unistd.h>

#include <cstdio>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "app/exit_code.h"
#include "base/result.h"
#include "core/access_key.h"
#include "core/types.h"
#include "media/decode.h"

namespace mimeme {

class SharedLibrary;  // app/open_library.h

// What a command gets from whoever runs it: main(), or a server for a client. A command uses these
// instead of the process's own streams and signals.
struct Surroundings {
  std::FILE* out = stdout;
  std::FILE* err = stderr;
  int err_fd = STDERR_FILENO;  // below `err`: whether it is a terminal, and how wide
  // Makes Ctrl-C request a stop from now on. Commands that do not ask for it simply end. Most
  // change the library in one transaction; of `import` and of `remove A B` what was committed until
  // then stays, and an `export` that was cut short is not taken for a whole one.
  std::function<std::stop_token()> stop_on_interrupt;
  // Told how far the command is, if anybody wants to know; from the command's own thread.
  std::function<void(std::string_view label, int64_t done, int64_t total, int64_t failed)> progress;
  // In a server: the library that it holds. Null: the command opens the library itself.
  SharedLibrary* held = nullptr;
  std::string held_as;  // what the client calls it, in place of the command line's --library
  std::stop_token
      hung_up;  // in a server: nobody waits for the command any more, or the server ends
};

// What every command is told.
struct Context : Surroundings {
  std::string library;
  std::string catalog;  // empty: what mimeme.toml says
  std::string replica;  // the same
  std::vector<std::string> model_folders;
  bool json = false;
  bool quiet = false;
};

// How pictures are decoded and embedded.
struct EmbedArguments {
  int threads = 0;  // 0: one for each core
  DecodeLimits limits;
};

struct AddArguments : EmbedArguments {
  std::vector<std::string> paths;
  std::vector<std::string> exclude;
  bool retry_failed = false;
  bool no_words = false;
  bool queue = false;
};
Result<ExitCode> add(const Context& context, const AddArguments& arguments);

struct WorkerArguments : EmbedArguments {
  int lease_seconds = 60;
  bool no_words = false;
  bool until_empty = false;
};
// Until Ctrl-C or SIGTERM; what it has not come to is for others.
Result<ExitCode> worker(const Context& context, const WorkerArguments& arguments);

struct SimilarArguments {
  std::string query;  // a file, or an image id
  int limit = 20;
  double min_similarity = 0;
  DecodeLimits limits;
};
Result<ExitCode> similar(const Context& context, const SimilarArguments& arguments);

struct SearchArguments {
  std::vector<std::string> words;  // as they were typed, one argument each
  int limit = 20;
  double min_similarity = 0;
};
Result<ExitCode> search(const Context& context, const SearchArguments& arguments);

struct ServeArguments {
  int port = 8080;                 // 0: any that is free
  std::string address;             // empty: that of mimeme.toml
  std::optional<Scope> anonymous;  // none: that of mimeme.toml
  DecodeLimits limits;
};
// Until Ctrl-C or SIGTERM; what is in flight then is answered.
Result<ExitCode> serve(const Context& context, const ServeArguments& arguments);

struct KeysCreateArguments {
  std::string name;
  Scope scope = Scope::kRead;
};
Result<ExitCode> keys_create(const Context& context, const KeysCreateArguments& arguments);
Result<ExitCode> keys_list(const Context& context);
Result<ExitCode> keys_revoke(const Context& context, const std::string& name);

struct RemoveArguments {
  std::vector<std::string> targets;  // files, folders, image ids
};
Result<ExitCode> remove(const Context& context, const RemoveArguments& arguments);

struct StatusArguments {
  bool failed = false;
};
Result<ExitCode> status(const Context& context, const StatusArguments& arguments);

struct CheckArguments {
  bool read_originals = false;
};
Result<ExitCode> check_command(const Context& context, const CheckArguments& arguments);

Result<ExitCode> backup_command(const Context& context, const std::string& folder);
Result<ExitCode> export_command(const Context& context, const std::string& folder);
Result<ExitCode> copy_command(const Context& context, const std::string& to);
Result<ExitCode> import_command(const Context& context, const std::string& folder);

struct PcaFitArguments {
  double variance = 0.99;
  int dim = 0;
};
Result<ExitCode> pca_fit(const Context& context, const PcaFitArguments& arguments);
struct PcaShowArguments {
  int recall_sample = 0;  // 0: do not measure
};
Result<ExitCode> pca_show(const Context& context, const PcaShowArguments& arguments);

Result<ExitCode> models_list(const Context& context);
Result<ExitCode> models_show(const Context& context, const std::string& name);
Result<ExitCode> models_verify(const Context& context, const std::string& name);  // empty: all
Result<ExitCode> models_add(const Context& context, const std::string& file,
                            const std::string& manifest);
struct ModelsUseArguments : EmbedArguments {
  std::string name;
};
Result<ExitCode> models_use(const Context& context, const ModelsUseArguments& arguments);

struct DescribeArguments {
  std::string target;               // a file, or an image id
  std::optional<std::string> text;  // none: say what is known
  std::string from;                 // JSON lines: {"image", "description"?, "category"?}
};
Result<ExitCode> describe(const Context& context, const DescribeArguments& arguments);

struct CategoryArguments {
  std::string target;
  std::string name;  // empty: none
};
Result<ExitCode> category(const Context& context, const CategoryArguments& arguments);

struct SuggestionsArguments {
  std::vector<ImageId> accept, refuse;
  bool accept_all = false;
};
Result<ExitCode> suggestions(const Context& context, const SuggestionsArguments& arguments);

struct DuplicatesArguments {
  // Files or image ids, two at least: the first is not the same picture as any other; or is.
  std::vector<std::string> not_same, same;
};
Result<ExitCode> duplicates(const Context& context, const DuplicatesArguments& arguments);

struct FamiliesArguments {
  std::optional<std::string> name;  // for the family of `image`; none: list them
  std::string image;                // a file, or an image id
};
Result<ExitCode> families(const Context& context, const FamiliesArguments& arguments);

struct EvaluateArguments {
  std::string manifest;
  std::string labels;
};
Result<ExitCode> evaluate_command(const Context& context, const EvaluateArguments& arguments);

}  // namespace mimeme

#endif  // MIMEME_APP_COMMANDS_H_
