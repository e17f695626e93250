// A picture → what it shows, in words, by a vision-language model that somebody else serves: the
// chat completions of OpenAI's API, which Ollama, llama.cpp's server and vLLM speak too. Pictures
// go to the URL that is given and nowhere else: no redirection is followed, no proxy used.
#ifndef MIMEME_MODEL_VISION_MODEL_H_
#define MIMEME_MODEL_VISION_MODEL_H_

#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>

#include "base/result.h"

namespace mimeme {

struct VisionModelOptions {
  std::string base_url;  // "http://127.0.0.1:11434/v1"; /chat/completions is added
  std::string model;     // as the server calls it
  std::string api_key;   // empty: none is sent
  std::string prompt =
      "Describe this picture in one to three plain sentences, for somebody who will search for it "
      "later. Say who or what is in it, what they do and where, and how they look or feel. If it "
      "is "
      "a well-known meme template, give its usual name. Do not begin with words like \"the picture "
      "shows\", and add nothing else.";
  double timeout_seconds = 120;  // of one attempt
  int retries = 3;               // after the first attempt
  // Before the first retry; twice that before the next, up to a minute, each less up to a half at
  // random. A server's Retry-After is waited for instead if it is longer, up to a minute as well.
  double backoff_seconds = 1;
};

// An interface, because the real one is slow, random and elsewhere. Thread-safe: describe() may run
// on many threads at once.
class VisionModel {
 public:
  virtual ~VisionModel() = default;

  // One line of 1 … 4096 bytes, valid UTF-8, without control characters and what a reasoning model
  // says in <think>. Its errors tell the caller what to do:
  // kUnavailable      the server does not answer, is too slow or busy, or fails, after all retries
  //                   (some servers answer so to a picture they cannot read): go on later
  // kCorrupt          no use can be made of the answer to this picture, or the server refuses the
  //                   picture: go on with the next
  // kInvalidArgument  URL, key or model are wrong: no picture will fare better
  // kCancelled        stop was requested, which ends a transfer or a wait at once
  // No message holds the key, whatever the server sends.
  virtual Result<std::string> describe(std::span<const uint8_t> jpeg,
                                       std::stop_token stop) const = 0;
};

// Does not connect. kInvalidArgument: no http or https URL, or one with a user, a query or a
// fragment in it; no model; a blank or a line break in the key; numbers out of range.
Result<std::unique_ptr<VisionModel>> open_vision_model(VisionModelOptions options);

}  // namespace mimeme

#endif  // MIMEME_MODEL_VISION_MODEL_H_
