#include "engine/jobs.h"

#include <sys/resource.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "base/clock.h"
#include "base/log.h"

namespace mimeme {
namespace {

constexpr size_t kKept = 20;  // jobs that have ended
constexpr auto kPause = std::chrono::milliseconds(200);
constexpr int kNice = 10;

bool has_ended(const Job& job) {
  return job.state != Job::State::kWaiting && job.state != Job::State::kRunning;
}

}  // namespace

Jobs::Jobs(Listener changed) : changed_(std::move(changed)), thread_([this] { run(); }) {}

Jobs::~Jobs() {
  Lock lock(mu_);
  closed_ = true;
  for (Entry& entry : entries_) entry.stop.request_stop();
  wake_.notify_all();
}  // thread_ joins

Job Jobs::start(const std::string& kind, Work work) {
  Job job;
  {
    Lock lock(mu_);
    for (const Entry& entry : entries_)
      if (entry.job.kind == kind && entry.job.state == Job::State::kWaiting) return entry.job;
    job = add({.job = {.kind = kind}, .work = std::move(work)});
    wake_.notify_all();
  }
  tell(job.number);
  return job;
}

Job Jobs::add(Entry entry) {
  entry.job.number = ++last_;
  entries_.push_back(std::move(entry));
  const Job job = entries_.back().job;
  // The oldest of those that have ended makes room.
  const auto ended = [](const Entry& one) { return has_ended(one.job); };
  if (std::cmp_greater(std::count_if(entries_.begin(), entries_.end(), ended), kKept))
    entries_.erase(std::find_if(entries_.begin(), entries_.end(), ended));
  return job;
}

int64_t Jobs::show(const std::string& kind) {
  Job job{.kind = kind, .state = Job::State::kRunning, .started_at_us = now_us()};
  {
    Lock lock(mu_);
    job = add({.job = job, .is_shown = true});
  }
  tell(job.number);
  return job.number;
}

void Jobs::update(int64_t number, const JobProgress& progress) {
  {
    Lock lock(mu_);
    Entry* const entry = find(number);
    if (!entry || has_ended(entry->job)) return;
    const bool is_new = progress.stage != entry->job.progress.stage;
    entry->job.progress = progress;
    if (!is_new && Clock::now() - entry->told < kPause) return;
    entry->told = Clock::now();
  }
  tell(number);
}

void Jobs::end(int64_t number) {
  {
    Lock lock(mu_);
    Entry* const entry = find(number);
    if (!entry) return;
    entry->job.state = Job::State::kDone;
    entry->job.ended_at_us = now_us();
  }
  tell(number);
}

Result<Job> Jobs::cancel(int64_t number) {
  Job job;
  {
    Lock lock(mu_);
    Entry* const entry = find(number);
    if (!entry || has_ended(entry->job))
      return Error{ErrorCode::kNotFound, "no job " + std::to_string(number) + " waits or runs"};
    if (entry->is_shown)
      return Error{ErrorCode::kConflict, "it runs in another terminal: end it there"};
    entry->stop.request_stop();
    if (entry->job.state == Job::State::kWaiting) {
      entry->job.state = Job::State::kCancelled;
      entry->job.ended_at_us = now_us();
    }
    job = entry->job;
  }
  tell(job.number);
  return job;
}

std::vector<Job> Jobs::list() const {
  Lock lock(mu_);
  std::vector<Job> jobs;
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry)
    jobs.push_back(entry->job);
  return jobs;
}

Jobs::Entry* Jobs::find(int64_t number) {
  const auto entry = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& e) { return e.job.number == number; });
  return entry == entries_.end() ? nullptr : &*entry;
}

void Jobs::run() {
  setpriority(PRIO_PROCESS, 0, kNice);  // Linux: of this thread
  for (;;) {
    Job job;
    Work work;
    std::stop_token stop;
    {
      Lock lock(mu_);
      const auto next = [&] {
        return std::find_if(entries_.begin(), entries_.end(), [](const Entry& entry) {
          return entry.job.state == Job::State::kWaiting;
        });
      };
      while (!closed_ && next() == entries_.end()) lock.wait(wake_);
      if (closed_) return;
      Entry& entry = *next();
      entry.job.state = Job::State::kRunning;
      entry.job.started_at_us = now_us();
      job = entry.job;
      work = std::move(entry.work);
      stop = entry.stop.get_token();
    }
    tell(job.number);

    const auto report = [&](const JobProgress& progress) { update(job.number, progress); };
    Result<> done;
    try {
      done = work(report, stop);
    } catch (const std::exception& e) {
      done = Error{ErrorCode::kInternal, e.what()};
    }
    {
      Lock lock(mu_);
      Job& ended = find(job.number)->job;
      ended.ended_at_us = now_us();
      ended.state = done                                         ? Job::State::kDone
                    : done.error().code == ErrorCode::kCancelled ? Job::State::kCancelled
                                                                 : Job::State::kFailed;
      if (ended.state == Job::State::kFailed) ended.error = done.error().message;
      job = ended;
    }
    if (!job.error.empty()) log(LogLevel::kWarning, job.kind + ": " + job.error);
    tell(job.number);
  }
}

// What it is now, not what it was when the caller saw it: another may have come first.
void Jobs::tell(int64_t number) {
  Lock telling(tell_mu_);
  Job job;
  {
    Lock lock(mu_);
    const Entry* const entry = find(number);
    if (!entry) return;  // ended so long ago that it was dropped
    job = entry->job;
  }
  changed_(job);
}

}  // namespace mimeme
