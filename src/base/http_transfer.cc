#include "base/http_transfer.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

namespace mimeme {
namespace {

constexpr size_t kMaxHeaders = 256 << 10;  // bytes, of all answers on the way

template <auto release>
struct Release {
  template <typename T>
  void operator()(T* handle) const {
    release(handle);
  }
};

long milliseconds(double seconds) { return std::lround(std::ceil(seconds * 1000)); }

Transferred::End end_of(CURLcode code) {
  switch (code) {
    case CURLE_OK:
      return Transferred::End::kDone;
    case CURLE_WRITE_ERROR:
    case CURLE_FILESIZE_EXCEEDED:
      return Transferred::End::kTooLong;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return Transferred::End::kNotTrusted;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
      return Transferred::End::kNotConnected;
    default:
      return Transferred::End::kFailed;
  }
}

}  // namespace

struct HttpTransfer::Impl {
  Impl(TransferOptions o, std::stop_token s)
      : options(std::move(o)),
        stop(std::move(s)),
        wake(stop, [this] { curl_multi_wakeup(multi.get()); }) {
    const auto set = [this](CURLoption option, auto value) {
      if (easy) curl_easy_setopt(easy.get(), option, value);
    };
    set(CURLOPT_URL, options.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, options.schemes);
    set(CURLOPT_REDIR_PROTOCOLS_STR, options.schemes);
    set(CURLOPT_FOLLOWLOCATION, options.redirections > 0 ? 1L : 0L);
    set(CURLOPT_MAXREDIRS, static_cast<long>(options.redirections));
    set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    set(CURLOPT_PROXY, "");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_QUICK_EXIT, 1L);  // a stop does not wait for a name server
    set(CURLOPT_USERAGENT, "mimeme");
    curl_slist* list = nullptr;
    for (const std::string& line : options.headers) list = curl_slist_append(list, line.c_str());
    headers.reset(list);
    set(CURLOPT_HTTPHEADER, headers.get());
    if (options.post) {
      set(CURLOPT_POSTFIELDS, options.post->c_str());
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(options.post->size()));
    }
    set(CURLOPT_TIMEOUT_MS, milliseconds(options.timeout_seconds));
    set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(options.connect_seconds));
    set(CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(options.least_bytes_per_second));
    set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(options.slow_seconds));
    set(CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(options.max_body));
    set(CURLOPT_WRITEFUNCTION, &receive);
    set(CURLOPT_WRITEDATA, this);
    set(CURLOPT_HEADERFUNCTION, &receive_header);
    set(CURLOPT_HEADERDATA, this);
    set(CURLOPT_OPENSOCKETFUNCTION, &open_socket);
    set(CURLOPT_OPENSOCKETDATA, this);
    if (!options.ca_file.empty()) set(CURLOPT_CAINFO, options.ca_file.c_str());
  }

  // Each of these ends the transfer by what it returns.
  static size_t receive(char* data, size_t, size_t bytes, void* self) {
    auto& impl = *static_cast<Impl*>(self);
    if (impl.answer.body.size() + bytes > impl.options.max_body) return 0;
    impl.answer.body.append(data, bytes);
    return bytes;
  }
  static size_t receive_header(char*, size_t, size_t bytes, void* self) {
    auto& impl = *static_cast<Impl*>(self);
    impl.header_bytes += bytes;
    return impl.header_bytes > kMaxHeaders ? 0 : bytes;
  }
  static curl_socket_t open_socket(void* self, curlsocktype, curl_sockaddr* to) {
    const auto& may_connect = static_cast<Impl*>(self)->options.may_connect;
    if (may_connect && !allows(may_connect, to->addr)) return CURL_SOCKET_BAD;
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
  }
  static bool allows(const decltype(TransferOptions::may_connect)& may_connect,
                     const sockaddr& to) {
    if (to.sa_family == AF_INET) {
      const auto& v4 = reinterpret_cast<const sockaddr_in&>(to);
      return may_connect({reinterpret_cast<const uint8_t*>(&v4.sin_addr), 4}, ntohs(v4.sin_port));
    }
    if (to.sa_family != AF_INET6) return false;
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(to);
    return may_connect(v6.sin6_addr.s6_addr, ntohs(v6.sin6_port));
  }

  const TransferOptions options;
  const std::stop_token stop;
  std::unique_ptr<curl_slist, Release<curl_slist_free_all>> headers;
  const std::unique_ptr<CURLM, Release<curl_multi_cleanup>> multi{curl_multi_init()};
  const std::unique_ptr<CURL, Release<curl_easy_cleanup>> easy{curl_easy_init()};
  Transferred answer;
  size_t header_bytes = 0;
  // curl's multi interface, of which this is the only transfer, can be woken from another thread.
  const std::stop_callback<std::function<void()>> wake;
};

