#include "engine/picture_fetcher.h"

#include <utility>

#include "base/address.h"
#include "base/http_transfer.h"

namespace mimeme {
namespace {

constexpr size_t kMaxUrl = 8192;  // bytes
constexpr uint16_t kHttpsPort = 443;
constexpr int64_t kLeastBytesPerSecond = 1000;
constexpr int kSlowSeconds = 5;

// Gives its turn back.
struct Turn {
  explicit Turn(std::counting_semaphore<>& s) : free(s), is_mine(s.try_acquire()) {}
  ~Turn() {
    if (is_mine) free.release();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  std::counting_semaphore<>& free;
  const bool is_mine;
};

Result<> check(const std::string& text) {
  const auto invalid = [](const char* what) { return Error{ErrorCode::kInvalidArgument, what}; };
  if (text.size() > kMaxUrl || !is_plain(text))
    return invalid("`url` must be at most 8,192 letters of ASCII without blanks");
  const auto url = parse_url(text);
  if (!url || url->scheme != "https")
    return invalid("`url` must be a picture's address: https://…");
  if (!url->user.empty() || !url->password.empty())
    return invalid("`url` must have no user or password in it");
  return {};
}

}  // namespace

bool may_fetch_from(std::span<const uint8_t> address, uint16_t port) {
  return port == kHttpsPort && is_public(address) && !is_near(address);
}

PictureFetcher::PictureFetcher(FetchOptions options)
    : options_(std::move(options)), free_(options_.at_once) {}

Result<std::string> PictureFetcher::fetch(const std::string& url) {
  if (!options_.allowed)
    return Error{ErrorCode::kForbidden,
                 "searching by a picture's web address is off: to allow it, write "
                 "`fetch_urls = true` under [serve] into mimeme.toml in the library's folder and "
                 "start the server anew"};
  TRY(check(url));
  const Turn turn(free_);
  if (!turn.is_mine)
    return Error{ErrorCode::kBusy, "another picture is being fetched from the web: try again"};
  HttpTransfer transfer({.url = url,
                         .schemes = "https",
                         .headers = {"Accept: image/*"},
                         .timeout_seconds = options_.timeout_seconds,
                         .connect_seconds = options_.connect_seconds,
                         .max_body = static_cast<size_t>(options_.max_bytes),
                         .redirections = options_.redirections,
                         .least_bytes_per_second = kLeastBytesPerSecond,
                         .slow_seconds = kSlowSeconds,
                         .may_connect = options_.may_connect,
                         .ca_file = options_.ca_file},
                        options_.stop);
  Transferred answer = TRY(transfer.send());
  if (answer.end == Transferred::End::kTooLong)
    return Error{ErrorCode::kTooLarge, "there are more than " + std::to_string(options_.max_bytes) +
                                           " bytes at this address"};
  if (answer.end != Transferred::End::kDone)
    return Error{ErrorCode::kUnreachable,
                 "nothing could be fetched: the address must be one that anybody on the internet "
                 "gets a picture from within 15 seconds, over https at its usual port"};
  if (answer.status != 200)
    return Error{ErrorCode::kUnreachable,
                 "its server answers with HTTP " + std::to_string(answer.status)};
  return std::move(answer.body);
}

}  // namespace mimeme
