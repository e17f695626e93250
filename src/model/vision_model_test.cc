#include "model/vision_model.h"

#include <gtest/gtest.h>

#include <atomic>
#include <limits>

#include "base/json.h"
#include "model/test_http_server.h"

namespace mimeme {
namespace {

using Bytes = std::vector<uint8_t>;
using Clock = std::chrono::steady_clock;
using Step = TestHttpServer::Step;

const Bytes kPicture{0xFF, 0xD8, 0xFF, 0xE0};
constexpr char kKey[] = "sk-very-secret";

Step answer(int status, std::string body, std::string headers = "") {
  return [text = http_answer(status, body, headers)](const Connection& c) { c.write(text); };
}
std::string completion(const Json& content) {
  const Json message = Json::Object{{"role", "assistant"}, {"content", content}};
  const Json choice = Json::Object{{"index", 0}, {"message", message}};
  return Json(Json::Object{{"id", "1"}, {"choices", Json::Array{choice}}}).dump();
}
Step says(const Json& content) { return answer(200, completion(content)); }

// Retries quickly, and gives up soon.
VisionModelOptions options(const std::string& url) {
  return {.base_url = url,
          .model = "llava",
          .api_key = kKey,
          .timeout_seconds = 20,
          .retries = 2,
          .backoff_seconds = 0.001};
}
Result<std::string> describe(const VisionModelOptions& options, std::stop_token stop = {}) {
  return (*open_vision_model(options))->describe(kPicture, std::move(stop));
}
Result<std::string> describe(const TestHttpServer& server) {
  return describe(options(server.url()));
}
double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

TEST(VisionModel, GivesTheAnswersTextTrimmed) {
  const TestHttpServer server({says("\n A cat  judges you. \n")});
  const auto text = describe(server);
  ASSERT_TRUE(text.ok()) << text.error().message;
  EXPECT_EQ(*text, "A cat judges you.");
}

TEST(VisionModel, AsksAsTheProtocolWantsIt) {
  const TestHttpServer server({says("x")});
  VisionModelOptions mine = options(server.url() + "/");
  mine.prompt = "What is \"this\"?";
  ASSERT_TRUE(describe(mine).ok());
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].line, "POST /v1/chat/completions HTTP/1.1");
  const auto& headers = requests[0].headers;
  EXPECT_EQ(headers.at("content-type"), "application/json");
  EXPECT_EQ(headers.at("authorization"), "Bearer sk-very-secret");
  EXPECT_EQ(headers.count("expect"), 0U);
  EXPECT_EQ(requests[0].body,
            R"({"model":"llava","messages":[{"role":"user","content":[)"
            R"({"type":"text","text":"What is \"this\"?"},)"
            R"({"type":"image_url","image_url":{"url":"data:image/jpeg;base64,/9j/4A=="}}]}],)"
            R"("max_tokens":1024,"stream":false})");
}

TEST(VisionModel, SendsALargePictureWhole) {
  const TestHttpServer server({says("x")});
  const Bytes picture(3'000'000, 0);
  ASSERT_TRUE((*open_vision_model(options(server.url())))->describe(picture, {}).ok());
  EXPECT_NE(server.requests()[0].body.find("base64," + std::string(4'000'000, 'A') + "\""),
            std::string::npos);
}

TEST(VisionModel, SendsNoKeyWhereThereIsNone) {
  const TestHttpServer server({says("x")});
  VisionModelOptions mine = options(server.url());
  mine.api_key.clear();
  ASSERT_TRUE(describe(mine).ok());
  EXPECT_EQ(server.requests()[0].headers.count("authorization"), 0U);
}

// --- What is wrong with the picture's answer: not asked again.

