// What pictures say, show and mean: the background stages that follow an ingest. An image is found
// by picture as soon as it is embedded; by words once these have got to it.
//
//     read        the words in the picture (OCR)
//     label       what it shows, offline: labels from the stored embedding, and objects
//     embed       what its texts mean
//     ask         a vision-language model for a description, if there is one; then embed again
//
// Each stage asks the catalog what is left, so each goes on where a kill or Ctrl-C ended it; each
// batch is committed, and the words' indexes follow it.
#ifndef MIMEME_ENGINE_WORDS_H_
#define MIMEME_ENGINE_WORDS_H_

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/leases.h"
#include "engine/library.h"
#include "model/vision_model.h"

namespace mimeme {

struct WordsProgress {
  enum class Stage { kLooking, kReading, kLabelling, kEmbedding, kAsking };
  Stage stage = Stage::kLooking;
  int64_t done = 0;
  int64_t total = 0;
  int64_t failed = 0;
};

// For people: "labelling".
constexpr const char* name_of(WordsProgress::Stage stage) {
  constexpr const char* kNames[] = {"looking at details", "reading words", "labelling",
                                    "embedding texts", "describing"};
  return kNames[static_cast<int>(stage)];
}

// A model that describes pictures, and is asked about those that neither it nor the user has
// described.
struct Describer {
  const VisionModel* model = nullptr;  // null: none
  std::string digest;                  // of its name and the prompt; another one is asked anew
  int concurrency = 1;                 // pictures at a time
};

struct WordsOptions {
  int threads = 0;  // of each stage; 0: one for each core
  DecodeLimits limits;
  std::stop_token stop;
  Describer describer;
  Leases* leases = nullptr;  // of a worker, which shares each stage with others; null: all is ours
};

// Called on the thread that called.
struct WordsEvents {
  std::function<void(const WordsProgress&)> progress = [](const WordsProgress&) {};
  // A picture that a stage could not do; it is tried again the next time.
  std::function<void(const FailedFile&)> failed = [](const FailedFile&) {};
};

struct WordsSummary {
  int64_t looked_at = 0;  // for details, which tell the same picture from one that is alike
  int64_t read = 0;
  int64_t described = 0;  // looked at for labels, and described by the model
  int64_t embedded = 0;   // texts
  int64_t failed = 0;
  bool cancelled = false;
  std::vector<std::string> left_out;  // what could not be done, and why
  double seconds = 0;
};

// REQUIRES: the library is open for writing.
Result<WordsSummary> learn_words(Library& library, const WordsOptions& options,
                                 const WordsEvents& events);

// The last stage alone, for texts that changed after `seq`: after an edit. Returns how many it has
// embedded; none without a text model.
Result<int64_t> embed_texts(Library& library, int64_t seq);

}  // namespace mimeme

#endif  // MIMEME_ENGINE_WORDS_H_
