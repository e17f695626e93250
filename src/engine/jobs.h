// Work in the background of a server, one piece after the other, in the order in which it was asked
// for; told as it goes.
#ifndef MIMEME_ENGINE_JOBS_H_
#define MIMEME_ENGINE_JOBS_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"

namespace mimeme {

struct JobProgress {
  std::string stage;  // "embedding"
  int64_t done = 0;
  int64_t total = 0;  // 0: not known
  int64_t failed = 0;
};

struct Job {
  enum class State { kWaiting, kRunning, kDone, kFailed, kCancelled };

  int64_t number = 0;  // from 1, for as long as the process lives
  std::string kind;
  State state = State::kWaiting;
  JobProgress progress;
  int64_t started_at_us = 0, ended_at_us = 0;  // microseconds since 1970, UTC; 0: not yet
  std::string error;                           // why it failed
};

// Thread-safe. The work runs on a thread of its own at a lower priority (nice 10), which what it
// starts inherits: those who ask the server go first.
class Jobs {
 public:
  using Report = std::function<void(const JobProgress&)>;
  // Ends early, with kCancelled, when a stop is requested; without an error it has done it all.
  using Work = std::function<Result<>(const Report& report, const std::stop_token& stop)>;
  // Called with what has changed, as it is by then: when a job comes, begins and ends, and up to
  // five times a second while it gets on; on the thread where that happens, and not at the same
  // time. It may be told the same twice, but nothing that is over. It must not call back.
  using Listener = std::function<void(const Job&)>;

  explicit Jobs(Listener changed);
  ~Jobs();  // Requests a stop of what runs, waits for it, and drops what waits.

  // One that waits already and is of this kind stands for the new one.
  Job start(const std::string& kind, Work work);
  // kNotFound: no such job, or it has ended. kConflict: it is only shown.
  Result<Job> cancel(int64_t number);

  // Work that somebody else does, beside the rest: it is only shown. Returns its number.
  int64_t show(const std::string& kind);
  void update(int64_t number, const JobProgress& progress);
  void end(int64_t number);

  // What waits and runs, and the last ones that ended; newest first.
  std::vector<Job> list() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Entry {
    Job job;
    Work work;
    std::stop_source stop;
    Clock::time_point told = {};
    bool is_shown = false;  // only
  };

  void run();
  Job add(Entry entry) REQUIRES(mu_);
  void tell(int64_t number);
  Entry* find(int64_t number) REQUIRES(mu_);

  const Listener changed_;
  Mutex tell_mu_;  // never taken while mu_ is held
  mutable Mutex mu_;
  std::condition_variable_any wake_;
  std::vector<Entry> entries_ GUARDED_BY(mu_);  // by number
  int64_t last_ GUARDED_BY(mu_) = 0;
  bool closed_ GUARDED_BY(mu_) = false;
  std::jthread thread_;
};

}  // namespace mimeme

#endif  // MIMEME_ENGINE_JOBS_H_
