// The library that a command works on: its own, or the one that the server which runs it holds.
#ifndef MIMEME_APP_OPEN_LIBRARY_H_
#define MIMEME_APP_OPEN_LIBRARY_H_

#include <condition_variable>
#include <memory>
#include <stop_token>
#include <utility>

#include "app/commands.h"
#include "app/terminal.h"
#include "base/mutex.h"
#include "base/result.h"
#include "engine/comparison.h"
#include "engine/library.h"

namespace mimeme {

// A library that a server lends to commands: those that only read run beside one another and beside
// a writer, those that write take turns. Thread-safe. REQUIRES: both outlive what was lent.
class SharedLibrary {
 public:
  explicit SharedLibrary(Library& library) : library_(library), comparison_(library) {}
  Library& library() const { return library_; }
  // So that what was compared for one is not compared again for another.
  Comparison& comparison() { return comparison_; }

  // The right to write, until it goes.
  struct GiveBack {
    void operator()(SharedLibrary* shared) const;
  };
  using Turn = std::unique_ptr<SharedLibrary, GiveBack>;
  Turn try_take_turn();  // null: somebody else has it
  // Waits for it. kCancelled if the stop was requested first.
  Result<Turn> take_turn(std::stop_token stop);

 private:
  Library& library_;
  Comparison comparison_;
  std::mutex mu_;
  std::condition_variable_any given_back_;
  bool is_taken_ = false;  // guarded by mu_
};

// What open_library() gives. In a server it goes with the turn to write, not with the library.
class OpenedLibrary {
 public:
  explicit OpenedLibrary(std::unique_ptr<Library> own)
      : own_(std::move(own)), library_(own_.get()) {}
  OpenedLibrary(Library& held, SharedLibrary::Turn turn)
      : library_(&held), turn_(std::move(turn)) {}

  Library& operator*() const { return *library_; }
  Library* operator->() const { return library_; }

 private:
  std::unique_ptr<Library> own_;
  Library* library_;
  SharedLibrary::Turn turn_;
};

// The errors of Library::open. In a server: waits until no other command writes, if this one is to;
// kCancelled if it is hung up on meanwhile. What has to be derived, now and later, is shown by the
// bar of the thread that asks for it.
Result<OpenedLibrary> open_library(const Context& context, Library::Access access, ProgressBar& bar,
                                   MergeOptions merge = {});

// What Library::open() is told, but for `merge`: by mimeme.toml, the environment, the command line.
Result<LibraryOptions> library_options(const Context& context);

}  // namespace mimeme

#endif  // MIMEME_APP_OPEN_LIBRARY_H_
