#include "model/vision_model.h"

#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <random>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "model/chat_completion.h"

namespace mimeme {
namespace {

constexpr size_t kMaxBody = 1 << 20;       // bytes that a server may send
constexpr size_t kMaxMessage = 300;        // bytes of an error, for a server may complain at length
constexpr double kMaxConnectSeconds = 10;  // a server that is there connects at once
constexpr double kMaxWaitSeconds = 60;
constexpr double kMaxTimeoutSeconds = 86'400;
constexpr int kMaxRetries = 100;

struct Response {
  CURLcode code = CURLE_OK;
  int64_t status = 0;      // of HTTP; 0 if it did not come so far
  double retry_after = 0;  // seconds
  std::string body;
};

Result<std::string> judge(const Response& response) {
  // A refusal is one, whether or not all of its words arrived.
  if (response.status >= 300) return read_completion(response.status, response.body);
  switch (response.code) {
    case CURLE_OK:
      return read_completion(response.status, response.body);
    case CURLE_WRITE_ERROR:
      return Error{ErrorCode::kCorrupt, "an answer of more than 1 MiB"};
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return Error{ErrorCode::kInvalidArgument,
                   "its certificate is not one that this system trusts"};
    default:
      return Error{ErrorCode::kUnavailable, curl_easy_strerror(response.code)};
  }
}

template <auto release>
struct Release {
  template <typename T>
  void operator()(T* handle) const {
    release(handle);
  }
};

size_t receive(char* data, size_t, size_t bytes, void* body) {
  auto& text = *static_cast<std::string*>(body);
  if (text.size() + bytes > kMaxBody) return 0;  // ends the transfer
  text.append(data, bytes);
  return bytes;
}

// One request, sent as often as it takes, on one connection if the server keeps it. Ends at once
// when `stop` is requested: curl's multi interface, of which this is the only transfer, can be
// woken from another thread. For one thread.
class Exchange {
 public:
  // What is referred to must outlive it.
  Exchange(const VisionModelOptions& options, const std::string& url, curl_slist* headers,
           const std::string& request, std::stop_token stop)
      : stop_(std::move(stop)), wake_(stop_, [this] { curl_multi_wakeup(multi_.get()); }) {
    const auto set = [this](CURLoption option, auto value) {
      curl_easy_setopt(easy_.get(), option, value);
    };
    const double connect_seconds = std::min(options.timeout_seconds, kMaxConnectSeconds);
    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_PROXY, "");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_QUICK_EXIT, 1L);  // a stop does not wait for a name server
    set(CURLOPT_USERAGENT, "mimeme");
    set(CURLOPT_HTTPHEADER, headers);
    set(CURLOPT_POSTFIELDS, request.c_str());
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.size()));
    set(CURLOPT_TIMEOUT_MS, std::lround(std::ceil(options.timeout_seconds * 1000)));
    set(CURLOPT_CONNECTTIMEOUT_MS, std::lround(std::ceil(connect_seconds * 1000)));
    set(CURLOPT_WRITEFUNCTION, &receive);
  }

  // kCancelled; whatever else happens is in the response.
  Result<Response> send() {
    Response response{.code = CURLE_FAILED_INIT};
    curl_easy_setopt(easy_.get(), CURLOPT_WRITEDATA, &response.body);
    curl_multi_add_handle(multi_.get(), easy_.get());
    for (int running = 1; !stop_.stop_requested();) {
      if (curl_multi_perform(multi_.get(), &running) != CURLM_OK || running == 0) break;
      curl_multi_poll(multi_.get(), nullptr, 0, 1000, nullptr);
    }
    int left = 0;
    if (const CURLMsg* done = curl_multi_info_read(multi_.get(), &left))
      response.code = done->data.result;
    long status = 0;
    curl_off_t seconds = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(easy_.get(), CURLINFO_RETRY_AFTER, &seconds);
    response.status = status;
    response.retry_after = static_cast<double>(seconds);
    curl_multi_remove_handle(multi_.get(), easy_.get());
    if (stop_.stop_requested()) return cancelled();
    return response;
  }

  Result<> wait(double seconds) {
    using Clock = std::chrono::steady_clock;
    using Milliseconds = std::chrono::duration<double, std::milli>;
    const auto end = Clock::now() + std::chrono::duration<double>(seconds);
    while (!stop_.stop_requested()) {
      const double left = Milliseconds(end - Clock::now()).count();
      if (left <= 0) return {};
      curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(std::ceil(left)), nullptr);
    }
    return cancelled();
  }

 private:
  static Error cancelled() { return {ErrorCode::kCancelled, "stopped"}; }

  const std::stop_token stop_;
  const std::unique_ptr<CURLM, Release<curl_multi_cleanup>> multi_{curl_multi_init()};
  const std::unique_ptr<CURL, Release<curl_easy_cleanup>> easy_{curl_easy_init()};
  const std::stop_callback<std::function<void()>> wake_;
};

