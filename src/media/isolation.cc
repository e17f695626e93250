#include "media/isolation.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/utf8.h"
#include "media/sandbox.h"

namespace mimeme {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kSocket = 3;  // of a worker
constexpr uint32_t kMaxText = 4096;
// What a worker says first: whether its rights were taken away.
constexpr char kConfined = 'c', kLimited = 'l';

// Both ends are the same program on the same machine: structs go over the wire as they lie in
// memory.
struct Request {
  uint64_t bytes = 0;  // they follow
  int32_t width = 0, height = 0, fit = 0, resize = 0, ground = 0, has_region = 0;
  Region region;
  int64_t max_bytes = 0, max_pixels = 0;
  int32_t max_frames = 0;
  int32_t seconds = 0;  // after which the worker ends itself, should its parent have gone
};
struct Answer {
  int32_t is_ok = 0, code = 0;  // an ErrorCode
  int32_t image_width = 0, image_height = 0, frames = 0;
  int32_t width = 0, height = 0;
  uint32_t format = 0, preview = 0, message = 0;  // the lengths of texts that follow, in this order
  uint64_t pixels = 0;                            // then these
};
static_assert(std::is_trivially_copyable_v<Request> && std::is_trivially_copyable_v<Answer>);

template <typename T>
std::span<uint8_t> raw_of(T& value) {
  return {reinterpret_cast<uint8_t*>(&value), sizeof(value)};
}
template <typename T>
std::span<const uint8_t> raw(const T& value) {
  return {reinterpret_cast<const uint8_t*>(&value), sizeof(value)};
}
std::span<const uint8_t> raw_text(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// A thread's, on Linux.
int current_niceness() { return getpriority(PRIO_PROCESS, 0); }

// --- All of it, as long as the other end lives, and until `by` if there is one.

using Deadline = std::optional<Clock::time_point>;

bool wait_for(int fd, short event, Deadline by) {
  for (;;) {
    using std::chrono::duration_cast, std::chrono::milliseconds;
    const auto left = by ? duration_cast<milliseconds>(*by - Clock::now()).count() : -1;
    if (by && left <= 0) return false;
    pollfd one{.fd = fd, .events = event, .revents = 0};
    const int n = poll(&one, 1, static_cast<int>(left));
    if (n > 0) return true;
    if (n < 0 && errno != EINTR) return false;
  }
}

bool send_all(int fd, std::span<const uint8_t> bytes, Deadline by = {}) {
  while (!bytes.empty()) {
    if (!wait_for(fd, POLLOUT, by)) return false;
    const ssize_t n = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return true;
}

bool receive_all(int fd, std::span<uint8_t> bytes, Deadline by = {}) {
  while (!bytes.empty()) {
    if (!wait_for(fd, POLLIN, by)) return false;
    const ssize_t n = recv(fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return true;
}

}  // namespace

// --- The parent's side.

class DecodePool::Worker {
 public:
  Worker(pid_t pid, int socket) : pid_(pid), socket_(socket) {}
  ~Worker() {
    close(socket_);
    end();
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Whether it began, within a time that a busy machine may take for that.
  bool wait_until_ready(bool& is_confined) {
    char ready = 0;
    if (!receive_all(socket_, raw_of(ready), Clock::now() + std::chrono::seconds(60))) return false;
    is_confined = ready == kConfined;
    return true;
  }

  int pictures() const { return pictures_; }
  int niceness() const { return niceness_; }
  bool has_died() const { return pid_ == 0; }
  bool has_crashed() const { return has_crashed_; }  // by itself

  Result<Decoded> decode(std::span<const uint8_t> bytes, const Target& target,
                         const DecodeLimits& limits, Clock::time_point by,
                         std::chrono::milliseconds timeout) {
    ++pictures_;
    const Request request{.bytes = bytes.size(),
                          .width = target.width,
                          .height = target.height,
                          .fit = static_cast<int32_t>(target.fit),
                          .resize = target.resize,
                          .ground = target.ground,
                          .has_region = target.region ? 1 : 0,
                          .region = target.region.value_or(Region()),
                          .max_bytes = limits.max_bytes,
                          .max_pixels = limits.max_pixels,
                          .max_frames = limits.max_frames,
                          .seconds = static_cast<int32_t>(timeout.count() / 1000) + 10};
    Answer answer;
    if (!send_all(socket_, raw(request), by) || !send_all(socket_, bytes, by) ||
        !receive_all(socket_, raw_of(answer), by))
      return death(timeout);
    if (!is_possible(answer, target)) return nonsense();
    Decoded decoded{.info = {.width = answer.image_width,
                             .height = answer.image_height,
                             .frames = answer.frames},
                    .rgb = std::vector<uint8_t>(answer.pixels),
                    .width = answer.width,
                    .height = answer.height};
    std::string message(answer.message, '\0');
    decoded.info.format.resize(answer.format);
    decoded.info.preview.resize(answer.preview);
    for (std::string* const text : {&decoded.info.format, &decoded.info.preview, &message})
      if (!receive_all(socket_, {reinterpret_cast<uint8_t*>(text->data()), text->size()}, by))
        return death(timeout);
    if (!receive_all(socket_, decoded.rgb, by)) return death(timeout);
    if (!answer.is_ok) return Error{static_cast<ErrorCode>(answer.code), printable(message)};
    // Both become part of paths, headers and pages.
    if (decoded.info.format != sniff(bytes) || !is_base64(decoded.info.preview)) return nonsense();
    return decoded;
  }

 private:
  // Whatever a worker says, it takes no more memory than what was asked for.
  static bool is_possible(const Answer& answer, const Target& target) {
    const bool fits = target.fit == Fit::kInside
                          ? answer.width <= target.width && answer.height <= target.height
                          : answer.width == target.width && answer.height == target.height;
    const bool is_picture = answer.width > 0 && answer.height > 0 && fits &&
                            answer.image_width > 0 && answer.image_height > 0 &&
                            answer.frames > 0 &&
                            answer.pixels == uint64_t{3} * static_cast<uint64_t>(answer.width) *
                                                 static_cast<uint64_t>(answer.height);
    const auto code = static_cast<ErrorCode>(answer.code);
    const bool is_error =
        answer.pixels == 0 && (code == ErrorCode::kUnsupported || code == ErrorCode::kTooLarge ||
                               code == ErrorCode::kCorrupt);
    return answer.format <= kMaxText && answer.preview <= kMaxText && answer.message <= kMaxText &&
           (answer.is_ok ? is_picture : is_error);
  }

  static bool is_base64(const std::string& text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
      return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
             c == '+' || c == '/' || c == '=';
    });
  }

  Error nonsense() {
    end();
    return {ErrorCode::kCorrupt, "decoding it gave nonsense"};
  }

  // Why there is no answer. The worker's own death shows as the end of what it sends.
  Error death(std::chrono::milliseconds timeout) {
    int status = 0;
    pollfd one{.fd = socket_, .events = POLLIN, .revents = 0};
    poll(&one, 1, 0);
    const bool is_late = (one.revents & (POLLHUP | POLLERR)) == 0;
    // A worker may have hung up and live on; of one that is dying this changes nothing.
    kill(pid_, SIGKILL);
    waitpid(pid_, &status, 0);
    pid_ = 0;
    if (is_late)
      return {ErrorCode::kCorrupt,
              "decoding it took longer than " + std::to_string(timeout.count() / 1000) + " s"};
    has_crashed_ = true;
    if (!WIFSIGNALED(status))
      return {ErrorCode::kCorrupt, "the decoder crashed on it (exit status " +
                                       std::to_string(WEXITSTATUS(status)) + ')'};
    const int signal = WTERMSIG(status);
    // From outside, as by a system that has no memory left: the picture may do better another time.
    if (signal == SIGKILL)
      return {ErrorCode::kIo, "the process that decoded it was killed: is there memory left?"};
    return {ErrorCode::kCorrupt,
            std::string("the decoder crashed on it (") + strsignal(signal) + ')'};
  }

  void end() {
    if (pid_ == 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

  pid_t pid_;  // 0: dead
  const int socket_;
  const int niceness_ = current_niceness();
  int pictures_ = 0;
  bool has_crashed_ = false;
};

DecodePool::DecodePool(IsolationOptions options) : options_(std::move(options)) {}
DecodePool::~DecodePool() = default;

Result<std::unique_ptr<DecodePool::Worker>> DecodePool::start() {
  const auto failed = [](int error) {
    return Error{ErrorCode::kIo, std::string("no process can be started to decode pictures: ") +
                                     std::strerror(error)};
  };
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return failed(errno);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (const int fd : {0, 1, 2})
    posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], kSocket);
  // Whatever else is open here and was not marked.
  posix_spawn_file_actions_addclosefrom_np(&actions, kSocket + 1);
  // Ctrl-C is for the parent, which ends it; and nothing that the parent ignores or blocks is
  // ignored or blocked there.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setpgroup(&attributes, 0);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const char* const argv[] = {options_.program.c_str(), options_.argument.c_str(), nullptr};
  // Nothing of the parent's environment is its business. OpenBLAS would start threads.
  const char* const environment[] = {"OPENBLAS_NUM_THREADS=1", nullptr};
  pid_t pid = 0;
  const int error =
      posix_spawn(&pid, options_.program.c_str(), &actions, &attributes,
                  const_cast<char* const*>(argv), const_cast<char* const*>(environment));
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (error != 0) {
    close(ends[0]);
    return failed(error);
  }
  auto worker = std::make_unique<Worker>(pid, ends[0]);
  bool is_confined = false;
  if (!worker->wait_until_ready(is_confined))
    return Error{ErrorCode::kIo, "the process to decode pictures in does not start"};
  if (!is_confined && !warned_.exchange(true)) options_.on_unconfined();
  return worker;
}

namespace {
std::unique_ptr<DecodePool>& shared_pool() {
  static auto* const pool = new std::unique_ptr<DecodePool>;  // other threads may outlive statics
  return *pool;
}
}  // namespace

void isolate_decoding(IsolationOptions options) {
  shared_pool() = std::make_unique<DecodePool>(std::move(options));
}

Result<Decoded> decode(std::span<const uint8_t> bytes, const Target& target,
                       const DecodeLimits& limits) {
  const auto& pool = shared_pool();
  return pool ? pool->decode(bytes, target, limits) : decode_here(bytes, target, limits);
}

Result<Decoded> DecodePool::decode(std::span<const uint8_t> bytes, const Target& target,
                                   const DecodeLimits& limits) {
  const auto by = Clock::now() + options_.timeout;
  std::unique_ptr<Worker> worker = take_idle();
  for (;;) {
    if (!worker) worker = TRY(start());
    auto decoded = worker->decode(bytes, target, limits, by, options_.timeout);
    // One that died may have been hurt by a picture before, or have died while it was idle: then a
    // fresh one tries once.
    if (worker->has_crashed() && worker->pictures() > 1) {
      worker.reset();
      continue;
    }
    if (!worker->has_died() && worker->pictures() < kPicturesOfAWorker) {
      const Lock lock(mu_);
      if (idle_.size() < options_.idle) idle_.push_back(std::move(worker));
    }
    return decoded;
  }
}

// Whoever works in the background has started his at a lower priority.
std::unique_ptr<DecodePool::Worker> DecodePool::take_idle() {
  const int niceness = current_niceness();
  const Lock lock(mu_);
  const auto of_mine = std::find_if(idle_.rbegin(), idle_.rend(),
                                    [&](const auto& one) { return one->niceness() == niceness; });
  if (of_mine == idle_.rend()) return nullptr;
  auto worker = std::move(*of_mine);
  idle_.erase(std::next(of_mine).base());
  return worker;
}

// --- The worker's side.

int run_decode_worker(const Decoder& decoder) {
  // Who ends the parent ends this, too: by its socket, so that a system that stops all of a service
  // does not make good pictures look bad.
  for (const int one : {SIGTERM, SIGHUP, SIGINT}) signal(one, SIG_IGN);
  if (!init_media()) return 1;
  const char ready = enter_sandbox() ? kConfined : kLimited;
  if (!send_all(kSocket, raw(ready))) return 1;
  std::vector<uint8_t> bytes;
  for (;;) {
    Request request;
    alarm(0);
    if (!receive_all(kSocket, raw_of(request))) return 0;
    alarm(static_cast<unsigned>(request.seconds));
    bytes.resize(request.bytes);
    if (!receive_all(kSocket, bytes)) return 0;
    Target target{.width = request.width,
                  .height = request.height,
                  .fit = static_cast<Fit>(request.fit),
                  .resize = request.resize,
                  .ground = request.ground};
    if (request.has_region) target.region = request.region;
    const auto decoded = decoder(bytes, target,
                                 {.max_bytes = request.max_bytes,
                                  .max_pixels = request.max_pixels,
                                  .max_frames = request.max_frames});
    Answer answer{.is_ok = decoded.ok() ? 1 : 0};
    bool sent = false;
    if (decoded) {
      const auto& [info, rgb, width, height] = *decoded;
      answer.image_width = info.width;
      answer.image_height = info.height;
      answer.frames = info.frames;
      answer.width = width;
      answer.height = height;
      answer.format = static_cast<uint32_t>(info.format.size());
      answer.preview = static_cast<uint32_t>(info.preview.size());
      answer.pixels = rgb.size();
      sent = send_all(kSocket, raw(answer)) && send_all(kSocket, raw_text(info.format)) &&
             send_all(kSocket, raw_text(info.preview)) && send_all(kSocket, rgb);
    } else {
      const std::string message = decoded.error().message.substr(0, kMaxText);
      answer.code = static_cast<int32_t>(decoded.error().code);
      answer.message = static_cast<uint32_t>(message.size());
      sent = send_all(kSocket, raw(answer)) && send_all(kSocket, raw_text(message));
    }
    if (!sent) return 0;
    // A large picture's memory goes back, so that many workers do not keep the most that each had.
    if (bytes.capacity() > (size_t{16} << 20)) std::vector<uint8_t>().swap(bytes);
  }
}

}  // namespace mimeme