namespace {

Error cancelled() { return {ErrorCode::kCancelled, "stopped"}; }

bool has_started() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  return started == CURLE_OK;
}

}  // namespace

HttpTransfer::HttpTransfer(TransferOptions options, std::stop_token stop)
    : impl_(has_started() ? std::make_unique<Impl>(std::move(options), std::move(stop)) : nullptr) {
}
HttpTransfer::~HttpTransfer() = default;

Result<Transferred> HttpTransfer::send() {
  if (!impl_ || !impl_->easy || !impl_->multi)
    return Error{ErrorCode::kInternal, "libcurl does not start"};
  CURLM* const multi = impl_->multi.get();
  CURL* const easy = impl_->easy.get();
  impl_->answer = {};
  impl_->header_bytes = 0;
  CURLcode code = CURLE_FAILED_INIT;
  curl_multi_add_handle(multi, easy);
  for (int running = 1; !impl_->stop.stop_requested();) {
    if (curl_multi_perform(multi, &running) != CURLM_OK || running == 0) break;
    curl_multi_poll(multi, nullptr, 0, 1000, nullptr);
  }
  int left = 0;
  if (const CURLMsg* done = curl_multi_info_read(multi, &left)) code = done->data.result;
  long status = 0;
  curl_off_t seconds = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
  curl_multi_remove_handle(multi, easy);
  if (impl_->stop.stop_requested()) return cancelled();
  Transferred& answer = impl_->answer;
  answer.end = end_of(code);
  if (code != CURLE_OK) answer.why = curl_easy_strerror(code);
  answer.status = status;
  answer.retry_after = static_cast<double>(seconds);
  return std::move(answer);
}

Result<> HttpTransfer::wait(double seconds) {
  using Clock = std::chrono::steady_clock;
  using Milliseconds = std::chrono::duration<double, std::milli>;
  if (!impl_ || !impl_->multi) return Error{ErrorCode::kInternal, "libcurl does not start"};
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  while (!impl_->stop.stop_requested()) {
    const double left = Milliseconds(end - Clock::now()).count();
    if (left <= 0) return {};
    curl_multi_poll(impl_->multi.get(), nullptr, 0, static_cast<int>(std::ceil(left)), nullptr);
  }
  return cancelled();
}

std::optional<UrlParts> parse_url(const std::string& url) {
  const std::unique_ptr<CURLU, Release<curl_url_cleanup>> parsed(curl_url());
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return std::nullopt;
  const auto part = [&](CURLUPart which) {
    char* text = nullptr;
    curl_url_get(parsed.get(), which, &text, 0);
    const std::unique_ptr<char, Release<curl_free>> owner(text);
    return std::string(text ? text : "");
  };
  return UrlParts{.scheme = part(CURLUPART_SCHEME),
                  .user = part(CURLUPART_USER),
                  .password = part(CURLUPART_PASSWORD),
                  .query = part(CURLUPART_QUERY),
                  .fragment = part(CURLUPART_FRAGMENT)};
}

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7F'; });
}

}  // namespace mimeme
