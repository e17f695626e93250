// Pictures from the web: PictureFetcher, and the API on top of it, against real servers.
#include <signal.h>

#include <future>

#include "base/address.h"
#include "base/json.h"
#include "engine/ingest.h"
#include "engine/picture_fetcher.h"
#include "engine/test_library.h"
#include "http/api.h"
#include "tls_server.h"

namespace mimeme {
namespace {

using Connection = TlsServer::Connection;
using Step = TlsServer::Step;
using Clock = std::chrono::steady_clock;

std::string answer(int status, const std::string& body, const std::string& headers = "") {
  return "HTTP/1.1 " + std::to_string(status) +
         " So\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         headers + "\r\n" + body;
}
Step says(const std::string& text) {
  return [text](const Connection& c) { c.write(text); };
}
Step leads_to(const std::string& url) {
  return says(answer(302, "elsewhere", "Location: " + url + "\r\nSet-Cookie: a=b\r\n"));
}

class FetchTest : public LibraryTest {
 protected:
  void SetUp() override {
    signal(SIGPIPE, SIG_IGN);  // OpenSSL's sockets know no MSG_NOSIGNAL
    LibraryTest::SetUp();
    identity_.write(ca_file());
  }
  std::string ca_file() const { return root_ / "ca.pem"; }

  // What may be asked is this server alone; else, what is the internet's on any port.
  FetchOptions options(const TlsServer* server = nullptr) const {
    return {.allowed = true,
            .max_bytes = 1000,
            .timeout_seconds = 10,
            .may_connect =
                [port = server ? server->port() : 0](std::span<const uint8_t> a, uint16_t p) {
                  return (port != 0 && p == port) || (is_public(a) && !is_near(a));
                },
            .ca_file = ca_file()};
  }
  void expect(ErrorCode code, FetchOptions options, const std::string& url) {
    const auto got = PictureFetcher(std::move(options)).fetch(url);
    ASSERT_FALSE(got) << url << " gave " << got->size() << " bytes";
    EXPECT_EQ(got.error().code, code) << url << ": " << got.error().message;
    message_ = got.error().message;
  }
  static double seconds(Clock::time_point since) {
    return std::chrono::duration<double>(Clock::now() - since).count();
  }