TEST(VisionModel, AnAnswerOfNoUseIsCorruptAndNotAskedForAgain) {
  for (const std::string& body : {std::string(), std::string("{\"choi"), completion(" ")}) {
    const TestHttpServer server({answer(200, body)});
    const auto text = describe(server);
    ASSERT_FALSE(text.ok()) << body;
    EXPECT_EQ(text.error().code, ErrorCode::kCorrupt) << text.error().message;
    EXPECT_EQ(server.requests().size(), 1U) << body;
  }
}

TEST(VisionModel, ARefusedPictureIsCorruptAndSaysWhy) {
  for (const int status : {400, 413, 415, 422}) {
    const TestHttpServer server({answer(status, R"({"error": {"message": "image too\nlarge"}})")});
    const auto text = describe(server);
    ASSERT_FALSE(text.ok());
    EXPECT_EQ(text.error().code, ErrorCode::kCorrupt);
    EXPECT_EQ(text.error().message, server.url() + ": HTTP " + std::to_string(status) +
                                        ", the picture is refused: image too large");
    EXPECT_EQ(server.requests().size(), 1U);
  }
}

TEST(VisionModel, AnAnswerWithoutEndIsNotTakenIn) {
  const TestHttpServer server({[](const Connection& c) {
    c.write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    const std::string blanks(65'536, ' ');
    while (c.write(blanks)) continue;
  }});
  const auto text = describe(server);
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.error().code, ErrorCode::kCorrupt);
  EXPECT_NE(text.error().message.find("more than 1 MiB"), std::string::npos);
  EXPECT_EQ(server.requests().size(), 1U);
}

// --- What is wrong with the settings: never asked again.

TEST(VisionModel, WrongSettingsAreNotTriedAgain) {
  for (const int status : {301, 307, 401, 402, 403, 404, 405, 501}) {
    const TestHttpServer elsewhere({says("x")});
    const TestHttpServer server({answer(status, R"({"error": "model 'llava' not found"})",
                                        "Location: " + elsewhere.url() + "\r\n")});
    const auto text = describe(server);
    ASSERT_FALSE(text.ok()) << status;
    EXPECT_EQ(text.error().code, ErrorCode::kInvalidArgument) << status;
    EXPECT_EQ(server.requests().size(), 1U) << status;
    EXPECT_TRUE(elsewhere.requests().empty()) << "the key went to another server";
  }
}

TEST(VisionModel, SaysWhatToCheck) {
  const TestHttpServer locked({answer(401, R"({"error": {"message": "bad key sk-v...ret"}})")});
  EXPECT_EQ(describe(locked).error().message,
            locked.url() + ": HTTP 401, the API key is missing, wrong or not enough");
  const TestHttpServer empty({answer(404, R"({"error": "model 'llava' not found"})")});
  EXPECT_EQ(describe(empty).error().message,
            empty.url() +
                ": HTTP 404, check the base URL, which mostly ends in /v1, and the model's name: "
                "model 'llava' not found");
}

TEST(VisionModel, NoErrorHoldsTheKeyWhateverTheServerSends) {
  const std::string key = kKey;
  const std::string bodies[] = {
      R"({"error": {"message": "key )" + key + key + R"( is bad"}})",
      R"({"error": "sk\u002dvery-secret"})",
      R"({"message": ")" + std::string(150, 'x') + key + R"("})",
      R"({")" + key + R"(": 1, ")" + key + R"(": 2})",  // a duplicate key, which the parser names
      key,
  };
  for (const int status : {200, 302, 400, 401, 404, 429, 500})
    for (const std::string& body : bodies) {
      const TestHttpServer server({answer(status, body)});
      const auto text = describe(server);
      ASSERT_FALSE(text.ok());
      EXPECT_EQ(text.error().message.find("secret"), std::string::npos) << text.error().message;
    }
}

// --- What may pass: asked again.