double wait_seconds(double backoff_seconds, int attempt, double retry_after) {
  thread_local std::minstd_rand random{std::random_device{}()};
  const double less = std::uniform_real_distribution(0.5, 1.0)(random);
  return std::min(std::max(backoff_seconds * std::exp2(attempt) * less, retry_after),
                  kMaxWaitSeconds);
}

class HttpVisionModel : public VisionModel {
 public:
  explicit HttpVisionModel(VisionModelOptions options)
      : options_(std::move(options)), url_(options_.base_url + "/chat/completions") {
    // Without the second, curl first asks whether a large request is welcome, and waits.
    std::vector<std::string> lines{"Content-Type: application/json", "Expect:"};
    if (!options_.api_key.empty()) lines.push_back("Authorization: Bearer " + options_.api_key);
    curl_slist* list = nullptr;
    for (const std::string& line : lines) list = curl_slist_append(list, line.c_str());
    headers_.reset(list);
  }

  Result<std::string> describe(std::span<const uint8_t> jpeg, std::stop_token stop) const override {
    auto answer = ask(completion_request(options_.model, options_.prompt, jpeg), std::move(stop));
    if (answer) return answer;
    Error error = std::move(answer).error();
    // Its words may be the server's.
    const std::string message = without_key(mend_utf8(error.message));
    return with_context({error.code, one_line(message, kMaxMessage)}, options_.base_url);
  }

 private:
  Result<std::string> ask(const std::string& request, std::stop_token stop) const {
    Exchange exchange(options_, url_, headers_.get(), request, std::move(stop));
    for (int attempt = 0;; ++attempt) {
      const Response response = TRY(exchange.send());
      auto answer = judge(response);
      if (answer || answer.error().code != ErrorCode::kUnavailable || attempt == options_.retries)
        return answer;
      TRY(exchange.wait(wait_seconds(options_.backoff_seconds, attempt, response.retry_after)));
    }
  }

  std::string without_key(std::string text) const {
    const std::string& key = options_.api_key;
    for (size_t at = 0; !key.empty() && (at = text.find(key, at)) != text.npos; at += 3)
      text.replace(at, key.size(), "***");
    return text;
  }

  // Constant after construction.
  const VisionModelOptions options_;
  const std::string url_;
  std::unique_ptr<curl_slist, Release<curl_slist_free_all>> headers_;
};

bool is_usable_url(const std::string& url) {
  const std::unique_ptr<CURLU, Release<curl_url_cleanup>> parsed(curl_url());
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return false;
  const auto part = [&](CURLUPart which) {
    char* text = nullptr;
    curl_url_get(parsed.get(), which, &text, 0);
    const std::unique_ptr<char, Release<curl_free>> owner(text);
    return std::string(text ? text : "");
  };
  const std::string scheme = part(CURLUPART_SCHEME);
  return (scheme == "http" || scheme == "https") && part(CURLUPART_USER).empty() &&
         part(CURLUPART_PASSWORD).empty() && part(CURLUPART_QUERY).empty() &&
         part(CURLUPART_FRAGMENT).empty();
}

// Printable ASCII without blanks.
bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7F'; });
}

}  // namespace

Result<std::unique_ptr<VisionModel>> open_vision_model(VisionModelOptions options) {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started != CURLE_OK) return Error{ErrorCode::kInternal, "libcurl does not start"};
  const auto invalid = [](std::string what) {
    return Error{ErrorCode::kInvalidArgument, std::move(what)};
  };
  // The URL is not repeated: it may have a password in it.
  if (!is_plain(options.base_url) || !is_usable_url(options.base_url))
    return invalid("the base URL must be one like http://127.0.0.1:11434/v1, without a user");
  if (options.model.empty()) return invalid("no vision model is named");
  if (!is_plain(options.api_key))
    return invalid("the API key has a blank, a line break or another sign in it that no key has");
  if (!(options.timeout_seconds > 0 && options.timeout_seconds <= kMaxTimeoutSeconds))
    return invalid("the timeout must be above 0 and at most a day");
  if (!(options.backoff_seconds >= 0 && options.backoff_seconds <= kMaxWaitSeconds))
    return invalid("the back-off must be 0 to 60 seconds");
  if (options.retries < 0 || options.retries > kMaxRetries)
    return invalid("retries must be 0 to 100");
  while (options.base_url.ends_with('/')) options.base_url.pop_back();
  return std::unique_ptr<VisionModel>(new HttpVisionModel(std::move(options)));
}

}  // namespace mimeme
