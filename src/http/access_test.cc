#include "http/access.h"

#include "base/json.h"
#include "engine/test_library.h"

namespace mimeme {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

class AccessTest : public LibraryTest {
 protected:
  void SetUp() override {
    LibraryTest::SetUp();
    auto library = open();
    ASSERT_TRUE(library) << library.error().message;
    library_ = *std::move(library);
  }

  void start(AccessOptions options) {
    access_.emplace(keys(), std::move(options), [this] { return now_; });
  }
  AccessKeys& keys() { return library_->access_keys(); }
  std::string key(const std::string& name, Scope scope) {
    const auto secret = keys().create(name, scope);
    EXPECT_TRUE(secret) << secret.error().message;
    return secret ? *secret : "";
  }

  // "" or what it is refused with.
  std::string ask(Scope needed, Headers headers, const std::string& method = "GET",
                  const std::string& peer = "127.0.0.1") {
    const auto admitted = access_->admit(
        {.method = method, .headers = std::move(headers), .body = "", .peer = peer}, needed);
    if (admitted) return "";
    switch (admitted.error().code) {
      case ErrorCode::kUnauthenticated:
        return "unauthenticated";
      case ErrorCode::kForbidden:
        return "forbidden";
      case ErrorCode::kRateLimited:
        return "rate limited";
      default:
        return admitted.error().message;
    }
  }
  static Headers bearing(const std::string& secret) {
    return {{"Authorization", "Bearer " + secret}};
  }
  struct Session {
    std::string cookie, attributes, token;
  };
  Session sign_in(const std::string& secret, Headers headers = {}) {
    const auto response =
        access_->sign_in({.headers = std::move(headers), .peer = "127.0.0.1"}, secret);
    EXPECT_TRUE(response) << response.error().message;
    if (!response) return {};
    const std::string set = HttpRequest{.headers = response->headers}.header("Set-Cookie");
    const size_t end = set.find(';');
    const auto body = Json::parse(response->body);
    return {set.substr(0, end), set.substr(end), *(*body)["csrf_token"].string()};
  }
  // How many of 100 requests are let in.
  int let_in(const Headers& headers, const std::string& peer) {
    int n = 0;
    for (int i = 0; i < 100; ++i) n += ask(Scope::kNone, headers, "POST", peer).empty() ? 1 : 0;
    return n;
  }

