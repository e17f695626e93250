// A mutex that clang's thread-safety analysis understands, and a published snapshot.
#ifndef MIMEME_BASE_MUTEX_H_
#define MIMEME_BASE_MUTEX_H_

#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

#if defined(__clang__)
#define MIMEME_ATTRIBUTE(x) __attribute__((x))
#else
#define MIMEME_ATTRIBUTE(x)
#endif
#define GUARDED_BY(mu) MIMEME_ATTRIBUTE(guarded_by(mu))
#define PT_GUARDED_BY(mu) MIMEME_ATTRIBUTE(pt_guarded_by(mu))
#define REQUIRES(mu) MIMEME_ATTRIBUTE(requires_capability(mu))

namespace mimeme {

class MIMEME_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  void lock() MIMEME_ATTRIBUTE(acquire_capability()) { mu_.lock(); }
  void unlock() MIMEME_ATTRIBUTE(release_capability()) { mu_.unlock(); }

 private:
  std::mutex mu_;
};

class MIMEME_ATTRIBUTE(scoped_lockable) Lock {
 public:
  explicit Lock(Mutex& mu) MIMEME_ATTRIBUTE(acquire_capability(mu)) : mu_(mu) { mu_.lock(); }
  ~Lock() MIMEME_ATTRIBUTE(release_capability()) { mu_.unlock(); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  // Waits on `cv`; the mutex is released meanwhile and held again on return. May wake spuriously.
  void wait(std::condition_variable_any& cv) { cv.wait(mu_); }

 private:
  Mutex& mu_;
};

// A value that is replaced as a whole: readers keep the one they took. Thread-safe. (A mutex and a
// shared_ptr, because TSan reports a false race in libstdc++ 12's atomic<shared_ptr>.)
template <typename T>
class Snapshot {
 public:
  std::shared_ptr<const T> get() const {
    Lock lock(mu_);
    return value_;
  }
  void set(std::shared_ptr<const T> value) {
    Lock lock(mu_);
    value_.swap(value);  // the old value dies after the lock is gone
  }

 private:
  mutable Mutex mu_;
  std::shared_ptr<const T> value_ GUARDED_BY(mu_);
};

}  // namespace mimeme

#endif  // MIMEME_BASE_MUTEX_H_
