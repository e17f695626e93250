#include "engine/leases.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/log.h"

namespace mimeme {
namespace {

constexpr int kFillPage = 1024;   // put into the queue at a time
constexpr int64_t kPutOffS = 60;  // after a failure

}  // namespace

Leases::Leases(Catalog& catalog, std::string worker, std::chrono::seconds seconds)
    : catalog_(catalog),
      worker_(std::move(worker)),
      seconds_(seconds),
      heart_([this](const std::stop_token& stop) {
        Mutex idle;
        for (std::unique_lock lock(idle);;) {
          // Twice may fail before the lease ends.
          ended_.wait_for(lock, stop, std::chrono::milliseconds(seconds_) / 4,
                          [] { return false; });
          if (stop.stop_requested()) return;
          beat();
        }
      }) {}

Leases::~Leases() {
  heart_.request_stop();
  heart_.join();
  give_back();
}

void Leases::beat() {
  std::map<std::string, std::set<int64_t>> held;
  {
    Lock lock(mu_);
    held = held_;
  }
  for (const auto& [stage, numbers] : held) {
    const std::vector<int64_t> leased(numbers.begin(), numbers.end());
    if (const auto renewed = catalog_.renew(stage, leased, worker_, seconds_.count()); !renewed)
      log(LogLevel::kWarning,
          "what this worker has could not be renewed: " + renewed.error().message);
  }
}

Result<bool> Leases::has_work(const std::string& stage, const WorkSource& lacking) {
  if (stage != Catalog::kEmbed && TRY(catalog_.has_waiting(Catalog::kEmbed))) return false;
  if (TRY(catalog_.has_waiting(stage))) return true;
  for (;;) {
    const std::vector<Work> page = TRY(lacking(filled_to(stage), kFillPage));
    fill_from(stage, page.empty() ? 0 : page.back().n);
    if (page.empty()) return false;
    TRY(catalog_.enqueue(stage, page));
    // Others may have had all of it, or it was set aside.
    if (TRY(catalog_.has_waiting(stage))) return true;
  }
}

int64_t Leases::filled_to(const std::string& stage) {
  Lock lock(mu_);
  return filled_[stage];
}

void Leases::fill_from(const std::string& stage, int64_t after) {
  Lock lock(mu_);
  filled_[stage] = after;
}

WorkSource Leases::source(std::string stage, WorkSource lacking) {
  return [this, stage = std::move(stage), lacking = std::move(lacking)](
             int64_t, int limit) -> Result<std::vector<Work>> {
    if (!TRY(has_work(stage, lacking))) return std::vector<Work>();
    auto page = TRY(catalog_.lease(stage, worker_, seconds_.count(), limit));
    // What may be deadly goes alone: it ends the stage, whose results are then safe.
    if (page.empty() && !holds_any())
      page = TRY(catalog_.lease(stage, worker_, seconds_.count(), 1, Catalog::Tries::kAlone));
    Lock lock(mu_);
    for (const Work& work : page) held_[stage].insert(work.n);
    return page;
  };
}

bool Leases::holds_any() {
  Lock lock(mu_);
  return std::ranges::any_of(held_, [](const auto& stage) { return !stage.second.empty(); });
}

void Leases::done(const std::string& stage, int64_t n) {
  Lock lock(mu_);
  held_[stage].erase(n);
}

Result<> Leases::failed(const std::string& stage, int64_t n, const std::string& error) {
  done(stage, n);
  return catalog_.put_off(stage, n, worker_, error, kPutOffS);
}

void Leases::give_back() {
  {
    Lock lock(mu_);
    held_.clear();
  }
  if (const auto given = catalog_.give_back(worker_); !given)
    log(LogLevel::kDebug, "what was leased stays so for a while: " + given.error().message);
}

}  // namespace mimeme