TEST(VisionModel, AFailureThatPassesIsNotSeen) {
  const Step passing[] = {
      answer(500, "oops"),
      answer(503, R"({"error": {"message": "Loading model"}})"),
      answer(408, ""),
      answer(429, ""),
      [](const Connection&) {},  // closes without a word
      [](const Connection& c) { c.write("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{\"choi"); },
      [](const Connection& c) { c.write("not HTTP at all\r\n\r\n"); },
  };
  for (const Step& step : passing) {
    const TestHttpServer server({step, step, says("A cat.")});
    const auto text = describe(server);
    ASSERT_TRUE(text.ok()) << text.error().message;
    EXPECT_EQ(*text, "A cat.");
    EXPECT_EQ(server.requests().size(), 3U);
  }
}

TEST(VisionModel, AFailureThatStaysIsUnavailableAfterAllRetries) {
  const TestHttpServer server({answer(503, R"({"error": {"message": "Loading model"}})")});
  const auto text = describe(server);
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(text.error().message,
            server.url() + ": HTTP 503, the server has failed: Loading model");
  EXPECT_EQ(server.requests().size(), 3U);
}

TEST(VisionModel, WaitsAsLongAsTheServerAsks) {
  const TestHttpServer server({answer(429, "", "Retry-After: 1\r\n"), says("A cat.")});
  const auto start = Clock::now();
  ASSERT_TRUE(describe(server).ok());
  EXPECT_GE(seconds_since(start), 0.99);
}

TEST(VisionModel, WaitsLongerEachTime) {
  const TestHttpServer server({answer(500, "")});
  VisionModelOptions mine = options(server.url());
  mine.retries = 4;
  mine.backoff_seconds = 0.01;
  const auto start = Clock::now();
  EXPECT_FALSE(describe(mine).ok());
  EXPECT_GE(seconds_since(start), 0.075);  // half of 10 + 20 + 40 + 80 ms, the least there may be
}

TEST(VisionModel, NobodyListeningIsUnavailable) {
  const LoopbackSocket deaf;
  const auto text = describe(options(deaf.url()));
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(text.error().message.find(deaf.url() + ": "), 0U);
}

TEST(VisionModel, ASilentServerIsGivenUpInTime) {
  const TestHttpServer server({[](const Connection& c) { c.hang(); }});
  VisionModelOptions mine = options(server.url());
  mine.timeout_seconds = 0.1;
  mine.retries = 1;
  const auto start = Clock::now();
  EXPECT_EQ(describe(mine).error().code, ErrorCode::kUnavailable);
  EXPECT_LT(seconds_since(start), 10);
  EXPECT_EQ(server.requests().size(), 2U);
}

