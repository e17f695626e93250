// For tests: an HTTP server on 127.0.0.1 that does as its script says, well-behaved or not.
#ifndef MIMEME_MODEL_TEST_HTTP_SERVER_H_
#define MIMEME_MODEL_TEST_HTTP_SERVER_H_

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/ascii.h"

namespace mimeme {

struct HttpRequest {
  std::string line;                            // "POST /v1/chat/completions HTTP/1.1"
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

// A socket bound to a free port of 127.0.0.1. As long as nobody listens, connections are refused.
class LoopbackSocket {
 public:
  LoopbackSocket() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(fd_, any, size), 0);
    EXPECT_EQ(getsockname(fd_, any, &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~LoopbackSocket() { close(fd_); }
  LoopbackSocket(const LoopbackSocket&) = delete;
  LoopbackSocket& operator=(const LoopbackSocket&) = delete;

  int fd() const { return fd_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1"; }

 private:
  int fd_;
  int port_ = 0;
};

// The server's end of a connection, after its request was read. It is closed when the script's step
// returns.
class Connection {
 public:
  explicit Connection(int fd) : fd_(fd) {}

  // False once the client has gone.
  bool write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  // Says nothing more until the client goes, or the server is to end.
  void hang() const {
    char byte = 0;
    while (recv(fd_, &byte, 1, 0) > 0) continue;
  }

 private:
  int fd_;
};

class TestHttpServer {
 public:
  using Step = std::function<void(const Connection&)>;

  // The nth request is answered by the nth step; those after the last, by the last.
  explicit TestHttpServer(std::vector<Step> script) : script_(std::move(script)) {
    EXPECT_EQ(listen(socket_.fd(), 64), 0);
    accepter_ = std::thread([this] { accept_all(); });
  }
  ~TestHttpServer() {
    shutdown(socket_.fd(), SHUT_RDWR);
    accepter_.join();
    {
      const std::lock_guard lock(mu_);
      for (const int fd : connections_) shutdown(fd, SHUT_RDWR);
    }
    for (std::thread& thread : threads_) thread.join();
  }
  TestHttpServer(const TestHttpServer&) = delete;
  TestHttpServer& operator=(const TestHttpServer&) = delete;

  std::string url() const { return socket_.url(); }

  std::vector<HttpRequest> requests() const {
    const std::lock_guard lock(mu_);
    return requests_;
  }
  // Waits for them, ten seconds at most.
  bool has_had(size_t requests) const {
    std::unique_lock lock(mu_);
    return arrived_.wait_for(lock, std::chrono::seconds(10),
                             [&] { return requests_.size() >= requests; });
  }

 private:
  void accept_all() {
    for (int fd = 0; (fd = accept4(socket_.fd(), nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
      const std::lock_guard lock(mu_);
      connections_.push_back(fd);
      threads_.emplace_back([this, fd] { serve(fd); });
    }
  }
  void serve(int fd) {
    HttpRequest request;
    if (read(fd, request)) {
      const size_t n = note(std::move(request));
      script_[std::min(n, script_.size() - 1)](Connection(fd));
    }
    const std::lock_guard lock(mu_);
    std::erase(connections_, fd);
    close(fd);
  }
  size_t note(HttpRequest request) {
    const std::lock_guard lock(mu_);
    requests_.push_back(std::move(request));
    arrived_.notify_all();
    return requests_.size() - 1;
  }
  static bool read(int fd, HttpRequest& request) {
    std::string text;
    const auto more = [&] {
      char buffer[16'384];
      const ssize_t n = recv(fd, buffer, sizeof buffer, 0);
      if (n > 0) text.append(buffer, static_cast<size_t>(n));
      return n > 0;
    };
    while (text.find("\r\n\r\n") == text.npos)
      if (!more()) return false;
    const size_t end = text.find("\r\n\r\n");
    request.line = text.substr(0, text.find("\r\n"));
    for (size_t at = text.find("\r\n") + 2; at < end;) {
      const size_t colon = text.find(": ", at), next = text.find("\r\n", at);
      request.headers[lower_ascii(text.substr(at, colon - at))] =
          text.substr(colon + 2, next - colon - 2);
      at = next + 2;
    }
    const size_t length = std::stoul("0" + request.headers["content-length"]);
    while (text.size() < end + 4 + length)
      if (!more()) return false;
    request.body = text.substr(end + 4);
    return true;
  }

  const std::vector<Step> script_;
  LoopbackSocket socket_;
  std::thread accepter_;
  std::vector<std::thread> threads_;  // the accepter's until it has ended

  mutable std::mutex mu_;
  mutable std::condition_variable arrived_;
  std::vector<int> connections_;  // guarded by mu_, as is the next
  std::vector<HttpRequest> requests_;
};

// An answer as it should be. headers: each with its line's end.
inline std::string http_answer(int status, std::string_view body, std::string_view headers = "") {
  return "HTTP/1.1 " + std::to_string(status) + " So\r\nContent-Type: application/json\r\n" +
         "Connection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(headers) + "\r\n" + std::string(body);
}

}  // namespace mimeme

#endif  // MIMEME_MODEL_TEST_HTTP_SERVER_H_
