#include "http/access.h"

#include <strings.h>

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "core/sha256.h"

namespace mimeme {
namespace {

constexpr std::string_view kCookie = "mimeme_session";
constexpr size_t kMaxBuckets = 10'000;

std::string bearer_in(const HttpRequest& request) {
  static constexpr std::string_view kScheme = "Bearer ";
  const std::string header = request.header("Authorization");
  // Another scheme is that of a proxy, which passes on what it asks for itself.
  return strncasecmp(header.c_str(), kScheme.data(), kScheme.size()) == 0
             ? header.substr(kScheme.size())
             : "";
}

// Several, if somebody who may set cookies for this name as well has done so.
std::vector<std::string> cookies_in(const HttpRequest& request) {
  std::vector<std::string> cookies;
  const std::string header = request.header("Cookie");
  for (const std::string_view one : split_list(header, ';'))
    if (one.starts_with(kCookie) && one.substr(kCookie.size()).starts_with('='))
      cookies.emplace_back(one.substr(kCookie.size() + 1));
  return cookies;
}

// Whoever can read it can read the page, which other sites cannot; it does not tell the cookie.
Sha256 csrf_token(const std::string& session) {
  const std::string text = "csrf of " + session;
  return sha256(text.data(), text.size());
}

bool bears_csrf_token(const HttpRequest& request, const std::string& session) {
  const auto shown = from_hex(request.header("X-CSRF-Token"));
  return shown && equal_in_constant_time(*shown, csrf_token(session));
}

Json::Object to_json(Scope scope, const std::string& name, const std::string& session) {
  return {{"scope", name_of(scope)},
          {"key", name.empty() ? Json() : Json(name)},
          {"csrf_token", session.empty() ? Json() : Json(to_hex(csrf_token(session)))}};
}

// What proxies say of themselves. One that says nothing is not told from a program of this machine.
bool was_passed_on(const HttpRequest& request) {
  for (const char* const name : {"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host",
                                 "Forwarded", "X-Real-IP", "Via"})
    if (!request.header(name).empty()) return true;
  return false;
}

HttpResponse never_kept(Json::Object object) {
  return {.headers = {{"Cache-Control", "no-store"}}, .body = Json(std::move(object)).dump()};
}

}  // namespace

Access::Access(AccessKeys& keys, AccessOptions options, std::function<Clock::time_point()> now)
    : keys_(keys), options_(std::move(options)), now_(std::move(now)) {}

bool Access::is_proxy(const std::vector<uint8_t>& address) const {
  return std::any_of(options_.proxies.begin(), options_.proxies.end(),
                     [&](const Network& network) { return is_in(address, network); });
}

// The nearest that is no proxy of ours: what stands before it anybody may have written.
std::vector<uint8_t> Access::address_of(const HttpRequest& request) const {
  std::vector<std::string> forwarded;
  for (const auto& [name, value] : request.headers) {
    if (strcasecmp(name.c_str(), "X-Forwarded-For") != 0) continue;
    for (const std::string_view one : split_list(value)) forwarded.emplace_back(one);
  }
  std::vector<uint8_t> address = parse_address(request.peer);
  for (; !forwarded.empty() && is_proxy(address); forwarded.pop_back()) {
    auto before = parse_address(forwarded.back());
    if (before.empty()) break;
    address = std::move(before);
  }
  return address;
}

Result<> Access::count(std::string whom) {
  if (options_.rate <= 0) return {};
  const auto now = now_();
  const auto tokens_of = [&](const Bucket& bucket) {
    const std::chrono::duration<double> since = now - bucket.at;
    return std::min(options_.burst, bucket.tokens + since.count() * options_.rate);
  };
  const Lock lock(mu_);
  if (buckets_.size() >= kMaxBuckets)
    std::erase_if(buckets_,
                  [&](const auto& one) { return tokens_of(one.second) >= options_.burst; });
  // If all of them are in use, those who are new share one.
  if (buckets_.size() >= kMaxBuckets && !buckets_.contains(whom)) whom.clear();
  Bucket& bucket = buckets_.try_emplace(whom, Bucket{options_.burst, now}).first->second;
  bucket = {.tokens = tokens_of(bucket), .at = now};
  if (bucket.tokens < 1)
    return Error{ErrorCode::kRateLimited, "more requests than are allowed: wait a moment"};
  bucket.tokens -= 1;
  return {};
}

Result<AccessKey> Access::key_of(const std::string& secret) const {
  const auto key = keys_.find(secret);
  if (key && !key->is_session()) return *key;
  return Error{ErrorCode::kUnauthenticated, "this is no key to this library, or it was revoked"};
}

Result<Access::Caller> Access::identify(const HttpRequest& request) const {
  if (const std::string shown = bearer_in(request); !shown.empty()) {
    const AccessKey key = TRY(key_of(shown));
    return Caller{.scope = key.scope, .name = key.name};
  }
  for (const std::string& cookie : cookies_in(request)) {
    const auto session = keys_.find(cookie);
    if (session && session->is_session())
      return Caller{.scope = session->scope, .name = session->name, .session = cookie};
  }
  return Caller{.scope = options_.anonymous};
}

Result<> Access::admit(const HttpRequest& request, Scope needed) {
  if (needed == Scope::kNone && request.is_read()) return {};  // health, and who one is
  auto address = address_of(request);
  const auto caller = identify(request);
  if (address.size() == 16) address.resize(8);
  TRY(count(caller && !caller->name.empty()
                ? "key " + caller->name
                : "address " + std::string(address.begin(), address.end())));
  if (needed == Scope::kNone) return {};
  if (options_.proxies.empty() && is_loopback(address) && was_passed_on(request))
    return Error{ErrorCode::kForbidden,
                 "a proxy has passed this on: name its address in the library's mimeme.toml, "
                 "[serve] proxies"};
  TRY(caller);
  if (caller->scope < needed) {
    if (caller->name.empty())
      return Error{ErrorCode::kUnauthenticated,
                   "this takes a key: Authorization: Bearer mimeme_… (`mimeme keys create`)"};
    return Error{ErrorCode::kForbidden, std::string("this takes a key of scope ") +
                                            name_of(needed) + ", and \"" + caller->name +
                                            "\" is of scope " + name_of(caller->scope)};
  }
  if (!caller->session.empty() && !request.is_read() && !bears_csrf_token(request, caller->session))
    return Error{ErrorCode::kForbidden,
                 "the session's CSRF token is missing, or of another session: X-CSRF-Token"};
  return {};
}

HttpResponse Access::session(const HttpRequest& request) const {
  const auto caller = identify(request);
  if (!caller) return never_kept(to_json(options_.anonymous, "", ""));
  return never_kept(to_json(caller->scope, caller->name, caller->session));
}

HttpResponse Access::with_cookie(const HttpRequest& request, HttpResponse response,
                                 const std::string& session, int64_t seconds) const {
  const bool is_https =
      is_proxy(parse_address(request.peer)) && request.header("X-Forwarded-Proto") == "https";
  response.headers.emplace_back(
      "Set-Cookie", std::string(kCookie) + "=" + session +
                        "; Path=/; HttpOnly; SameSite=Strict; Max-Age=" + std::to_string(seconds) +
                        (is_https ? "; Secure" : ""));
  return response;
}

Result<HttpResponse> Access::sign_in(const HttpRequest& request, const std::string& secret) {
  const AccessKey key = TRY(key_of(secret));
  const std::string session = TRY(keys_.open_session(key));
  return with_cookie(request, never_kept(to_json(key.scope, key.name, session)), session,
                     int64_t{kSessionDays} * 24 * 3600);
}

Result<HttpResponse> Access::sign_out(const HttpRequest& request) {
  for (const std::string& session : cookies_in(request)) TRY(keys_.close_session(session));
  return with_cookie(request, {.status = 204, .content_type = ""}, "", 0);
}

}  // namespace mimeme