TEST(VisionModel, ATricklingServerIsGivenUpInTime) {
  const TestHttpServer server({[](const Connection& c) {
    c.write("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    while (c.write(" ")) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }});
  VisionModelOptions mine = options(server.url());
  mine.timeout_seconds = 0.1;
  mine.retries = 0;
  const auto start = Clock::now();
  EXPECT_EQ(describe(mine).error().code, ErrorCode::kUnavailable);
  EXPECT_LT(seconds_since(start), 10);
}

TEST(VisionModel, AnAnswerThatComesByteByByteIsPutTogether) {
  const TestHttpServer server({[](const Connection& c) {
    for (const char byte : http_answer(200, completion("A cat."))) c.write({&byte, 1});
  }});
  EXPECT_EQ(*describe(server), "A cat.");
}

TEST(VisionModel, AChunkedAnswerIsPutTogether) {
  const std::string body = completion("A cat.");
  std::string chunks;
  for (const char c : body) chunks += std::string("1\r\n") + c + "\r\n";
  const TestHttpServer server({[&](const Connection& c) {
    c.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + "0\r\n\r\n");
  }});
  EXPECT_EQ(*describe(server), "A cat.");
}

// --- Stopping.

// Stops describe() once the server has had a request. Each of these would take minutes otherwise.
void expect_stops(const TestHttpServer& server, const VisionModelOptions& options) {
  std::stop_source stop;
  const auto model = *open_vision_model(options);
  Result<std::string> text = std::string();
  std::thread thread([&] { text = model->describe(kPicture, stop.get_token()); });
  EXPECT_TRUE(server.has_had(1));
  // Until curl surely sleeps: it wakes once 0.2 s after connecting, and then each second.
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const auto start = Clock::now();
  stop.request_stop();
  thread.join();
  EXPECT_LT(seconds_since(start), 0.5);
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.error().code, ErrorCode::kCancelled);
}

TEST(VisionModel, StopsWhileItWaitsForAnAnswer) {
  const TestHttpServer server({[](const Connection& c) { c.hang(); }});
  VisionModelOptions mine = options(server.url());
  mine.timeout_seconds = 300;
  expect_stops(server, mine);
}

TEST(VisionModel, StopsWhileItWaitsToTryAgain) {
  const TestHttpServer server({answer(500, "")});
  VisionModelOptions mine = options(server.url());
  mine.backoff_seconds = 60;
  expect_stops(server, mine);
  const TestHttpServer asking({answer(429, "", "Retry-After: 100\r\n")});
  expect_stops(asking, options(asking.url()));
}

TEST(VisionModel, DoesNotBeginWhenStoppedBefore) {
  const TestHttpServer server({says("x")});
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(describe(options(server.url()), stop.get_token()).error().code, ErrorCode::kCancelled);
  EXPECT_TRUE(server.requests().empty());
}

// --- The rest.

TEST(VisionModel, ManyThreadsAskAtOnce) {
  std::atomic<int> waiting = 0;
  const TestHttpServer server({[&](const Connection& c) {
    ++waiting;
    while (waiting < 8) std::this_thread::yield();  // until all are there
    c.write(http_answer(200, completion("A cat.")));
  }});
  const auto model = *open_vision_model(options(server.url()));
  std::vector<std::thread> threads;
  std::atomic<int> described = 0;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 5; ++i) described += model->describe(kPicture, {}).ok() ? 1 : 0;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(described, 40);
}

TEST(VisionModel, UnusableOptionsAreRefused) {
  const VisionModelOptions good = options("https://models.example:8443/some/v1/");
  ASSERT_TRUE(open_vision_model(good).ok());
  ASSERT_TRUE(open_vision_model(options("http://[::1]:11434/v1")).ok());
  std::vector<VisionModelOptions> cases;
  for (const char* url :
       {"", "localhost:11434", "ftp://host/v1", "file:///etc/passwd", "http://", "http://a b/",
        "http://user:sk-very-secret@host/v1", "http://host/v1?key=sk-very-secret",
        "http://host/v1#here", "http://host/v1\r\nX: y", "http://host:99999/v1"})
    cases.push_back(options(url));
  cases.push_back(options(std::string("http://host\0/v1", 15)));
  const auto with = [&](auto change) { change(cases.emplace_back(good)); };
  with([](VisionModelOptions& o) { o.model.clear(); });
  with([](VisionModelOptions& o) { o.api_key = "sk-very-secret\r\nX-Evil: 1"; });
  with([](VisionModelOptions& o) { o.api_key = "sk-very-secret "; });
  with([](VisionModelOptions& o) { o.timeout_seconds = 0; });
  with([](VisionModelOptions& o) { o.timeout_seconds = std::numeric_limits<double>::quiet_NaN(); });
  with([](VisionModelOptions& o) { o.timeout_seconds = 1e9; });
  with([](VisionModelOptions& o) { o.backoff_seconds = -1; });
  with([](VisionModelOptions& o) { o.retries = -1; });
  for (const VisionModelOptions& mine : cases) {
    const auto model = open_vision_model(mine);
    ASSERT_FALSE(model.ok()) << mine.base_url;
    EXPECT_EQ(model.error().code, ErrorCode::kInvalidArgument) << mine.base_url;
    EXPECT_EQ(model.error().message.find("secret"), std::string::npos);
  }
}

}  // namespace
}  // namespace mimeme
