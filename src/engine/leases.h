// Work of a catalog's queue that is leased to this process, and stays leased by a heartbeat for as
// long as the process lives. What it does not come to goes back to the queue.
#ifndef MIMEME_ENGINE_LEASES_H_
#define MIMEME_ENGINE_LEASES_H_

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "engine/pipeline.h"
#include "store/catalog.h"

namespace mimeme {

// Thread-safe.
class Leases {
 public:
  // `worker`: no other process has this name. Others take over what a process had that ended, or
  // lost the server, after `seconds`.
  Leases(Catalog& catalog, std::string worker, std::chrono::seconds seconds = kSeconds);
  ~Leases();

  static constexpr std::chrono::seconds kSeconds{60};
  static constexpr int kAhead = 16;  // for PipelineOptions::ahead: the more, the less even

  // Whether a stage has something for this process; if nothing waits, the queue is first filled
  // with what is `lacking`, from where that ended the last time. False for any stage but kEmbed as
  // long as that one has something: to be found at all comes first.
  Result<bool> has_work(const std::string& stage, const WorkSource& lacking);
  // That, leased a page at a time; ends as soon as has_work() is false.
  WorkSource source(std::string stage, WorkSource lacking);

  // It is not held any more: it was done (which took it out of the queue), or failed.
  void done(const std::string& stage, int64_t n);
  Result<> failed(const std::string& stage, int64_t n, const std::string& error);

  // As if nothing had been leased.
  void give_back();

 private:
  void beat();
  bool holds_any();
  int64_t filled_to(const std::string& stage);
  void fill_from(const std::string& stage, int64_t after);

  Catalog& catalog_;
  const std::string worker_;
  const std::chrono::seconds seconds_;
  Mutex mu_;
  std::map<std::string, std::set<int64_t>> held_ GUARDED_BY(mu_);  // by stage
  std::map<std::string, int64_t> filled_ GUARDED_BY(mu_);          // to where a stage was filled
  std::condition_variable_any ended_;
  std::jthread heart_;  // the last: ends first
};

}  // namespace mimeme

#endif  // MIMEME_ENGINE_LEASES_H_
