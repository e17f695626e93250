#include "app/command_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <exception>
#include <list>
#include <mutex>
#include <span>
#include <system_error>
#include <thread>
#include <utility>

#include "app/exit_code.h"

namespace mimeme {
namespace {

constexpr const char* kName = "serve.sock";
constexpr size_t kMostBytes = 8 << 20;  // of a command line: Linux allows 6 MB
constexpr size_t kMostCommands = 16;    // at once: each takes some threads and five descriptors
constexpr int kRequestTimeoutS = 10;    // for a whole command to come
constexpr size_t kFolder = 0, kOut = 1, kErr = 2, kDescriptors = 3;  // as they are sent

Error system_error(const std::string& what) {
  return {ErrorCode::kIo, what + ": " + std::strerror(errno)};
}

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

Fd open_folder(const std::string& path) {
  return Fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

// A path that is too long for an address is named by its folder's descriptor.
sockaddr_un address_of(const std::string& directory, const Fd& folder) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string path = directory + "/" + kName;
  if (path.size() >= sizeof address.sun_path)
    path = "/proc/self/fd/" + std::to_string(folder.get()) + "/" + kName;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

// Of the process at the other end; of a server, when it began to listen.
std::optional<uid_t> peer(const Fd& socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
    return std::nullopt;
  return credentials.uid;
}

bool send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

// What comes until `size` bytes are there or the other side ends.
std::string receive_up_to(int socket, size_t size) {
  std::string bytes;
  while (bytes.size() < size) {
    char buffer[4096];
    const ssize_t n = ::recv(socket, buffer, std::min(sizeof buffer, size - bytes.size()), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    bytes.append(buffer, static_cast<size_t>(n));
  }
  return bytes;
}

// A number, and the descriptors that come with it.
struct Head {
  uint32_t bytes = 0;
  std::vector<Fd> descriptors;
};

union Control {
  cmsghdr header;
  char bytes[CMSG_SPACE(kDescriptors * sizeof(int))];
};

// REQUIRES: both outlive it.
msghdr message_of(iovec& data, Control& control) {
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = &control;
  message.msg_controllen = sizeof control;
  return message;
}

bool send_head(int socket, uint32_t bytes, const std::array<int, kDescriptors>& descriptors) {
  iovec data{&bytes, sizeof bytes};
  Control control{};
  msghdr message = message_of(data, control);
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof descriptors);
  std::memcpy(CMSG_DATA(header), descriptors.data(), sizeof descriptors);
  return ::sendmsg(socket, &message, MSG_NOSIGNAL) == sizeof bytes;
}

std::optional<Head> receive_head(int socket) {
  Head head;
  iovec data{&head.bytes, sizeof head.bytes};
  Control control{};
  msghdr message = message_of(data, control);
  const ssize_t n = ::recvmsg(socket, &message, MSG_WAITALL | MSG_CMSG_CLOEXEC);
  if (n < 0) return std::nullopt;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    for (size_t at = 0; at + CMSG_LEN(sizeof(int)) <= header->cmsg_len; at += sizeof(int)) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + at, sizeof fd);
      head.descriptors.emplace_back(fd);
    }
  }
  if (n != sizeof head.bytes || head.descriptors.size() != kDescriptors) return std::nullopt;
  return head;
}

// A client's command, from its first byte to its last.
struct Connection {
  Fd socket;
  std::stop_source stop;
  std::atomic<bool> takes_interrupt = false, has_let_go = false, is_answered = false;
  bool has_ended = false;  // guarded by Impl::mu
  std::jthread thread;
};

// The client takes the first answer.
void answer(Connection& connection, int status, const std::string& complaint = "") {
  if (connection.is_answered.exchange(true)) return;
  send_all(connection.socket.get(), static_cast<char>(status) + complaint);
  ::shutdown(connection.socket.get(), SHUT_WR);
}

