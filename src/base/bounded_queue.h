// A queue between two stages of a pipeline: a full one makes the producer wait, so that memory does
// not grow with the work. Thread-safe.
#ifndef MIMEME_BASE_BOUNDED_QUEUE_H_
#define MIMEME_BASE_BOUNDED_QUEUE_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace mimeme {

template <typename T>
class BoundedQueue {
 public:
  explicit BoundedQueue(size_t capacity) : capacity_(capacity) {}

  // Waits for room. False, and the item is dropped, once the queue is closed.
  bool push(T item) {
    Lock lock(mu_);
    while (items_.size() >= capacity_ && !closed_) lock.wait(room_);
    if (closed_) return false;
    items_.push_back(std::move(item));
    filled_.notify_one();
    return true;
  }

  // False, and the item is dropped, if there is no room or the queue is closed.
  bool try_push(T item) {
    Lock lock(mu_);
    if (closed_ || items_.size() >= capacity_) return false;
    items_.push_back(std::move(item));
    filled_.notify_one();
    return true;
  }

  // Waits for one item, then takes what is there up to `max`. Empty once the queue is closed and
  // drained.
  std::vector<T> pop_some(size_t max) {
    Lock lock(mu_);
    while (items_.empty() && !closed_) lock.wait(filled_);
    std::vector<T> taken;
    while (!items_.empty() && taken.size() < max) {
      taken.push_back(std::move(items_.front()));
      items_.pop_front();
    }
    room_.notify_all();
    return taken;
  }

  std::optional<T> pop() {
    auto taken = pop_some(1);
    if (taken.empty()) return std::nullopt;
    return std::move(taken.front());
  }

  // No more pushes; what is queued can still be popped.
  void close() {
    Lock lock(mu_);
    closed_ = true;
    room_.notify_all();
    filled_.notify_all();
  }

 private:
  const size_t capacity_;
  Mutex mu_;
  std::condition_variable_any room_, filled_;
  std::deque<T> items_ GUARDED_BY(mu_);
  bool closed_ GUARDED_BY(mu_) = false;
};

}  // namespace mimeme

#endif  // MIMEME_BASE_BOUNDED_QUEUE_H_
