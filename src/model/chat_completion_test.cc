#include "model/chat_completion.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/json.h"

namespace mimeme {
namespace {

std::string completion(const Json& content) {
  const Json message = Json::Object{{"role", "assistant"}, {"content", content}};
  const Json choice = Json::Object{{"index", 0}, {"message", message}};
  return Json(Json::Object{{"id", "1"}, {"choices", Json::Array{choice}}}).dump();
}

TEST(ChatCompletion, EncodesPicturesOfAnyLength) {
  // RFC 4648, section 10.
  const std::pair<std::string, std::string> cases[] = {
      {"f", "Zg=="},        {"fo", "Zm8="},        {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : cases)
    EXPECT_NE(completion_request("m", "p", std::vector<uint8_t>(bytes.begin(), bytes.end()))
                  .find("base64," + text + "\""),
              std::string::npos)
        << bytes;
}

TEST(ChatCompletion, KeepsOfAnAnswerWhatIsADescription) {
  const auto part = [](const char* type, const char* text) {
    return Json(Json::Object{{"type", type}, {"text", text}});
  };
  const std::pair<Json, std::string> cases[] = {
      {Json::Array{part("text", "Two "), part("text", "parts."), Json::Object{{"type", "image"}}},
       "Two parts."},
      {"<think>A dog? No.</think>\n\nA cat.", "A cat."},
      {"the prompt had the first tag</think> A cat.", "A cat."},
      {"A cat. <think>or is it", "A cat."},
      {"<think>a</think>One<think>b</think> two", "One two"},
      {"I think> of a </b> tag, <b>", "I think> of a </b> tag, <b>"},
      {"lines\r\n\tand\x01\x7F controls", "lines and controls"},
      {std::string("a\0b", 3), "a b"},
      {"caf\xC3\xA9 \xF0\x9F\x98\x82", "caf\xC3\xA9 \xF0\x9F\x98\x82"},
  };
  for (const auto& [content, text] : cases) {
    const auto got = read_completion(200, completion(content));
    ASSERT_TRUE(got.ok()) << content.dump() << got.error().message;
    EXPECT_EQ(*got, text);
  }
}

TEST(ChatCompletion, MendsTextThatIsNotUtf8) {
  const auto text =
      read_completion(200, "{\"choices\":[{\"message\":{\"content\":\"caf\xE9 \xE2\x82\"}}]}");
  ASSERT_TRUE(text.ok()) << text.error().message;
  EXPECT_EQ(*text, "caf\uFFFD \uFFFD\uFFFD");
}

TEST(ChatCompletion, CutsALongAnswerBetweenTwoCharacters) {
  std::string text = "a";
  while (text.size() < 10'000) text += "\u20AC";
  EXPECT_EQ(*read_completion(200, completion(text)), text.substr(0, 4096));  // 1 + 1365 × 3
  EXPECT_EQ(*read_completion(200, completion("a" + text)), "a" + text.substr(0, 4093));
}

TEST(ChatCompletion, AnAnswerOfNoUseIsCorrupt) {
  const std::string cases[] = {
      "",
      "<html>hello</html>",
      R"({"choices": [{"message": {"content": "cut o)",
      R"({"choices": []})",
      R"({"choices": 7})",
      R"({"error": {"message": "overloaded"}})",
      R"([])",
      R"({"choices": [{"text": "an older protocol"}]})",
      completion(nullptr),
      completion(""),
      completion(" \n"),
      completion("<think>nothing but thoughts"),
      completion(Json::Array{}),
      completion(Json::Array{1, "text", nullptr}),
      std::string(1000, '['),
  };
  for (const std::string& body : cases) {
    const auto text = read_completion(200, body);
    ASSERT_FALSE(text.ok()) << body;
    EXPECT_EQ(text.error().code, ErrorCode::kCorrupt) << body << text.error().message;
  }
}

TEST(ChatCompletion, WhatAStatusMeansToTheCaller) {
  const std::pair<int, ErrorCode> cases[] = {
      {301, ErrorCode::kInvalidArgument}, {400, ErrorCode::kCorrupt},
      {401, ErrorCode::kInvalidArgument}, {403, ErrorCode::kInvalidArgument},
      {404, ErrorCode::kInvalidArgument}, {408, ErrorCode::kUnavailable},
      {413, ErrorCode::kCorrupt},         {422, ErrorCode::kCorrupt},
      {429, ErrorCode::kUnavailable},     {500, ErrorCode::kUnavailable},
      {501, ErrorCode::kInvalidArgument}, {503, ErrorCode::kUnavailable},
      {999, ErrorCode::kUnavailable}};
  for (const auto& [status, code] : cases)
    EXPECT_EQ(read_completion(status, completion("words")).error().code, code) << status;
}

}  // namespace
}  // namespace mimeme
