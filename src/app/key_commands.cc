// keys create, list, revoke.
#include <fmt/core.h>

#include "app/commands.h"
#include "app/open_library.h"
#include "app/report.h"
#include "app/terminal.h"
#include "base/clock.h"
#include "base/utf8.h"

namespace mimeme {

Result<ExitCode> keys_create(const Context& context, const KeysCreateArguments& arguments) {
  ProgressBar bar(context);
  // A key may be there before the first picture is.
  const auto library = TRY(open_library(context, Library::Access::kCreate, bar));
  const std::string secret = TRY(library->access_keys().create(arguments.name, arguments.scope));
  if (context.json) {
    print_json(context,
               Json::Object{
                   {"name", arguments.name}, {"scope", name_of(arguments.scope)}, {"key", secret}});
    return kExitDone;
  }
  fmt::print(context.out, "{}\n", secret);
  if (!context.quiet)
    fmt::print(
        context.err,
        "Keep it: it is not shown again. Programs send \"Authorization: Bearer KEY\"; the web "
        "app asks for it.\n");
  return kExitDone;
}

Result<ExitCode> keys_list(const Context& context) {
  ProgressBar bar(context);
  const auto library = TRY(open_library(context, Library::Access::kRead, bar));
  const std::vector<AccessKey> keys = library->access_keys().list();
  if (context.json) {
    Json::Array list;
    for (const AccessKey& key : keys)
      list.push_back(Json::Object{{"name", key.name},
                                  {"scope", name_of(key.scope)},
                                  {"created_at", time_text(key.created_at_us)}});
    print_json(context, Json::Object{{"keys", std::move(list)}});
    return keys.empty() ? kExitNothingFound : kExitDone;
  }
  if (keys.empty()) {
    fmt::print(context.out, "there are no keys\n");
    return kExitNothingFound;
  }
  std::vector<std::vector<std::string>> rows{{"name", "scope", "created"}};
  for (const AccessKey& key : keys)
    rows.push_back({key.name, name_of(key.scope), time_text(key.created_at_us)});
  print_table(context, rows);
  return kExitDone;
}

Result<ExitCode> keys_revoke(const Context& context, const std::string& name) {
  ProgressBar bar(context);
  const auto library = TRY(open_library(context, Library::Access::kWrite, bar));
  TRY(library->access_keys().revoke(name));
  if (context.json) {
    print_json(context, Json::Object{{"revoked", name}});
  } else if (!context.quiet) {
    fmt::print(context.out, "\"{}\" is good for nothing any more, nor who signed in with it\n",
               printable(name));
  }
  return kExitDone;
}

}  // namespace mimeme
