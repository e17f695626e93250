// Who sends a request, and what he may do.
//
// He shows a key (`Authorization: Bearer …`, RFC 6750), or the cookie of a session that he opened
// with one; a request that changes something must then bear the session's CSRF token as well. Who
// shows nothing may do what AccessOptions::anonymous says. Requests are counted by key, or else by
// address, IPv6 by its network of 64 bits: a token bucket for each.
//
// Behind a proxy all come from its address. Those that the operator names are believed what they
// write into X-Forwarded-For and X-Forwarded-Proto.
//
// Thread-safe.
#ifndef MIMEME_HTTP_ACCESS_H_
#define MIMEME_HTTP_ACCESS_H_

#include <chrono>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/address.h"
#include "base/mutex.h"
#include "base/result.h"
#include "core/access_key.h"
#include "engine/access_keys.h"
#include "http/message.h"

namespace mimeme {

struct AccessOptions {
  Scope anonymous = Scope::kAdmin;
  std::vector<Network> proxies;
  double rate = 0;   // requests a second, in the long run; 0: as many as come
  double burst = 0;  // that may come at once
};

class Access {
 public:
  using Clock = std::chrono::steady_clock;

  // REQUIRES: keys outlives it.
  Access(AccessKeys& keys, AccessOptions options,
         std::function<Clock::time_point()> now = Clock::now);

  // Whether the request may do what takes `needed`. kUnauthenticated: what it shows is no key, or
  // it shows none and would have to. kForbidden: the key is not good for it, the CSRF token is
  // missing, or a proxy has passed it on that nobody named. kRateLimited.
  Result<> admit(const HttpRequest& request, Scope needed);

  // What may be done, with which key, and the session's CSRF token, as JSON.
  HttpResponse session(const HttpRequest& request) const;
  // Opens one with a key's secret. kUnauthenticated.
  Result<HttpResponse> sign_in(const HttpRequest& request, const std::string& secret);
  Result<HttpResponse> sign_out(const HttpRequest& request);

 private:
  struct Caller {
    Scope scope = Scope::kNone;
    std::string name;     // of the key; empty: anonymous
    std::string session;  // its secret, if there is one
  };
  struct Bucket {
    double tokens = 0;
    Clock::time_point at;
  };

  Result<AccessKey> key_of(const std::string& secret) const;  // kUnauthenticated
  Result<Caller> identify(const HttpRequest& request) const;
  bool is_proxy(const std::vector<uint8_t>& address) const;
  std::vector<uint8_t> address_of(const HttpRequest& request) const;
  HttpResponse with_cookie(const HttpRequest& request, HttpResponse response,
                           const std::string& session, int64_t seconds) const;
  Result<> count(std::string whom);

  // Constant after construction.
  AccessKeys& keys_;
  const AccessOptions options_;
  const std::function<Clock::time_point()> now_;

  Mutex mu_;
  std::unordered_map<std::string, Bucket> buckets_ GUARDED_BY(mu_);
};

}  // namespace mimeme

#endif  // MIMEME_HTTP_ACCESS_H_
