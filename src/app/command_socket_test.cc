#include "app/command_socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace mimeme {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class CommandSocketTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("command_socket_test." + std::to_string(getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::unique_ptr<CommandSocket> listen(
      CommandSocket::Run run, CommandSocket::Watch watch = [](const CommandProgress&) {}) const {
    auto socket = CommandSocket::listen(folder_, std::move(run), std::move(watch));
    EXPECT_TRUE(socket.ok()) << socket.error().message;
    return socket ? *std::move(socket) : nullptr;
  }

  // As the process of a client does.
  Result<std::optional<int>> run(std::vector<const char*> args, std::stop_token interrupt = {}) {
    args.insert(args.begin(), "mimeme");
    return run_in_server(folder_, static_cast<int>(args.size()), args.data(),
                         [interrupt] { return interrupt; });
  }

  // A connection that says what it likes.
  int connect() const {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (folder_ / "serve.sock").string().copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }

  fs::path folder_;
};

int succeed(const CommandSocket::Command&) { return 0; }

TEST_F(CommandSocketTest, ACommandHasItsArgumentsItsFolderAndPrintsWhereTheClientDoes) {
  const fs::path elsewhere = folder_ / "elsewhere", own = fs::current_path();
  fs::create_directory(elsewhere);
  const auto server = listen([](const CommandSocket::Command& command) {
    std::fprintf(command.out, "%s in %s, of %s:", command.args[0].c_str(),
                 fs::current_path().c_str(), command.library.c_str());
    for (size_t i = 1; i < command.args.size(); ++i)
      std::fprintf(command.out, " [%s]", command.args[i].c_str());
    std::fprintf(command.err, "a complaint");
    std::thread([&] { std::fprintf(command.err, " in %s", fs::current_path().c_str()); }).join();
    return 3;
  });
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Result<std::optional<int>> code = std::optional<int>();
  std::thread([&] {
    ASSERT_EQ(unshare(CLONE_FS), 0);
    fs::current_path(elsewhere);
    code = run({"add", "", "two words"});
  }).join();
  EXPECT_EQ(
      testing::internal::GetCapturedStdout(),
      "mimeme in " + elsewhere.string() + ", of " + folder_.string() + ": [add] [] [two words]");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "a complaint in " + elsewhere.string());
  ASSERT_TRUE(code.ok());
  EXPECT_EQ(*code, 3);
  EXPECT_EQ(fs::current_path(), own);
}

TEST_F(CommandSocketTest, AFileThatTheShellOpenedForTheClientIsNamedByItsProcess) {
  const auto server = listen([](const CommandSocket::Command& command) {
    for (const std::string& arg : command.args) std::fprintf(command.out, "%s ", arg.c_str());
    return 0;
  });
  testing::internal::CaptureStdout();
  EXPECT_TRUE(run({"/dev/fd/63", "--from=/dev/stdin", "/proc/self/fd/5", "/dev/fdx"}).ok());
  const std::string own = "/proc/" + std::to_string(getpid()) + "/fd/";
  EXPECT_EQ(testing::internal::GetCapturedStdout(),
            "mimeme " + own + "63 --from=" + own + "0 " + own + "5 /dev/fdx ");
}

TEST_F(CommandSocketTest, WithoutAServerThereIsNoAnswer) {
  EXPECT_EQ(*run({"status"}), std::nullopt);
  listen(succeed).reset();
  EXPECT_FALSE(fs::exists(folder_ / "serve.sock"));
  EXPECT_EQ(*run({"status"}), std::nullopt);
}

TEST_F(CommandSocketTest, ASocketThatAKilledServerLeftIsPassedOverAndReplaced) {
  {  // Bound, then closed without being removed, as the kernel does.
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (folder_ / "serve.sock").string().copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ::close(fd);
  }
  EXPECT_EQ(*run({"status"}), std::nullopt);
  const auto server = listen(succeed);
  EXPECT_EQ(*run({"status"}), 0);
}

