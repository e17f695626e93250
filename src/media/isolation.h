// Decoding in other processes, so that what a picture does to a decoder it does to nothing else.
//
// Each worker is a process that may only compute (sandbox.h) and has one socket. It is sent a
// picture and what is wanted of it, and answers with pixels, one after the other. One that dies or
// takes too long costs its picture, with an error that says so, and another takes its place.
//
// A worker that was taken over could still answer whatever it likes for this picture and for those
// it is given later: it is replaced after kPicturesOfAWorker. What it answers besides pixels is
// checked.
#ifndef MIMEME_MEDIA_ISOLATION_H_
#define MIMEME_MEDIA_ISOLATION_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "media/decode.h"

namespace mimeme {

inline constexpr int kPicturesOfAWorker = 1000;

struct IsolationOptions {
  // What becomes a worker, with this as its only argument: it calls run_decode_worker().
  std::string program = "/proc/self/exe";
  std::string argument = "decode-worker";
  std::chrono::milliseconds timeout{120'000};  // for one picture
  size_t idle = 16;                            // workers that are kept while nobody needs them
  // Told once if the kernel lets workers keep their rights (sandbox.h); from any thread.
  std::function<void()> on_unconfined = [] {};
};

// Thread-safe: as many workers as there are calls at a time.
class DecodePool {
 public:
  explicit DecodePool(IsolationOptions options);
  ~DecodePool();  // ends the workers

  // As decode(). kCorrupt: also, the worker died of it, took too long, or answered nonsense. kIo:
  // no process can be started, or it was killed from outside.
  Result<Decoded> decode(std::span<const uint8_t> bytes, const Target& target,
                         const DecodeLimits& limits);

 private:
  class Worker;
  Result<std::unique_ptr<Worker>> start();
  std::unique_ptr<Worker> take_idle();  // null: none

  const IsolationOptions options_;
  std::atomic<bool> warned_ = false;
  Mutex mu_;
  std::vector<std::unique_ptr<Worker>> idle_ GUARDED_BY(mu_);
};

// From now on decode() asks a pool of this process. REQUIRES: called at most once, before any other
// thread decodes.
void isolate_decoding(IsolationOptions options);

using Decoder =
    std::function<Result<Decoded>(std::span<const uint8_t>, const Target&, const DecodeLimits&)>;

// What a worker does until its parent hangs up; returns its exit status. REQUIRES: called from
// main(), before anything else, in a process that a DecodePool started.
int run_decode_worker(const Decoder& decoder);

}  // namespace mimeme

#endif  // MIMEME_MEDIA_ISOLATION_H_
