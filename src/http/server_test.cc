#include "http/server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <latch>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

namespace mimeme {
namespace {

// A connection of a client that sends just what it is told.
class Client {
 public:
  explicit Client(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    const timeval patience{.tv_sec = 30};  // so that a test fails, and does not hang
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~Client() { close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void send(std::string_view text) {
    EXPECT_GE(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL), 0);
  }
  void get(const std::string& target) { send("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n"); }

  // One answer: head and body. "" if the server hangs up.
  std::string receive() {
    size_t head = std::string::npos;
    while ((head = buffer_.find("\r\n\r\n")) == std::string::npos)
      if (!more()) return "";
    const std::string length_field = "Content-Length: ";
    const size_t at = buffer_.find(length_field);
    const size_t length =
        at < head ? std::stoul(buffer_.substr(at + length_field.size())) : size_t{0};
    while (buffer_.size() < head + 4 + length)
      if (!more()) return "";
    std::string answer = buffer_.substr(0, head + 4 + length);
    buffer_.erase(0, answer.size());
    return answer;
  }
  bool hung_up() { return receive().empty(); }

 private:
  bool more() {
    char chunk[4096];
    const ssize_t n = recv(fd_, chunk, sizeof chunk, 0);
    if (n > 0) buffer_.append(chunk, static_cast<size_t>(n));
    return n > 0;
  }

  const int fd_;
  std::string buffer_;
};

std::unique_ptr<Server> start(ServerOptions options, HttpHandler handler) {
  options.port = 0;
  auto server = Server::start(options, std::move(handler));
  EXPECT_TRUE(server) << server.error().message;
  return server ? *std::move(server) : nullptr;
}

HttpResponse echo(const HttpRequest& request) {
  std::string headers;
  for (const auto& [name, value] : request.headers) headers += name + "=" + value + ";";
  return {.content_type = "text/plain",
          .headers = {{"X-Test", "yes"}},
          .body = request.method + " " + request.target + " " + headers + " " + request.body};
}

TEST(ServerTest, TheHandlerSeesTheRequestAndTheClientItsAnswer) {
  const auto server = start({}, echo);
  Client client(server->port());
  client.send("POST /a?b=c HTTP/1.1\r\nHost: x\r\nX-Mine: 1\r\nContent-Length: 4\r\n\r\nbody");
  const std::string answer = client.receive();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_NE(answer.find("X-Test: yes"), std::string::npos) << answer;
  EXPECT_TRUE(answer.ends_with("POST /a?b=c Host=x;X-Mine=1;Content-Length=4; body")) << answer;
}

TEST(ServerTest, AConnectionIsKeptForTheNextRequest) {
  const auto server = start({}, echo);
  Client client(server->port());
  for (const char* target : {"/1", "/2", "/3"}) {
    client.get(target);
    EXPECT_NE(client.receive().find(std::string("GET ") + target), std::string::npos);
  }
}

TEST(ServerTest, AFullQueueIsSaidAtOnce) {
  std::latch begun(1), go_on(1);
  std::atomic<int> called = 0;
  const auto server = start({.workers = 1, .queue = 1}, [&](const HttpRequest& request) {
    if (called++ == 0) {
      begun.count_down();
      go_on.wait();
    }
    return echo(request);
  });
  Client first(server->port());
  first.get("/");
  begun.wait();  // the only worker is busy

  // Of four more one waits in the queue, the others are refused while it does.
  std::latch refused(3);
  std::atomic<int> waited = 0;
  {
    std::vector<std::jthread> clients;
    for (int i = 0; i < 4; ++i)
      clients.emplace_back([&] {
        Client client(server->port());
        client.get("/");
        const std::string answer = client.receive();
        if (answer.starts_with("HTTP/1.1 200")) {
          ++waited;
          return;
        }
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 503")) << answer;
        EXPECT_NE(answer.find("Retry-After: 1"), std::string::npos) << answer;
        EXPECT_NE(answer.find("\"code\":\"busy\""), std::string::npos) << answer;
        refused.count_down();
      });
    refused.wait();
    go_on.count_down();
  }
  EXPECT_TRUE(first.receive().starts_with("HTTP/1.1 200"));
  EXPECT_EQ(waited, 1);
}

TEST(ServerTest, AHandlerThatThrowsIsAnErrorOfOurs) {
  const auto server =
      start({}, [](const HttpRequest&) -> HttpResponse { throw std::runtime_error("a secret"); });
  Client client(server->port());
  client.get("/");
  const std::string answer = client.receive();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 500")) << answer;
  EXPECT_EQ(answer.find("secret"), std::string::npos) << answer;
}

TEST(ServerTest, ABodyOverTheLimitIsRefusedAndNeverReachesTheHandler) {
  std::atomic<int> called = 0;
  const auto server = start({.max_body = 100}, [&](const HttpRequest& request) {
    ++called;
    return echo(request);
  });
  Client client(server->port());
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\n", body(101, 'x');
  for (const std::string& request :
       {head + "Content-Length: 101\r\n\r\n" + body,
        head + "Transfer-Encoding: chunked\r\n\r\n65\r\n" + body + "\r\n0\r\n\r\n",
        head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n65\r\n" + body +
            "\r\n3\r\nabc\r\n0\r\n\r\n"}) {
    client.send(request);
    const std::string answer = client.receive();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 413")) << answer;
    EXPECT_NE(answer.find("application/problem+json"), std::string::npos) << answer;
    EXPECT_NE(answer.find("\"code\":\"too_large\""), std::string::npos) << answer;
  }
  EXPECT_EQ(called, 0);
  client.send(head + "Content-Length: 100\r\n\r\n" + body.substr(1));
  EXPECT_TRUE(client.receive().starts_with("HTTP/1.1 200"));
}

TEST(ServerTest, ABodyThatIsWorkedOnTakesMemoryToo) {
  std::latch begun(1), go_on(1);
  std::atomic<int> called = 0;
  const auto server = start({.workers = 1, .queue_bytes = 10}, [&](const HttpRequest& request) {
    if (called++ == 0) begun.count_down();
    go_on.wait();
    return echo(request);
  });
  const std::string request = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n8 bytes.";
  Client first(server->port()), second(server->port());
  first.send(request);
  begun.wait();
  second.send(request);
  std::jthread later([&] {  // so that a fault is no hang
    std::this_thread::sleep_for(std::chrono::seconds(1));
    go_on.count_down();
  });
  EXPECT_TRUE(second.receive().starts_with("HTTP/1.1 503"));
  EXPECT_TRUE(first.receive().starts_with("HTTP/1.1 200"));
  second.send(request);
  EXPECT_TRUE(second.receive().starts_with("HTTP/1.1 200"));
}

TEST(ServerTest, ASlowRequestIsHungUpOn) {
  const auto server = start({.idle_timeout_s = 1}, echo);
  Client client(server->port());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nfive.");
  EXPECT_TRUE(client.hung_up());
}

TEST(ServerTest, ConnectionsOverTheLimitWaitUntilOthersGo) {
  const auto server = start({.max_connections = 2}, echo);
  auto first = std::make_unique<Client>(server->port());
  Client second(server->port()), third(server->port());
  for (Client* client : {first.get(), &second}) {
    client->get("/");
    EXPECT_TRUE(client->receive().starts_with("HTTP/1.1 200"));
  }
  third.get("/");
  first.reset();
  EXPECT_TRUE(third.receive().starts_with("HTTP/1.1 200"));
}

TEST(ServerTest, StopAnswersWhatIsInFlight) {
  std::latch begun(1), go_on(1);
  const auto server = start({}, [&](const HttpRequest& request) {
    begun.count_down();
    go_on.wait();
    return echo(request);
  });
  Client client(server->port());
  client.get("/slow");
  begun.wait();
  std::thread stopping([&] { server->stop(); });
  go_on.count_down();
  EXPECT_TRUE(client.receive().starts_with("HTTP/1.1 200"));
  stopping.join();
  EXPECT_TRUE(client.hung_up());
  server->stop();  // once more does nothing
}

TEST(ServerTest, WhatAClientThatHasGoneAskedForIsNotDone) {
  std::latch begun(1), go_on(1);
  std::mutex mu;
  std::vector<std::string> handled;
  const auto server = start({.workers = 1}, [&](const HttpRequest& request) {
    if (request.target == "/first") {
      begun.count_down();
      go_on.wait();
    }
    const std::lock_guard lock(mu);
    handled.push_back(request.target);
    return echo(request);
  });
  Client first(server->port());
  first.get("/first");
  begun.wait();
  {
    Client second(server->port());
    second.get("/gone");
  }
  Client third(server->port());
  third.get("/last");
  std::this_thread::sleep_for(std::chrono::milliseconds(500));  // until the server has seen it
  go_on.count_down();
  EXPECT_TRUE(first.receive().starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(third.receive().starts_with("HTTP/1.1 200"));
  const std::lock_guard lock(mu);
  EXPECT_EQ(handled, (std::vector<std::string>{"/first", "/last"}));
}

TEST(ServerTest, RequestsOfOneConnectionAreAnsweredInTheirOrder) {
  const auto server = start({.workers = 2}, [](const HttpRequest& request) {
    if (request.target == "/0") std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return echo(request);
  });
  Client client(server->port());
  std::string all;
  for (int i = 0; i < 6; ++i) all += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  client.send(all);
  for (int i = 0; i < 6; ++i)
    EXPECT_NE(client.receive().find("GET /" + std::to_string(i) + ' '), std::string::npos) << i;
}

TEST(ServerTest, StopDoesNotWorkOffALongQueue) {
  std::latch begun(1), go_on(1);
  std::atomic<int> called = 0;
  const auto server = start({.workers = 1, .stop_timeout_s = 0}, [&](const HttpRequest& request) {
    if (called++ == 0) begun.count_down();
    go_on.wait();
    return echo(request);
  });
  Client first(server->port()), second(server->port());
  first.get("/");
  begun.wait();
  second.get("/waits");
  std::this_thread::sleep_for(
      std::chrono::milliseconds(100));  // it comes before the stop, or after
  std::thread stopping([&] { server->stop(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  go_on.count_down();
  EXPECT_TRUE(first.receive().starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(second.receive().starts_with("HTTP/1.1 503"));
  stopping.join();
  EXPECT_EQ(called, 1);
}

TEST(ServerTest, TheStatusLineSaysWhatItMeans) {
  const auto server = start({}, [](const HttpRequest&) { return HttpResponse{.status = 202}; });
  Client client(server->port());
  client.get("/");
  EXPECT_TRUE(client.receive().starts_with("HTTP/1.1 202 Accepted"));
}

TEST(ServerTest, StopHangsUpOnConnectionsThatAreKept) {
  const auto server = start({}, echo);
  Client client(server->port()), silent(server->port());
  client.get("/");
  EXPECT_TRUE(client.receive().starts_with("HTTP/1.1 200"));
  server->stop();
  EXPECT_TRUE(client.hung_up());
  EXPECT_TRUE(silent.hung_up());
}

TEST(ServerTest, APortThatIsTakenIsNamed) {
  const auto server = start({}, echo);
  const auto second = Server::start({.port = server->port()}, echo);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kBusy);
  EXPECT_NE(second.error().message.find(std::to_string(server->port()) + " is in use"),
            std::string::npos)
      << second.error().message;
  const auto nowhere = Server::start({.address = "nowhere", .port = 0}, echo);
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, ErrorCode::kInvalidArgument) << nowhere.error().message;
}

}  // namespace
}  // namespace mimeme