TEST_F(CommandSocketTest, OnlyItsUserMayConnectAndAPathMayBeLong) {
  folder_ /= std::string(120, 'x');
  fs::create_directory(folder_);
  const auto server = listen(succeed);
  EXPECT_EQ(fs::status(folder_ / "serve.sock").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(*run({"status"}), 0);
  folder_ = folder_.parent_path();
}

TEST_F(CommandSocketTest, WhatACommandThrowsIsTheClientsError) {
  const auto server =
      listen([](const CommandSocket::Command&) -> int { throw std::runtime_error("oh"); });
  const auto code = run({"status"});
  ASSERT_FALSE(code.ok());
  EXPECT_EQ(code.error().message, "internal error: oh");
}

TEST_F(CommandSocketTest, CtrlCRequestsTheStopOfACommandThatTakesIt) {
  std::stop_source interrupt;
  const auto server = listen([&](const CommandSocket::Command& command) {
    const std::stop_token stop = command.stop_on_interrupt();
    interrupt.request_stop();
    while (!stop.stop_requested()) std::this_thread::yield();
    return 3;
  });
  EXPECT_EQ(*run({"add"}, interrupt.get_token()), 3);
}

TEST_F(CommandSocketTest, CtrlCLetsTheClientOfAnyOtherGoAndDropsWhatThatPrints) {
  std::promise<void> begun, may_end;
  const auto server = listen([&](const CommandSocket::Command& command) {
    begun.set_value();
    may_end.get_future().wait();
    std::fprintf(command.out, "too late");
    return 0;
  });
  EXPECT_EXIT(  // in a process of its own, which dies as one that is not a client would
      {
        std::stop_source interrupt;
        interrupt.request_stop();
        static_cast<void>(run({"search"}, interrupt.get_token()));
      },
      testing::KilledBySignal(SIGINT), "");
  begun.get_future().wait();
  may_end.set_value();
}

TEST_F(CommandSocketTest, AClientThatGoesStopsItsCommandAndNoOther) {
  std::promise<void> may_end;
  std::atomic<int> stopped = 0;
  const auto server = listen([&](const CommandSocket::Command& command) {
    if (command.args[1] == "stays") {
      may_end.get_future().wait();
      return command.hung_up.stop_requested() ? 1 : 0;
    }
    ::kill(std::stoi(command.args[2]), SIGKILL);
    while (!command.hung_up.stop_requested()) std::this_thread::yield();
    ++stopped;
    may_end.set_value();
    return 3;
  });
  auto stays = std::async(std::launch::async, [&] { return run({"stays"}); });
  EXPECT_EXIT(static_cast<void>(run({"goes", std::to_string(getpid()).c_str()})),
              testing::KilledBySignal(SIGKILL), "");
  EXPECT_EQ(*stays.get(), 0);
  EXPECT_EQ(stopped, 1);
}

TEST_F(CommandSocketTest, StopAsksCommandsToEndAndTheirClientsHearHowTheyEnded) {
  std::promise<void> begun;
  const auto server = listen([&](const CommandSocket::Command& command) {
    begun.set_value();
    while (!command.hung_up.stop_requested()) std::this_thread::yield();
    std::fprintf(command.out, "stopped");
    return 3;
  });
  testing::internal::CaptureStdout();
  auto client = std::async(std::launch::async, [&] { return run({"add"}); });
  begun.get_future().wait();
  EXPECT_TRUE(server->stop(10s));
  EXPECT_EQ(*client.get(), 3);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "stopped");
}

TEST_F(CommandSocketTest, StopTellsOfACommandThatDoesNotEndInTime) {
  std::promise<void> begun, may_end;
  const auto server = listen([&](const CommandSocket::Command&) {
    begun.set_value();
    may_end.get_future().wait();
    return 0;
  });
  auto client = std::async(std::launch::async, [&] { return run({"check"}); });
  begun.get_future().wait();
  EXPECT_FALSE(server->stop(10ms));
  may_end.set_value();
  EXPECT_TRUE(server->stop(10s));
  EXPECT_EQ(*client.get(), 0);
}

TEST_F(CommandSocketTest, AReaderThatReadsNoMoreDoesNotKeepTheServerFromEnding) {
  std::promise<void> begun;
  const auto server = listen([&](const CommandSocket::Command& command) {
    begun.set_value();
    for (int i = 0; i < 1 << 17; ++i) std::fputs("a pipe holds 64 KiB", command.out);
    return 0;
  });
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  std::thread stops([&] {
    begun.get_future().wait();
    EXPECT_TRUE(server->stop(60s));
  });
  EXPECT_EXIT(
      {
        ::dup2(pipe[1], STDOUT_FILENO);
        static_cast<void>(run({"status"}));
      },
      testing::KilledBySignal(SIGPIPE), "");
  stops.join();
  for (const int fd : pipe) ::close(fd);
}

TEST_F(CommandSocketTest, WhatIsNoCommandIsRefusedAndDoesNoHarm) {
  const auto server = listen(succeed);
  const std::string length(4, '\x10');  // 269 MB
  for (const std::string& sent : {std::string(), std::string("GET / HTTP/1.1\r\n\r\n"), length,
                                  std::string("\0\0\0\0", 4), std::string(1 << 20, '\0')}) {
    const int fd = connect();
    static_cast<void>(::send(fd, sent.data(), sent.size(), MSG_NOSIGNAL));
    ::shutdown(fd, SHUT_WR);
    char status = 0;
    EXPECT_EQ(::recv(fd, &status, 1, 0), 1);
    EXPECT_EQ(status, 4);
    ::close(fd);
  }
  const int half = connect();  // waits for the rest until the server ends
  static_cast<void>(::send(half, "\0", 1, MSG_NOSIGNAL));
  EXPECT_EQ(*run({"status"}), 0);
  EXPECT_TRUE(server->stop(10s));
  ::close(half);
}

TEST_F(CommandSocketTest, ManyAtOnce) {
  std::atomic<int> done = 0;
  const auto server = listen([&](const CommandSocket::Command&) { return ++done, 0; });
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i)
    clients.emplace_back([&] {
      for (int n = 0; n < 50; ++n) {
        const auto code = run({"status"});
        EXPECT_TRUE(code.ok() && *code == 0) << (code ? "" : code.error().message);
      }
    });
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(done, 400);
}

TEST_F(CommandSocketTest, WhoeverWatchesIsToldOfProgressAndOfTheEnd) {
  std::mutex mu;
  std::vector<std::string> told;
  const auto server = listen(
      [](const CommandSocket::Command& command) {
        command.progress("embedding", 3, 10, 1);
        return 0;
      },
      [&](const CommandProgress& p) {
        const std::lock_guard lock(mu);
        told.push_back(std::to_string(p.id) + " " + p.command + ": " + p.label + " " +
                       std::to_string(p.done) + "/" + std::to_string(p.total) + ", " +
                       std::to_string(p.failed) + (p.has_ended ? ", over" : ""));
      });
  EXPECT_EQ(*run({"add", "/photos"}), 0);
  const std::lock_guard lock(mu);
  EXPECT_EQ(told, (std::vector<std::string>{"1 add /photos: embedding 3/10, 1",
                                            "1 add /photos: embedding 3/10, 1, over"}));
}

}  // namespace
}  // namespace mimeme
