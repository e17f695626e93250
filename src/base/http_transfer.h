// Requests to other people's HTTP servers. No proxy, no cookies, no password file; a name of a user
// in the URL is refused.
#ifndef MIMEME_BASE_HTTP_TRANSFER_H_
#define MIMEME_BASE_HTTP_TRANSFER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"

namespace mimeme {

struct TransferOptions {
  std::string url;
  const char* schemes = "http,https";  // of the URL, and of where it leads to
  std::vector<std::string> headers;    // "Name: value"; "Name:" leaves out one that is usual
  const std::string* post = nullptr;   // the body of a POST; none: a GET. Outlives the transfer
  double timeout_seconds = 120;        // for one send() as a whole
  double connect_seconds = 10;         // of which for a name, a connection and its encryption
  size_t max_body = 1 << 20;           // bytes
  int redirections = 0;                // followed
  // Breaks off what brings fewer bytes a second than this for so long; 0: never.
  int64_t least_bytes_per_second = 0;
  int slow_seconds = 0;
  // Asked for the very address that is about to be connected to, of 4 or 16 bytes in network order,
  // so a name cannot mean one thing when it is checked and another afterwards; again after each
  // redirection. None: any. Called by send().
  std::function<bool(std::span<const uint8_t> address, uint16_t port)> may_connect;
  std::string ca_file;  // whose signatures are trusted, as PEM; empty: the system's
};

struct Transferred {
  enum class End {
    kDone,
    kTooLong,       // more than max_body
    kNotTrusted,    // its certificate
    kNotConnected,  // no such name, nobody there, may_connect
    kFailed         // too slow, broken off, too many redirections: all else
  };
  End end = End::kFailed;
  std::string why;         // of an end that is not kDone, for people
  int64_t status = 0;      // of HTTP; 0 if it did not come so far
  double retry_after = 0;  // seconds
  std::string body;        // as it was sent: nothing is decompressed
};

// One request, sent as often as it takes, on one connection if the server keeps it. Ends at once
// when `stop` is requested, whoever does. For one thread.
class HttpTransfer {
 public:
  HttpTransfer(TransferOptions options, std::stop_token stop);
  ~HttpTransfer();

  // kCancelled; whatever else happens is in the answer. kInternal: libcurl does not start.
  Result<Transferred> send();
  // kCancelled.
  Result<> wait(double seconds);

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

struct UrlParts {
  std::string scheme, user, password, query, fragment;
};

// Nothing if it is no URL. Pure.
std::optional<UrlParts> parse_url(const std::string& url);

// Whether all is printable ASCII without blanks, as it is in a URL. Pure.
bool is_plain(std::string_view text);

}  // namespace mimeme

#endif  // MIMEME_BASE_HTTP_TRANSFER_H_
