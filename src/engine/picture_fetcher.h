// Pictures from the web, to search with: the bytes at an https URL that a client gave, which may be
// anybody's idea of how to make this machine ask another (docs/decisions/0017).
#ifndef MIMEME_ENGINE_PICTURE_FETCHER_H_
#define MIMEME_ENGINE_PICTURE_FETCHER_H_

#include <cstdint>
#include <functional>
#include <semaphore>
#include <span>
#include <stop_token>
#include <string>

#include "base/result.h"

namespace mimeme {

// Whether it is the internet's, outside the networks of this machine, and the usual port of https.
bool may_fetch_from(std::span<const uint8_t> address, uint16_t port);

struct FetchOptions {
  bool allowed = false;          // by the owner
  int64_t max_bytes = 64 << 20;  // of a picture, as for one that is sent
  int at_once = 1;               // pictures fetched at a time
  std::stop_token stop;          // ends what is under way
  double timeout_seconds = 15;
  double connect_seconds = 5;
  int redirections = 3;
  // For tests alone, whose servers are on this machine; no setting leads here.
  std::function<bool(std::span<const uint8_t> address, uint16_t port)> may_connect = may_fetch_from;
  std::string ca_file;
};

// Thread-safe. Waits for the network, so the thread of a caller is held for as long as a timeout.
class PictureFetcher {
 public:
  explicit PictureFetcher(FetchOptions options);

  bool allowed() const { return options_.allowed; }

  // What is there, whether a picture or not.
  // kForbidden        not allowed: how to allow it
  // kInvalidArgument  no https URL, or one with a user in it
  // kBusy             others are being fetched
  // kTooLarge         more than max_bytes
  // kUnreachable      all else, with one message whether a name, an address, a port or a
  // certificate
  //                   was wrong, so that nobody learns from it what there is in the owner's
  //                   network. What a server of the internet answers, by its status, is told.
  // kCancelled
  Result<std::string> fetch(const std::string& url);

 private:
  const FetchOptions options_;
  std::counting_semaphore<> free_;
};

}  // namespace mimeme

#endif  // MIMEME_ENGINE_PICTURE_FETCHER_H_
