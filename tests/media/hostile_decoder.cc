// A worker of a DecodePool that does what the "picture" says, in the real sandbox; what is a
// picture it decodes. It answers an error that says how it went: "done", or the system's words.
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "media/isolation.h"

namespace {

using namespace mimeme;

std::string said(long result) { return result >= 0 ? "done" : std::strerror(errno); }

std::string connect_to_loopback() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return said(fd);
  const sockaddr_in address{.sin_family = AF_INET,
                            .sin_port = htons(9),
                            .sin_addr = {htonl(INADDR_LOOPBACK)},
                            .sin_zero = {}};
  return said(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)));
}

std::string run(const char* program) {
  const char* const argv[] = {program, nullptr};
  return said(execv(program, const_cast<char* const*>(argv)));
}

// Until there is none left; a write each page, so that it is really there.
[[noreturn]] void take_all_memory() {
  for (;;) {
    constexpr size_t kPiece = 64 << 20;
    auto* const piece = new char[kPiece];
    for (size_t i = 0; i < kPiece; i += 4096) static_cast<volatile char*>(piece)[i] = 1;
  }
}

// Which descriptors are open.
std::string descriptors() {
  std::string open;
  for (int fd = 0; fd < 1024; ++fd)
    if (fcntl(fd, F_GETFD) >= 0 || (errno != EBADF && lseek(fd, 0, SEEK_CUR) >= 0))
      open += std::to_string(fd) + ' ';
  return open;
}

Result<Decoded> obey(std::span<const uint8_t> bytes, const Target& target,
                     const DecodeLimits& limits) {
  const std::string order(bytes.begin(), bytes.end());
  const auto say = [](std::string what) { return Error{ErrorCode::kUnsupported, std::move(what)}; };
  if (order == "crash") {
    signal(SIGSEGV, SIG_DFL);  // a sanitizer would report it
    raise(SIGSEGV);
  }
  if (order == "abort") std::abort();
  if (order == "exit") _exit(0);
  if (order == "hang")
    for (;;) {
    }
  if (order == "sleep")
    for (;;) sleep(1000);
  if (order == "memory") take_all_memory();
  if (order == "read a file") return say(said(open("/etc/passwd", O_RDONLY)));
  if (order == "write a file")
    return say(said(open("/tmp/mimeme-was-here", O_WRONLY | O_CREAT, 0600)));
  if (order == "delete a file") return say(said(unlink("/tmp/mimeme-was-here")));
  if (order == "connect") return say(connect_to_loopback());
  if (order == "run a program") return say(run("/bin/true"));
  if (order == "fork") return say(said(fork()));
  if (order == "kill the parent") return say(said(kill(getppid(), SIGKILL)));
  if (order == "trace the parent") return say(said(ptrace(PTRACE_ATTACH, getppid(), 0, 0)));
  if (order == "share memory") return say(said(memfd_create("x", 0)));
  if (order == "descriptors") return say(descriptors());
  if (order == "many pixels")
    return Decoded{.info = {.format = "png", .width = 1, .height = 1, .frames = 1},
                   .rgb = std::vector<uint8_t>(3 << 20),
                   .width = 1 << 20,
                   .height = 1};
  if (order == "no pixels")
    return Decoded{.info = {.format = "png", .width = 1, .height = 1, .frames = 1},
                   .width = target.width,
                   .height = target.height};
  const auto pretend = [&](const std::string& format, const std::string& preview) {
    const size_t size =
        size_t{3} * static_cast<size_t>(target.width) * static_cast<size_t>(target.height);
    return Decoded{
        .info = {.format = format, .width = 1, .height = 1, .frames = 1, .preview = preview},
        .rgb = std::vector<uint8_t>(size),
        .width = target.width,
        .height = target.height};
  };
  if (order.starts_with("GIF89a path")) return pretend("x/../../../../tmp/mimeme-was-here", "");
  if (order.starts_with("GIF89a header")) return pretend("gif\r\nSet-Cookie: x=y", "");
  if (order.starts_with("GIF89a other")) return pretend("png", "");
  if (order.starts_with("GIF89a preview")) return pretend("gif", "\"><script>");
  if (order.starts_with("GIF89a fine")) return pretend("gif", "AAAA");
  if (order == "another error") return Error{ErrorCode::kCancelled, "stopped"};
  if (order == "control characters") return say("a\x1b[31mb");
  if (order == "hang up") {
    close(3);
    alarm(0);
    for (;;) pause();
  }
  if (order == "crash later") {
    sleep(1);
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
  }
  if (order == "long words") return say(std::string(1 << 20, 'x'));
  return decode_here(bytes, target, limits);
}

}  // namespace

int main(int, char**) { return run_decode_worker(obey); }
