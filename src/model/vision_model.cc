#include "model/vision_model.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>
#include <vector>

#include "base/http_transfer.h"
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

Result<std::string> judge(const Transferred& answer) {
  // A refusal is one, whether or not all of its words arrived.
  if (answer.status >= 300) return read_completion(answer.status, answer.body);
  switch (answer.end) {
    case Transferred::End::kDone:
      return read_completion(answer.status, answer.body);
    case Transferred::End::kTooLong:
      return Error{ErrorCode::kCorrupt, "an answer of more than 1 MiB"};
    case Transferred::End::kNotTrusted:
      return Error{ErrorCode::kInvalidArgument,
                   "its certificate is not one that this system trusts"};
    default:
      return Error{ErrorCode::kUnavailable, answer.why};
  }
}

double wait_seconds(double backoff_seconds, int attempt, double retry_after) {
  thread_local std::minstd_rand random{std::random_device{}()};
  const double less = std::uniform_real_distribution(0.5, 1.0)(random);
  return std::min(std::max(backoff_seconds * std::exp2(attempt) * less, retry_after),
                  kMaxWaitSeconds);
}

class HttpVisionModel : public VisionModel {
 public:
  explicit HttpVisionModel(VisionModelOptions options)
      : options_(std::move(options)), url_(options_.base_url + "/chat/completions") {}

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
    // Without the second, curl first asks whether a large request is welcome, and waits.
    std::vector<std::string> headers{"Content-Type: application/json", "Expect:"};
    if (!options_.api_key.empty()) headers.push_back("Authorization: Bearer " + options_.api_key);
    HttpTransfer transfer(
        {.url = url_,
         .headers = std::move(headers),
         .post = &request,
         .timeout_seconds = options_.timeout_seconds,
         .connect_seconds = std::min(options_.timeout_seconds, kMaxConnectSeconds),
         .max_body = kMaxBody},
        std::move(stop));
    for (int attempt = 0;; ++attempt) {
      const Transferred response = TRY(transfer.send());
      auto answer = judge(response);
      if (answer || answer.error().code != ErrorCode::kUnavailable || attempt == options_.retries)
        return answer;
      TRY(transfer.wait(wait_seconds(options_.backoff_seconds, attempt, response.retry_after)));
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
};

bool is_usable_url(const std::string& text) {
  const auto url = parse_url(text);
  return url && (url->scheme == "http" || url->scheme == "https") && url->user.empty() &&
         url->password.empty() && url->query.empty() && url->fragment.empty();
}

}  // namespace

Result<std::unique_ptr<VisionModel>> open_vision_model(VisionModelOptions options) {
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