  const SelfSigned identity_;
  std::string message_;  // of the last error
};

TEST_F(FetchTest, WhatIsThereIsFetchedAsItIs) {
  TlsServer server(identity_, {says(answer(200, "some bytes", "Content-Encoding: gzip\r\n"))});
  for (const char* host : {"127.0.0.1", "localhost"}) {
    const auto got = PictureFetcher(options(&server)).fetch(server.url(host) + "?a=b&c=%20#part");
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(*got, "some bytes") << "nothing is decompressed";
  }
  EXPECT_TRUE(server.requests()[0].starts_with("GET /picture?a=b&c=%20 HTTP/1.1\r\n"));
}

TEST_F(FetchTest, NothingIsFetchedUnlessTheOwnerAllowsIt) {
  TlsServer server(identity_, {says(answer(200, "x"))});
  FetchOptions off = options(&server);
  off.allowed = FetchOptions().allowed;
  expect(ErrorCode::kForbidden, off, server.url());
  EXPECT_NE(message_.find("fetch_urls = true"), std::string::npos) << message_;
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(FetchTest, LoopbackIsRefusedHoweverItIsWritten) {
  TlsServer server(identity_, {says(answer(200, "secret"))});
  int closed_port = 0;
  {
    const TlsServer gone(identity_, {says("")});
    closed_port = gone.port();
  }
  expect(ErrorCode::kUnreachable, options(), "https://127.0.0.1:" + std::to_string(closed_port));
  const std::string closed = message_;
  for (const char* host : {"127.0.0.1",
                           "localhost",
                           "LOCALHOST",
                           "a.localhost",
                           "127.1",
                           "127.0.1",
                           "2130706433",
                           "0x7f000001",
                           "0x7f.1",
                           "017700000001",
                           "0177.0.0.1",
                           "0.0.0.0",
                           "0",
                           "[::1]",
                           "[::]",
                           "[::ffff:127.0.0.1]",
                           "[::ffff:7f00:1]",
                           "[::127.0.0.1]",
                           "[64:ff9b::127.0.0.1]",
                           "10.0.0.1",
                           "192.168.0.1",
                           "169.254.169.254",
                           "[fe80::1%25lo]",
                           "[fd00::1]"}) {
    expect(ErrorCode::kUnreachable, options(), server.url(host));
    EXPECT_EQ(message_, closed) << host << ": nobody learns whether somebody listens";
  }
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(FetchTest, TheUsualOptionsLetNothingOnThisMachineBeAsked) {
  TlsServer server(identity_, {says(answer(200, "secret"))});
  expect(ErrorCode::kUnreachable, {.allowed = true, .ca_file = ca_file()}, server.url());
  EXPECT_EQ(server.connections(), 0);
  const std::vector<uint8_t> one{1, 1, 1, 1}, private_one{10, 1, 1, 1}, loopback{127, 0, 0, 1};
  EXPECT_TRUE(may_fetch_from(one, 443));
  EXPECT_FALSE(may_fetch_from(one, 80));
  EXPECT_FALSE(may_fetch_from(one, 22));
  EXPECT_FALSE(may_fetch_from(private_one, 443));
  EXPECT_FALSE(may_fetch_from(loopback, 443));
}

TEST_F(FetchTest, RedirectionsToWhatIsNotTheInternetAreRefused) {
  TlsServer secret(identity_, {says(answer(200, "secret"))});
  const std::string port = std::to_string(secret.port());
  for (const std::string& to :
       {secret.url(), secret.url("localhost"), secret.url("[::1]"), secret.url("0x7f.1"),
        "//127.0.0.1:" + port + "/", "http://127.0.0.1:" + port + "/",
        std::string("file:///etc/passwd"), std::string("ftp://127.0.0.1/"),
        std::string("gopher://127.0.0.1:6379/_x"), std::string("dict://127.0.0.1:1/"),
        std::string("https://169.254.169.254/latest/meta-data/"),
        "https://user:word@127.0.0.1:" + port + "/"}) {
    TlsServer open(identity_, {leads_to(to)});
    expect(ErrorCode::kUnreachable, options(&open), open.url());
    EXPECT_EQ(open.connections(), 1) << to;
  }
  EXPECT_EQ(secret.connections(), 0);
}

TEST_F(FetchTest, ThreeRedirectionsAreFollowedAndFourAreNot) {
  for (const int n : {3, 4}) {
    std::vector<Step> script(static_cast<size_t>(n), leads_to("/next"));
    script.push_back(says(answer(200, "here")));
    TlsServer server(identity_, script);
    const auto got = PictureFetcher(options(&server)).fetch(server.url());
    EXPECT_EQ(got ? *got : "", n == 3 ? "here" : "") << n;
    for (const std::string& request : server.requests())
      for (const char* line : {"Cookie:", "Authorization:", "Referer:", "Accept-Encoding:"})
        EXPECT_EQ(request.find(line), std::string::npos) << request;
  }
}

TEST_F(FetchTest, TheServerIsNotAskedThroughAProxy) {
  TlsServer server(identity_, {says(answer(200, "direct"))}), proxy(identity_, {says("")});
  for (const char* name : {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})
    setenv(name, proxy.url().c_str(), 1);
  const auto got = PictureFetcher(options(&server)).fetch(server.url());
  for (const char* name : {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}) unsetenv(name);
  EXPECT_TRUE(got) << got.error().message;
  EXPECT_EQ(proxy.connections(), 0);
}

TEST_F(FetchTest, ACertificateThatIsNotTrustedOrOfAnotherIsNoUse) {
  TlsServer server(identity_, {says(answer(200, "x"))});
  FetchOptions strangers = options(&server);
  strangers.ca_file.clear();
  expect(ErrorCode::kUnreachable, strangers, server.url());
  expect(ErrorCode::kUnreachable, options(&server), server.url("127.0.0.1.nothing.localhost"));
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(FetchTest, NoMoreIsTakenThanMayBeSent) {
  TlsServer just(identity_, {says(answer(200, std::string(1000, 'x')))});
  EXPECT_TRUE(PictureFetcher(options(&just)).fetch(just.url()));
  const Step endless = [](const Connection& c) {
    c.write("HTTP/1.1 200 OK\r\n\r\n");
    while (c.write(std::string(100, 'x'))) continue;
  };
  const Step announced = [](const Connection& c) {
    c.write("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n");
    c.hang();
  };
  const Step chunks = [](const Connection& c) {
    c.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (c.write("1\r\nx\r\n")) continue;
  };
  const Step headers = [](const Connection& c) {
    c.write("HTTP/1.1 200 OK\r\n");
    while (c.write("A: " + std::string(1000, 'x') + "\r\n")) continue;
  };
  const Step early = [](const Connection& c) {
    while (c.write("HTTP/1.1 103 Early Hints\r\nA: " + std::string(1000, 'x') + "\r\n\r\n"))
      continue;
  };
  for (const Step& step :
       {says(answer(200, std::string(1001, 'x'))), announced, endless, chunks, headers, early}) {
    TlsServer server(identity_, {step});
    const auto start = Clock::now();
    expect(ErrorCode::kTooLarge, options(&server), server.url());
    EXPECT_LT(seconds(start), 5);
  }
}

TEST_F(FetchTest, ASlowServerIsLeft) {
  const Step trickle = [](const Connection& c) {
    c.write("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n");
    while (c.write("x")) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  };
  const Step half = [](const Connection& c) {
    c.write("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nxxx");
    c.hang();
  };
  for (const Step& step : {trickle, half, Step([](const Connection& c) { c.hang(); })}) {
    TlsServer server(identity_, {step});
    FetchOptions soon = options(&server);
    soon.timeout_seconds = 0.5;
    const auto start = Clock::now();
    expect(ErrorCode::kUnreachable, soon, server.url());
    EXPECT_LT(seconds(start), 5);
  }
  EXPECT_EQ(FetchOptions().timeout_seconds, 15);
  EXPECT_EQ(FetchOptions().connect_seconds, 5);
}

TEST_F(FetchTest, ABrokenOffAnswerIsNone) {
  TlsServer server(identity_, {says("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nxxx"),
                               says("nonsense"), says("")});
  for (int i = 0; i < 3; ++i) expect(ErrorCode::kUnreachable, options(&server), server.url());
}

TEST_F(FetchTest, AnotherStatusIsToldWithoutItsBody) {
  for (const int status : {204, 206, 401, 404, 500, 503}) {
    TlsServer server(identity_, {says(answer(status, status == 204 ? "" : "secret"))});
    expect(ErrorCode::kUnreachable, options(&server), server.url());
    EXPECT_NE(message_.find(std::to_string(status)), std::string::npos) << message_;
    EXPECT_EQ(message_.find("secret"), std::string::npos) << message_;
  }
}

TEST_F(FetchTest, WhatIsNoHttpsUrlIsRefused) {
  for (const char* url :
       {"", "https://", "http://127.0.0.1/", "HTTP://127.0.0.1/", "file:///etc/passwd",
        "ftp://127.0.0.1/", "127.0.0.1/x.png", "//127.0.0.1/", "https://127.0.0.1/a b",
        "https://127.0.0.1/\r\nA: b", "https://user@127.0.0.1/", "https://user:word@127.0.0.1/",
        "https://:word@127.0.0.1/", "https://127.0.0.1:99999/", "https://b\xC3\xBCro.example/",
        "data:image/png;base64,AAAA", "javascript:alert(1)"})
    expect(ErrorCode::kInvalidArgument, options(), url);
  expect(ErrorCode::kInvalidArgument, options(), "https://127.0.0.1/" + std::string(8192, 'x'));
}

TEST_F(FetchTest, OneAtATimeAndAStopEndsIt) {
  TlsServer server(identity_, {[](const Connection& c) { c.hang(); }, says(answer(200, "x"))});
  std::stop_source stop;
  FetchOptions one = options(&server);
  one.stop = stop.get_token();
  PictureFetcher fetcher(one);
  auto first = std::async(std::launch::async, [&] { return fetcher.fetch(server.url()); });
  ASSERT_TRUE(server.has_had(1));
  const auto second = fetcher.fetch(server.url());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kBusy);
  const auto start = Clock::now();
  stop.request_stop();
  const auto got = first.get();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::kCancelled);
  EXPECT_LT(seconds(start), 5);
}

// --- The API on top of it.

class ApiFetchTest : public FetchTest {
 protected:
  void SetUp() override {
    FetchTest::SetUp();
    add_word_models();
    for (int i = 1; i <= 3; ++i) files_.push_back(add_picture(i));
    auto library = open();
    ASSERT_TRUE(library) << library.error().message;
    library_ = *std::move(library);
    ASSERT_TRUE(ingest(*library_, {.roots = {pictures()}}, {}));
  }
  HttpResponse post(FetchOptions fetch, const std::string& target, const std::string& body,
                    const std::string& type = "application/json") {
    start(std::move(fetch));
    return (*api_)(
        {.method = "POST", .target = target, .headers = {{"Content-Type", type}}, .body = body});
  }
  void start(FetchOptions fetch) {
    auto api =
        Api::open(*library_, jobs_, events_, {.limits = {}, .jobs = {}, .fetch = std::move(fetch)});
    ASSERT_TRUE(api) << api.error().message;
    api_ = *std::move(api);
  }
  static Json parsed(const HttpResponse& response) {
    const auto json = Json::parse(response.body);
    EXPECT_TRUE(json) << response.body;
    return json ? *json : Json();
  }
  static std::string url_of(const TlsServer& server) {
    return Json(Json::Object{{"url", server.url()}}).dump();
  }
  void expect_problem(int status, const std::string& code, const HttpResponse& response) {
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_EQ(*parsed(response)["code"].string(), code);
  }

  std::vector<std::string> files_;
  std::unique_ptr<Library> library_;
  Events events_;
  Jobs jobs_{[](const Job&) {}};
  std::unique_ptr<Api> api_;
};

TEST_F(ApiFetchTest, APictureOnTheWebIsSearchedWith) {
  TlsServer server(identity_,
                   {says(answer(200, bytes_of(files_[1]), "Content-Type: text/html\r\n"))});
  const auto id = library_->catalog().image_by_path(files_[1]);
  ASSERT_TRUE(id && *id);
  for (const char* target : {"/api/v1/similar?limit=1", "/api/v1/similar?limit=1&box=0,0,1,1"}) {
    const HttpResponse similar = post(options(&server), target, url_of(server));
    ASSERT_EQ(similar.status, 200) << similar.body;
    EXPECT_EQ(*(*parsed(similar)["hits"].array())[0]["id"].integer(), **id);
  }
  const HttpResponse query = post(options(&server), "/api/v1/queries", url_of(server));
  ASSERT_EQ(query.status, 200) << query.body;
  EXPECT_EQ(*parsed(query)["image"].integer(), **id);
  EXPECT_EQ(parsed(query)["name"].string()->size(), 32U);
}

TEST_F(ApiFetchTest, OneThatTheLibraryDoesNotHaveGetsANameThatSearchTakes) {
  TlsServer server(identity_, {says(answer(200, bytes_of(add_picture(9)))), says("")});
  const HttpResponse query = post(options(&server), "/api/v1/queries", url_of(server));
  ASSERT_EQ(query.status, 200) << query.body;
  const std::string name = *parsed(query)["name"].string();
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ((*api_)({.target = "/api/v1/search?like=" + name}).status, 200);
  EXPECT_EQ((*api_)({.target = "/api/v1/queries/" + name + "/thumbnail"}).status, 200);
  EXPECT_EQ(server.connections(), 1) << "it is fetched once";
}

TEST_F(ApiFetchTest, WhatIsNoPictureIsRefusedAsIfItHadBeenSent) {
  const std::string whole = bytes_of(files_[0]);
  for (const auto& [body, status] :
       {std::pair(std::string("<html>"), 415), std::pair(std::string(), 415),
        std::pair(whole.substr(0, 140), 422)}) {
    TlsServer server(identity_, {says(answer(200, body, "Content-Type: image/png\r\n"))});
    for (const char* target : {"/api/v1/similar", "/api/v1/queries"}) {
      const HttpResponse fetched = post(options(&server), target, url_of(server));
      EXPECT_EQ(fetched.status, status) << fetched.body;
      const HttpResponse sent = post(options(&server), target, body, "image/png");
      EXPECT_EQ(sent.body, fetched.body);
    }
  }
}

TEST_F(ApiFetchTest, ProblemsHaveACodeAndSayWhatToDo) {
  TlsServer server(identity_, {says(answer(200, "x"))});
  for (const char* target : {"/api/v1/similar", "/api/v1/queries"}) {
    const HttpResponse off = post({}, target, url_of(server));
    expect_problem(403, "forbidden", off);
    EXPECT_NE(off.body.find("fetch_urls = true"), std::string::npos);
    expect_problem(422, "unreachable", post(options(), target, url_of(server)));
    FetchOptions none_free = options(&server);
    none_free.at_once = 0;
    const HttpResponse busy = post(none_free, target, url_of(server));
    expect_problem(503, "busy", busy);
    EXPECT_EQ(busy.headers[0], (std::pair<std::string, std::string>("Retry-After", "1")));
    for (const char* body :
         {"", "{}", "[]", "\"https://127.0.0.1/\"", R"({"url": 7})",
          R"({"url": "http://127.0.0.1/"})", R"({"url": "https://a@127.0.0.1/"})",
          R"({"url": "https://127.0.0.1/", "method": "PUT"})"})
      expect_problem(400, "invalid_argument", post(options(), target, body));
    // What a form of another site's page can send is taken for a picture.
    for (const char* type : {"text/plain", "application/x-www-form-urlencoded", ""})
      expect_problem(415, "unsupported", post(options(&server), target, url_of(server), type));
  }
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(ApiFetchTest, TheStatusTellsWhetherItIsAllowed) {
  for (const bool is_allowed : {false, true}) {
    start({.allowed = is_allowed});
    const std::string said = (*api_)({.target = "/api/v1/status"}).body;
    EXPECT_NE(said.find(is_allowed ? R"("fetch_urls":true)" : R"("fetch_urls":false)"),
              std::string::npos)
        << said;
  }
}

}  // namespace
}  // namespace mimeme
