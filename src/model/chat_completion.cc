#include "model/chat_completion.h"

#include <algorithm>

#include "base/base64.h"
#include "base/json.h"
#include "base/utf8.h"

namespace mimeme {
namespace {

constexpr size_t kMaxDescription = 4096;  // bytes
constexpr int kMaxTokens = 1024;          // ends a small model that repeats itself for ever

// Leaves out <think>…</think>. Some chat templates put the first tag into the prompt, so it may be
// missing; an answer that was cut off has no second.
std::string without_thoughts(std::string_view text) {
  static constexpr std::string_view kTag = "think>";
  std::string said;
  bool is_thinking = false;
  for (size_t at = 0; (at = text.find(kTag)) != text.npos; text.remove_prefix(at + kTag.size())) {
    const std::string_view before = text.substr(0, at);
    if (before.ends_with("</")) {
      if (!is_thinking) said.clear();
      is_thinking = false;
    } else if (!is_thinking) {
      is_thinking = before.ends_with('<');
      said += text.substr(0, is_thinking ? at - 1 : at + kTag.size());
    }
  }
  return is_thinking ? said : said.append(text);
}

// ": what the server complains of", or nothing. OpenAI and vLLM: {"error": {"message": …}}; Ollama:
// {"error": …}; older vLLM: {"message": …}.
std::string complaint(const std::string& body) {
  const auto json = Json::parse(mend_utf8(body));
  if (!json) return "";
  const Json& error = (*json)["error"];
  for (const Json* words : {&error["message"], &error, &(*json)["message"]})
    if (words->string()) return ": " + *words->string();
  return "";
}

Error refusal(int64_t status, const std::string& body) {
  const auto error = [&](ErrorCode code, const char* what) {
    return Error{code, "HTTP " + std::to_string(status) + ", " + what};
  };
  const auto quoting = [&](Error e) {
    e.message += complaint(body);
    return e;
  };
  switch (status) {
    case 401:
    case 403:  // these quote part of the key
      return error(ErrorCode::kInvalidArgument, "the API key is missing, wrong or not enough");
    case 402:
      return quoting(error(ErrorCode::kInvalidArgument, "it wants to be paid"));
    case 404:
    case 405:
    case 501:
      return quoting(error(ErrorCode::kInvalidArgument,
                           "check the base URL, which mostly ends in /v1, and the model's name"));
    case 408:
    case 429:
      return quoting(error(ErrorCode::kUnavailable, "too busy"));
    default:
      break;
  }
  if (status < 400)
    return error(ErrorCode::kInvalidArgument,
                 "a redirection, which is not followed: give the URL that it leads to");
  return status < 500 ? quoting(error(ErrorCode::kCorrupt, "the picture is refused"))
                      : quoting(error(ErrorCode::kUnavailable, "the server has failed"));
}

}  // namespace

std::string one_line(std::string_view text, size_t most) {
  std::string line;
  for (const char c : text) {
    const bool is_blank = static_cast<uint8_t>(c) <= ' ' || c == '\x7F';
    if (!is_blank)
      line += c;
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
  }
  if (line.size() > most) {
    while ((line[most] & 0xC0) == 0x80) --most;  // the middle of a character
    line.resize(most);
  }
  if (line.ends_with(' ')) line.pop_back();
  return line;
}

std::string completion_request(const std::string& model, const std::string& prompt,
                               std::span<const uint8_t> jpeg) {
  const std::string url = "data:image/jpeg;base64," + base64(jpeg);
  const Json picture =
      Json::Object{{"type", "image_url"}, {"image_url", Json::Object{{"url", url}}}};
  const Json question = Json::Object{{"type", "text"}, {"text", prompt}};
  const Json message = Json::Object{{"role", "user"}, {"content", Json::Array{question, picture}}};
  return Json(Json::Object{{"model", model},
                           {"messages", Json::Array{message}},
                           {"max_tokens", kMaxTokens},
                           {"stream", false}})
      .dump();
}

Result<std::string> read_completion(int64_t status, const std::string& body) {
  if (status >= 300) return refusal(status, body);
  const Json answer = TRY(Json::parse(mend_utf8(body)));
  const Json::Array* choices = answer["choices"].array();
  if (!choices || choices->empty())
    return Error{ErrorCode::kCorrupt, "no choices in the answer" + complaint(body)};
  const Json& content = choices->front()["message"]["content"];
  std::string text;
  if (content.string()) text = *content.string();
  if (content.array())
    for (const Json& part : *content.array())
      if (part["text"].string()) text += *part["text"].string();
  text = one_line(without_thoughts(text), kMaxDescription);
  if (text.empty()) return Error{ErrorCode::kCorrupt, "no words in the answer"};
  return text;
}

}  // namespace mimeme
