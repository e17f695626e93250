// One background stage over many images: work is taken from a source, done on several threads, and
// handed to a sink in batches on the caller's thread. Memory does not grow with the work: queues
// are bounded. (The first stage, whose decoding and inference overlap, is engine/pipeline.h.)
#ifndef MIMEME_ENGINE_STAGE_H_
#define MIMEME_ENGINE_STAGE_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <span>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "base/bounded_queue.h"
#include "base/thread_count.h"
#include "engine/pipeline.h"

namespace mimeme {

struct StageOptions {
  int threads = 0;            // 0: one for each core
  int ahead = 256;            // work taken from the source before a thread is free for it
  int commit_batch = 64;      // results handed to the sink at a time: what a kill −9 can cost
  double commit_seconds = 2;  // or what came in so long
  std::stop_token stop;       // ends early; what is done goes to the sink
};

// The images of `ids`, which are sorted. REQUIRES: they outlive it.
inline WorkSource each_of(std::span<const int64_t> ids) {
  return [ids](int64_t after, int limit) -> Result<std::vector<Work>> {
    std::vector<Work> page;
    for (auto id = std::ranges::upper_bound(ids, after);
         id != ids.end() && std::ssize(page) < limit; ++id)
      page.push_back({.n = *id});
    return page;
  };
}

// Runs until the source is empty, `stop` is requested, or the source or the sink fails (that error
// is returned, after all threads have ended). work(const Work&) → Out is called on several threads
// at once, and reports what fails about one image in its Out; if it throws, the run ends with
// kInternal.
template <typename Out>
Result<> run_stage(const WorkSource& source, const std::function<Out(const Work&)>& work,
                   const std::function<Result<>(std::span<const Out>)>& sink,
                   const StageOptions& options) {
  const int threads = thread_count(options.threads);
  BoundedQueue<Work> todo(static_cast<size_t>(options.ahead));
  BoundedQueue<Out> done(static_cast<size_t>(options.commit_batch));
  Mutex mu;
  Result<> failed;
  std::atomic<int> working = threads;
  const auto stop = [&] {
    todo.close();
    done.close();
  };
  const auto fail = [&](Error error) {
    {
      Lock lock(mu);
      if (failed) failed = std::move(error);
    }
    stop();
  };

  const auto feed = [&] {
    for (int64_t after = 0; !options.stop.stop_requested();) {
      auto page = source(after, options.ahead);
      if (!page) return fail(std::move(page).error());
      if (page->empty()) break;
      after = page->back().n;
      for (Work& next : *page)
        if (options.stop.stop_requested() || !todo.push(std::move(next))) return todo.close();
    }
    todo.close();
  };
  const auto work_all = [&] {
    while (const auto next = todo.pop())
      if (!options.stop.stop_requested() && !done.push(work(*next))) break;
    if (--working == 0) done.close();
  };
  const auto take_all = [&]() -> Result<> {
    using Clock = std::chrono::steady_clock;
    std::vector<Out> batch;
    auto last = Clock::now();
    while (auto out = done.pop()) {
      batch.push_back(*std::move(out));
      const double seconds = std::chrono::duration<double>(Clock::now() - last).count();
      if (batch.size() < static_cast<size_t>(options.commit_batch) &&
          seconds < options.commit_seconds)
        continue;
      TRY(sink(batch));
      batch.clear();
      last = Clock::now();
    }
    return batch.empty() ? Result<>() : sink(batch);
  };

  std::vector<std::jthread> pool;
  // Whatever ends the run, a sink that throws too: first the queues close, then the threads join.
  const struct Closer {
    const std::function<void()> close;
    ~Closer() { close(); }
  } closer{stop};
  const auto start = [&](const auto& run) {
    pool.emplace_back([&] {
      try {
        run();
      } catch (const std::exception& e) {
        fail({ErrorCode::kInternal, e.what()});
      }
    });
  };
  start(feed);
  for (int i = 0; i < threads; ++i) start(work_all);
  Result<> taken = take_all();
  stop();
  pool.clear();  // joins
  if (!taken) return taken;
  Lock lock(mu);
  return failed;
}

}  // namespace mimeme

#endif  // MIMEME_ENGINE_STAGE_H_