// A stream on a descriptor of the client's. Unlike the C library's own it does not wait for a
// reader
// (`… | less`) that reads no more when the command is to stop.
class Stream {
 public:
  Stream(Fd fd, const Connection& connection) : fd_(std::move(fd)), connection_(connection) {
    file_ = ::fopencookie(this, "w",
                          {.read = nullptr, .write = write, .seek = nullptr, .close = nullptr});
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() {
    if (file_) std::fclose(file_);
  }
  std::FILE* file() const { return file_; }
  int fd() const { return fd_.get(); }
  bool is_broken() const { return is_broken_; }

 private:
  static ssize_t write(void* cookie, const char* data, size_t size) {
    return static_cast<Stream*>(cookie)->write({data, size}) ? static_cast<ssize_t>(size) : 0;
  }

  bool write(std::string_view bytes) {
    constexpr int kWaitMs = 100, kPatience = 10;  // of a stopped command: a second
    for (int waits = 0; !bytes.empty() && !connection_.has_let_go && !is_broken_;) {
      pollfd ready{fd_.get(), POLLOUT, 0};
      if (::poll(&ready, 1, kWaitMs) == 0) {
        if (connection_.stop.stop_requested() && ++waits > kPatience) is_broken_ = true;
        continue;
      }
      // A pipe that is ready takes so much without waiting.
      const ssize_t n = ::write(fd_.get(), bytes.data(), std::min<size_t>(bytes.size(), PIPE_BUF));
      if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (n < 0 && errno == EPIPE) is_broken_ = true;
      if (n < 0) return is_broken_;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }

  const Fd fd_;
  const Connection& connection_;
  std::FILE* file_;
  bool is_broken_ = false;  // who read it has gone, or does not read
};

// Gives the calling thread, and those that it will start, a folder of their own.
Result<> enter(const Fd& folder) {
  if (::unshare(CLONE_FS) == 0) {
    if (::fchdir(folder.get()) == 0) return {};
    return system_error("the server cannot enter this folder");
  }
  // Docker's default profile forbids it.
  const Error refused = system_error(
      "the server cannot work in another folder than its own, which is where to run this from");
  struct stat wanted {
  }, own{};
  if (::fstat(folder.get(), &wanted) == 0 && ::stat(".", &own) == 0 &&
      wanted.st_dev == own.st_dev && wanted.st_ino == own.st_ino)
    return {};
  return refused;
}

std::vector<std::string> split(const std::string& texts) {
  std::vector<std::string> parts;
  for (size_t at = 0, end; (end = texts.find('\0', at)) != texts.npos; at = end + 1)
    parts.push_back(texts.substr(at, end - at));
  return parts;
}

std::string joined(std::span<const std::string> words) {
  std::string text;
  for (const std::string& word : words) (text += text.empty() ? "" : " ") += word;
  return text;
}

// What a process calls its own descriptors (`<(…)` of a shell), by a name that is good in another.
std::string for_others(std::string arg) {
  const std::string own = "/proc/" + std::to_string(::getpid());
  const size_t at = arg.starts_with("--") && arg.find('=') != arg.npos ? arg.find('=') + 1 : 0;
  const std::string_view path = std::string_view(arg).substr(at);
  constexpr std::string_view kFd = "/dev/fd/", kStdin = "/dev/stdin", kSelf = "/proc/self/";
  if (path.starts_with(kFd)) return arg.replace(at, kFd.size(), own + "/fd/");
  if (path == kStdin) return arg.replace(at, kStdin.size(), own + "/fd/0");
  if (path.starts_with(kSelf)) return arg.replace(at, kSelf.size(), own + "/");
  return arg;
}

}  // namespace

// Threads: one takes connections; each connection has one that runs the command and, meanwhile,
// one that waits for Ctrl-C and the end of the client.
struct CommandSocket::Impl {
  Impl(Run runs, Watch watches) : run(std::move(runs)), watch(std::move(watches)) {}

  void accept_all();
  void serve(Connection& connection, int64_t id);
  Result<> serve_command(Connection& connection, int64_t id);
  void listen_to(Connection& connection) const;