  std::unique_ptr<Library> library_;
  std::optional<Access> access_;
  Access::Clock::time_point now_{};
};

TEST_F(AccessTest, AKeyIsGoodForItsScopeAndThoseBelow) {
  start({.anonymous = Scope::kNone});
  const std::string reader = key("reader", Scope::kRead), admin = key("admin", Scope::kAdmin);
  EXPECT_EQ(ask(Scope::kRead, bearing(reader)), "");
  EXPECT_EQ(ask(Scope::kWrite, bearing(reader)), "forbidden");
  EXPECT_EQ(ask(Scope::kAdmin, bearing(reader)), "forbidden");
  EXPECT_EQ(ask(Scope::kAdmin, bearing(admin), "POST"), "");
  EXPECT_EQ(ask(Scope::kRead, {{"authorization", "bearer " + reader}}), "");
}

TEST_F(AccessTest, WithoutAKeyOneMayWhatAnyoneMay) {
  start({.anonymous = Scope::kRead});
  EXPECT_EQ(ask(Scope::kNone, {}), "");
  EXPECT_EQ(ask(Scope::kRead, {}), "");
  EXPECT_EQ(ask(Scope::kWrite, {}), "unauthenticated");
  // What a proxy asks for itself is passed on.
  EXPECT_EQ(ask(Scope::kRead, {{"Authorization", "Basic YWxpY2U6c2VjcmV0"}}), "");
  start({.anonymous = Scope::kNone});
  EXPECT_EQ(ask(Scope::kNone, {}), "");
  EXPECT_EQ(ask(Scope::kRead, {}), "unauthenticated");
}

TEST_F(AccessTest, WhatIsNoKeyIsRefusedEvenWhereNoneIsNeeded) {
  start({.anonymous = Scope::kAdmin});
  const std::string secret = key("a", Scope::kAdmin);
  for (std::string wrong : {std::string("x"), secret.substr(1), secret + "0", secret.substr(0, 70),
                            "MIMEME_" + secret.substr(7)})
    EXPECT_EQ(ask(Scope::kRead, bearing(wrong)), "unauthenticated") << wrong;
}

TEST_F(AccessTest, ARevokedKeyIsGoodForNothingNorItsSessions) {
  start({.anonymous = Scope::kNone});
  const std::string secret = key("a", Scope::kRead), other = key("b", Scope::kRead);
  const Session session = sign_in(secret);
  EXPECT_EQ(ask(Scope::kRead, {{"Cookie", session.cookie}}), "");
  ASSERT_TRUE(keys().revoke("a"));
  EXPECT_EQ(ask(Scope::kRead, bearing(secret)), "unauthenticated");
  EXPECT_EQ(ask(Scope::kRead, {{"Cookie", session.cookie}}), "unauthenticated");
  EXPECT_EQ(ask(Scope::kRead, bearing(other)), "");
  EXPECT_EQ(keys().revoke("a").error().code, ErrorCode::kNotFound);
}

TEST_F(AccessTest, KeysAndSessionsOutliveTheProcess) {
  start({.anonymous = Scope::kNone});
  const std::string secret = key("a", Scope::kRead);
  const Session session = sign_in(secret);
  access_.reset();
  library_.reset();
  library_ = *open();
  start({.anonymous = Scope::kNone});
  EXPECT_EQ(ask(Scope::kRead, bearing(secret)), "");
  EXPECT_EQ(ask(Scope::kRead, {{"Cookie", session.cookie}}), "");
}

TEST_F(AccessTest, TheSecretIsNotKept) {
  ONLY_IN_A_FILE();
  const std::string secret = key("a", Scope::kAdmin);
  ASSERT_TRUE(library_->catalog().checkpoint());
  library_.reset();
  const std::string file = bytes_of(root_ / "library/catalog.duckdb");
  EXPECT_NE(file.find("access_keys"), file.npos);
  EXPECT_EQ(file.find(secret.substr(7, 16)), file.npos);
}

TEST_F(AccessTest, NamesAreUniqueAndPlain) {
  key("alice", Scope::kRead);
  EXPECT_EQ(keys().create("alice", Scope::kAdmin).error().code, ErrorCode::kConflict);
  for (const char* name : {"", "a\nb", "\x1b[31m"})
    EXPECT_EQ(keys().create(name, Scope::kRead).error().code, ErrorCode::kInvalidArgument) << name;
  EXPECT_EQ(keys().create(std::string(65, 'a'), Scope::kRead).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(keys().list().size(), 1U);
}

TEST_F(AccessTest, ASessionChangesNothingWithoutItsToken) {
  start({.anonymous = Scope::kRead});
  const Session session = sign_in(key("a", Scope::kWrite)),
                other = sign_in(key("b", Scope::kWrite));
  const Headers cookie{{"Cookie", "theme=dark; " + session.cookie + "; x=y"}};
  const auto with = [&](const std::string& token) {
    Headers headers = cookie;
    headers.emplace_back("X-CSRF-Token", token);
    return ask(Scope::kWrite, headers, "POST");
  };
  EXPECT_EQ(ask(Scope::kRead, cookie), "");
  EXPECT_EQ(ask(Scope::kWrite, cookie, "POST"), "forbidden");
  EXPECT_EQ(with(session.token), "");
  EXPECT_EQ(with(other.token), "forbidden");
  EXPECT_EQ(with(""), "forbidden");
  EXPECT_EQ(with(session.cookie.substr(session.cookie.find('_') + 1)), "forbidden");
}

TEST_F(AccessTest, ASessionIsNoKeyAndAKeyNoSession) {
  start({.anonymous = Scope::kNone});
  const std::string secret = key("a", Scope::kRead);
  const Session session = sign_in(secret);
  const std::string cookie = session.cookie.substr(session.cookie.find('=') + 1);
  EXPECT_EQ(ask(Scope::kRead, bearing(cookie)), "unauthenticated");
  EXPECT_EQ(ask(Scope::kRead, {{"Cookie", "mimeme_session=" + secret}}), "unauthenticated");
  EXPECT_EQ(access_->sign_in({}, cookie).error().code, ErrorCode::kUnauthenticated);
}

TEST_F(AccessTest, OfManySessionsTheNewestAreKept) {
  start({.anonymous = Scope::kNone});
  const std::string secret = key("a", Scope::kRead), other = key("b", Scope::kRead);
  const Session of_b = sign_in(other), first = sign_in(secret);
  Session last;
  for (int i = 0; i < 100; ++i) last = sign_in(secret);
  EXPECT_EQ(ask(Scope::kRead, {{"Cookie", first.cookie}}), "unauthenticated");
  EXPECT_EQ(ask(Scope::kRead, {{"Cookie", last.cookie}}), "");
  EXPECT_EQ(ask(Scope::kRead, {{"Cookie", of_b.cookie}}), "");
}

TEST_F(AccessTest, ASessionHasTheScopeOfItsKey) {
  start({.anonymous = Scope::kNone});
  key("a", Scope::kAdmin);
  const AccessKey old = keys().list().front();
  ASSERT_TRUE(keys().revoke("a"));
  key("a", Scope::kRead);
  EXPECT_EQ(keys().open_session(old).error().code, ErrorCode::kNotFound)
      << "of another key of the name";
}

TEST_F(AccessTest, AnotherCookieOfTheNameDoesNotHideTheSession) {
  start({.anonymous = Scope::kNone});
  const Session session = sign_in(key("a", Scope::kRead));
  EXPECT_EQ(ask(Scope::kRead, {{"Cookie", "mimeme_session=planted; " + session.cookie}}), "");
}

TEST_F(AccessTest, SigningOutEndsTheSession) {
  start({.anonymous = Scope::kNone});
  const Session session = sign_in(key("a", Scope::kRead));
  ASSERT_TRUE(access_->sign_out({.headers = {{"Cookie", session.cookie}}}));
  EXPECT_EQ(ask(Scope::kRead, {{"Cookie", session.cookie}}), "unauthenticated");
}

TEST_F(AccessTest, TheCookieIsForThisSiteAloneAndForNoScript) {
  start({.proxies = {*parse_network("127.0.0.1")}});
  const std::string secret = key("a", Scope::kRead);
  const std::string attributes = sign_in(secret).attributes;
  EXPECT_NE(attributes.find("HttpOnly"), attributes.npos);
  EXPECT_NE(attributes.find("SameSite=Strict"), attributes.npos);
  EXPECT_EQ(attributes.find("Secure"), attributes.npos) << "over http a browser would not keep it";
  const std::string over_tls = sign_in(secret, {{"X-Forwarded-Proto", "https"}}).attributes;
  EXPECT_NE(over_tls.find("Secure"), over_tls.npos);
}

TEST_F(AccessTest, RequestsAreCountedByAddressAndByKey) {
  start({.anonymous = Scope::kNone, .rate = 2, .burst = 10});
  const Headers key_a = bearing(key("a", Scope::kRead)), key_b = bearing(key("b", Scope::kRead));
  EXPECT_EQ(let_in({}, "192.0.2.1"), 10);
  EXPECT_EQ(let_in({}, "192.0.2.1"), 0);
  EXPECT_EQ(let_in({}, "192.0.2.2"), 10);
  EXPECT_EQ(let_in(key_a, "192.0.2.1"), 10) << "a key has a count of its own";
  EXPECT_EQ(let_in(key_a, "192.0.2.3"), 0) << "wherever it is used";
  EXPECT_EQ(let_in(key_b, "192.0.2.1"), 10);
  EXPECT_EQ(let_in({}, "2001:db8::1"), 10);
  EXPECT_EQ(let_in({}, "2001:db8::ffff:1"), 0) << "of the same network";
  EXPECT_EQ(let_in({}, "2001:db8:0:1::1"), 10);
  now_ += std::chrono::seconds(2);
  EXPECT_EQ(let_in({}, "192.0.2.1"), 4);
  now_ += std::chrono::hours(1);
  EXPECT_EQ(let_in({}, "192.0.2.1"), 10);
  EXPECT_EQ(let_in(bearing("guess"), "192.0.2.9"), 10) << "guesses count by address";
  EXPECT_EQ(ask(Scope::kRead, bearing("guess"), "GET", "192.0.2.9"), "rate limited");
}

TEST_F(AccessTest, ManyAddressesTakeNoMoreMemoryThanMany) {
  start({.anonymous = Scope::kRead, .rate = 1, .burst = 1});
  int let_in = 0;
  for (int i = 0; i < 20'000; ++i)
    let_in += ask(Scope::kRead, {}, "GET",
                  "10." + std::to_string(i >> 16) + '.' + std::to_string(i >> 8 & 255) + '.' +
                      std::to_string(i & 255))
                      .empty()
                  ? 1
                  : 0;
  EXPECT_EQ(let_in, 10'001) << "those who come when the table is full share one count";
}

TEST_F(AccessTest, OnlyProxiesThatAreNamedAreBelieved) {
  start({.proxies = {*parse_network("10.0.0.0/8"), *parse_network("127.0.0.1")},
         .rate = 1,
         .burst = 10});
  const auto from = [&](const std::string& text, const std::string& peer) {
    return let_in({{"X-Forwarded-For", text}}, peer);
  };
  EXPECT_EQ(from("192.0.2.1", "127.0.0.1"), 10);
  EXPECT_EQ(from("192.0.2.1", "10.1.2.3"), 0) << "the same client by way of another";
  EXPECT_EQ(from("192.0.2.2, 10.9.9.9", "127.0.0.1"), 10) << "two proxies";
  EXPECT_EQ(from("6.6.6.6, 192.0.2.1", "127.0.0.1"), 0) << "what the client itself wrote";
  EXPECT_EQ(from("192.0.2.3", "192.0.2.66"), 10) << "no proxy of ours: its own address counts";
  EXPECT_EQ(from("192.0.2.4", "192.0.2.66"), 0);
  EXPECT_EQ(let_in({{"X-Forwarded-For", "6.6.6.7"}, {"x-forwarded-for", "192.0.2.1"}}, "127.0.0.1"),
            0)
      << "a proxy that adds a line of its own";
  EXPECT_EQ(from("::ffff:192.0.2.1", "::ffff:10.0.0.1"), 0) << "IPv4 as IPv6";
  EXPECT_EQ(from("192.0.2.9 ,  ,192.0.2.1", "127.0.0.1"), 0);
  EXPECT_EQ(from("unknown", "10.0.0.7"), 10);
}

TEST_F(AccessTest, AProxyOnThisMachineMustBeNamed) {
  start({.anonymous = Scope::kAdmin});
  EXPECT_EQ(ask(Scope::kRead, {}), "");
  EXPECT_EQ(ask(Scope::kRead, {{"X-Forwarded-For", "192.0.2.1"}}), "forbidden");
  EXPECT_EQ(ask(Scope::kRead, {{"Forwarded", "for=192.0.2.1"}}), "forbidden");
}

TEST_F(AccessTest, ItSaysWhoOneIs) {
  start({.anonymous = Scope::kRead});
  EXPECT_EQ(access_->session({}).body, R"({"scope":"read","key":null,"csrf_token":null})");
  const std::string secret = key("alice", Scope::kWrite);
  EXPECT_EQ(access_->session({.headers = bearing(secret)}).body,
            R"({"scope":"write","key":"alice","csrf_token":null})");
  const Session session = sign_in(secret);
  EXPECT_EQ(access_->session({.headers = {{"Cookie", session.cookie}}}).body,
            R"({"scope":"write","key":"alice","csrf_token":")" + session.token + "\"}");
}

}  // namespace
}  // namespace mimeme
