// The chat completions of OpenAI's API, as far as describing a picture needs them: what is asked,
// and what the answer means. Pure; safe from any thread.
#ifndef MIMEME_MODEL_CHAT_COMPLETION_H_
#define MIMEME_MODEL_CHAT_COMPLETION_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mimeme {

// The body of a POST to …/chat/completions: one message of the prompt and the picture, answered in
// one piece.
std::string completion_request(const std::string& model, const std::string& prompt,
                               std::span<const uint8_t> jpeg);

// The words of an answer, as VisionModel::describe() gives them. status: HTTP's. Errors mean what
// they mean there: kUnavailable, kCorrupt, kInvalidArgument. Their messages may quote the body.
Result<std::string> read_completion(int64_t status, const std::string& body);

// `text` with each run of blanks and control characters as one space, cut off after `most` bytes at
// the end of a character. REQUIRES: valid UTF-8.
std::string one_line(std::string_view text, size_t most);

}  // namespace mimeme

#endif  // MIMEME_MODEL_CHAT_COMPLETION_H_