  const Run run;
  const Watch watch;
  Fd folder, listener;  // constant after listen()
  std::atomic<bool> stopping = false;
  std::mutex mu;
  std::condition_variable ended;
  std::list<Connection> connections;  // guarded by mu
  std::jthread thread;
};

void CommandSocket::Impl::accept_all() {
  for (int64_t id = 1; !stopping; ++id) {
    Fd socket(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (socket.get() < 0) {
      // No descriptors, most likely: others will go.
      if (!stopping && errno != EINTR) std::this_thread::sleep_for(std::chrono::milliseconds(100));
      continue;
    }
    const auto user = peer(socket);
    std::unique_lock lock(mu);
    // The others wait to be taken.
    const auto has_ended = [](const Connection& connection) { return connection.has_ended; };
    ended.wait(lock, [&] {
      connections.remove_if(has_ended);
      return connections.size() < kMostCommands || stopping;
    });
    if (stopping) return;
    connections.emplace_back().socket = std::move(socket);
    Connection& connection = connections.back();
    if (!user || (*user != ::geteuid() && *user != 0)) {
      answer(connection, kExitFailed, "the server that holds the library is another user's");
      connections.pop_back();
      continue;
    }
    try {
      connection.thread = std::jthread([this, &connection, id] { serve(connection, id); });
    } catch (const std::system_error& e) {
      answer(connection, kExitFailed, e.what());
      connections.pop_back();
    }
  }
}

void CommandSocket::Impl::serve(Connection& connection, int64_t id) {
  // Of a write to a pipe that nobody reads, which is told by its errno too.
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  try {
    if (const auto served = serve_command(connection, id); !served)
      answer(connection, kExitFailed, served.error().message);
  } catch (const std::exception& e) {  // no memory, no thread
    answer(connection, kExitFailed, std::string("internal error: ") + e.what());
  }
  ::shutdown(connection.socket.get(), SHUT_RDWR);  // whoever still sends need not wait
  const std::lock_guard lock(mu);
  connection.has_ended = true;
  ended.notify_all();
}

Result<> CommandSocket::Impl::serve_command(Connection& connection, int64_t id) {
  const int socket = connection.socket.get();
  const timeval patience{.tv_sec = kRequestTimeoutS, .tv_usec = 0}, for_ever{};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  auto head = receive_head(socket);
  if (!head || head->bytes > kMostBytes)
    return Error{ErrorCode::kInvalidArgument, "this is no command"};
  const std::string texts = receive_up_to(socket, head->bytes);
  std::vector<std::string> parts = split(texts);
  if (texts.size() != head->bytes || parts.size() < 3)
    return Error{ErrorCode::kInvalidArgument, "this is no command"};
  if (parts[0] != MIMEME_VERSION)
    return Error{ErrorCode::kConflict, "the server that holds the library is mimeme " MIMEME_VERSION
                                       ", another version: start it anew"};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &for_ever, sizeof for_ever);
  TRY(enter(head->descriptors[kFolder]));

  CommandProgress progress{.id = id, .command = joined(std::span(parts).subspan(3)), .label = {}};
  std::string failure;
  int status = kExitFailed;
  {
    Stream out(std::move(head->descriptors[kOut]), connection);
    Stream err(std::move(head->descriptors[kErr]), connection);
    if (!out.file() || !err.file()) return system_error("a stream");
    // As the C library does with its own.
    std::setvbuf(out.file(), nullptr, ::isatty(out.fd()) == 1 ? _IOLBF : _IOFBF, BUFSIZ);
    std::setvbuf(err.file(), nullptr, _IONBF, 0);
    const std::jthread listening([&] { listen_to(connection); });
    try {
      status = run({.library = std::move(parts[1]),
                    .args = {parts.begin() + 2, parts.end()},
                    .out = out.file(),
                    .err = err.file(),
                    .err_fd = err.fd(),
                    .stop_on_interrupt =
                        [&] {
                          connection.takes_interrupt = true;
                          return connection.stop.get_token();
                        },
                    .hung_up = connection.stop.get_token(),
                    .progress =
                        [&](std::string_view label, int64_t done, int64_t total, int64_t failed) {
                          progress.label = label;
                          progress.done = done;
                          progress.total = total;
                          progress.failed = failed;
                          watch(progress);
                        }});
    } catch (const std::exception& e) {
      failure = std::string("internal error: ") + e.what();
    }
    std::fflush(out.file());
    if (out.is_broken() || err.is_broken()) status = 128 + SIGPIPE;
    ::shutdown(socket, SHUT_RD);  // ends `listening`
  }
  progress.has_ended = true;
  watch(progress);
  answer(connection, status, failure);
  return {};
}

void CommandSocket::Impl::listen_to(Connection& connection) const {
  for (char byte = 0;;) {
    const ssize_t n = ::recv(connection.socket.get(), &byte, 1, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n != 1) break;
    connection.stop.request_stop();
    if (connection.takes_interrupt) continue;
    connection.has_let_go = true;
    answer(connection, 128 + SIGINT);
  }
  // The client has gone, or the command is done, or the server is to stop.
  if (!stopping) connection.has_let_go = true;
  connection.stop.request_stop();
}

CommandSocket::CommandSocket(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

CommandSocket::~CommandSocket() { stop({}); }  // the connections' threads are joined by their end

Result<std::unique_ptr<CommandSocket>> CommandSocket::listen(const std::string& directory, Run run,
                                                             Watch watch) {
  auto impl = std::make_unique<Impl>(std::move(run), std::move(watch));
  impl->folder = open_folder(directory);
  if (impl->folder.get() < 0) return system_error(directory);
  impl->listener = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int listener = impl->listener.get();
  const sockaddr_un address = address_of(directory, impl->folder);
  ::unlinkat(impl->folder.get(), kName, 0);
  // The mode of the file that bind() makes.
  if (listener < 0 || ::fchmod(listener, 0600) != 0 ||
      ::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener, SOMAXCONN) != 0)
    return system_error(directory + "/" + kName);
  impl->thread = std::jthread([&socket = *impl] { socket.accept_all(); });
  return std::unique_ptr<CommandSocket>(new CommandSocket(std::move(impl)));
}

bool CommandSocket::stop(std::chrono::milliseconds timeout) {
  if (!impl_->stopping.exchange(true)) ::unlinkat(impl_->folder.get(), kName, 0);
  ::shutdown(impl_->listener.get(), SHUT_RDWR);  // ends accept4()
  {
    const std::lock_guard lock(impl_->mu);
    impl_->ended.notify_all();  // accept_all() may wait for it
  }
  if (impl_->thread.joinable()) impl_->thread.join();
  std::unique_lock lock(impl_->mu);
  for (const Connection& connection : impl_->connections)
    ::shutdown(connection.socket.get(), SHUT_RD);  // ends receiving, and listen_to()
  return impl_->ended.wait_for(lock, timeout, [&] {
    return std::all_of(impl_->connections.begin(), impl_->connections.end(),
                       [](const Connection& connection) { return connection.has_ended; });
  });
}

Result<std::optional<int>> run_in_server(
    const std::string& library, int argc, const char* const* argv,
    const std::function<std::stop_token()>& stop_on_interrupt) {
  const std::optional<int> none;
  const Fd folder = open_folder(library);
  if (folder.get() < 0) return none;
  const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = address_of(library, folder);
  if (socket.get() < 0 ||
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return none;
  // Not to somebody who made a socket where others keep a library.
  const auto user = peer(socket);
  if (!user || (*user != ::geteuid() && *user != 0 && ::geteuid() != 0)) return none;

  std::string texts;
  const auto add = [&](const std::string& text) { texts.append(text).push_back('\0'); };
  add(MIMEME_VERSION);
  add(library);
  for (int i = 0; i < argc; ++i) add(for_others(argv[i]));
  const Fd here = open_folder(".");
  if (here.get() < 0) return system_error("this folder");
  std::fflush(stdout);
  // If it refuses it may not read all of this; its answer says why.
  if (send_head(socket.get(), static_cast<uint32_t>(texts.size()),
                {here.get(), STDOUT_FILENO, STDERR_FILENO}))
    send_all(socket.get(), texts);

  const std::stop_callback interrupt(stop_on_interrupt(),
                                     [&] { send_all(socket.get(), std::string_view("c")); });
  const std::string status = receive_up_to(socket.get(), 1);
  if (status.empty())
    return Error{ErrorCode::kUnavailable,
                 "the server that was at work on this has ended; what it had committed is kept"};
  const int code = static_cast<unsigned char>(status[0]);
  const std::string complaint = receive_up_to(socket.get(), kMostBytes);
  if (!complaint.empty()) return Error{ErrorCode::kBusy, complaint};
  if (code > 128) {
    std::signal(code - 128, SIG_DFL);
    std::raise(code - 128);
  }
  return std::optional(code);
}

}  // namespace mimeme
