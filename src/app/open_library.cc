#include "app/open_library.h"

#include <fmt/core.h>

#include <utility>

#include "app/config.h"
#include "app/paths.h"

namespace mimeme {

void SharedLibrary::GiveBack::operator()(SharedLibrary* shared) const {
  const std::lock_guard lock(shared->mu_);
  shared->is_taken_ = false;
  shared->given_back_.notify_one();
}

SharedLibrary::Turn SharedLibrary::try_take_turn() {
  const std::lock_guard lock(mu_);
  return Turn(std::exchange(is_taken_, true) ? nullptr : this);
}

Result<SharedLibrary::Turn> SharedLibrary::take_turn(std::stop_token stop) {
  std::unique_lock lock(mu_);
  if (!given_back_.wait(lock, std::move(stop), [&] { return !is_taken_; }))
    return Error{ErrorCode::kCancelled, "stopped while another command was at work"};
  is_taken_ = true;
  return Turn(this);
}

Result<LibraryOptions> library_options(const Context& context) {
  Config config = TRY(read_config(context.library));
  for (const std::string& chosen : {default_catalog(), context.catalog})
    if (!chosen.empty()) config.catalog = chosen;
  if (!config.catalog.empty() && !Catalog::is_server(config.catalog))
    return Error{ErrorCode::kInvalidArgument,
                 "--catalog takes the address of a PostgreSQL server, as in "
                 "postgresql://mimeme@db.example/mimeme"};
  if (!context.replica.empty()) config.replica = context.replica;
  return LibraryOptions{.directory = context.library,
                        .catalog = std::move(config.catalog),
                        .replica = std::move(config.replica),
                        .uploads = std::move(config.uploads),
                        .model_folders = context.model_folders,
                        .search_in = config.search_in_database ? LibraryOptions::SearchIn::kDatabase
                                                               : LibraryOptions::SearchIn::kFolder,
                        .progress = [](const char* what, int64_t done, int64_t total) {
                          if (auto* const shown = ProgressBar::of_this_thread())
                            shown->update(what, done, total);
                        }};
}

Result<OpenedLibrary> open_library(const Context& context, Library::Access access, ProgressBar& bar,
                                   MergeOptions merge) {
  if (SharedLibrary* const held = context.held) {
    if (!context.catalog.empty() && context.catalog != held->library().options().catalog)
      return Error{ErrorCode::kInvalidArgument,
                   "--catalog: the server that holds this folder works with another catalog"};
    if (access == Library::Access::kRead) return OpenedLibrary(held->library(), nullptr);
    SharedLibrary::Turn turn = held->try_take_turn();
    if (!turn) {
      if (!context.quiet && !context.json)
        fmt::print(context.err, "waiting until another command is done with the library\n");
      turn = TRY(held->take_turn(context.hung_up));
    }
    return OpenedLibrary(held->library(), std::move(turn));
  }
  LibraryOptions options = TRY(library_options(context));
  options.merge = std::move(merge);
  auto library = TRY(Library::open(std::move(options), access));
  bar.clear();
  return OpenedLibrary(std::move(library));
}

}  // namespace mimeme
