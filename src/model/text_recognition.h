// What a line of text says: a network gives, for each column of 8 pixels, the probability of each
// sign, and the text is found in that (Graves et al., "Connectionist Temporal Classification",
// 2006). Pure.
#ifndef MIMEME_MODEL_TEXT_RECOGNITION_H_
#define MIMEME_MODEL_TEXT_RECOGNITION_H_

#include <span>
#include <string>
#include <vector>

namespace mimeme {

struct Reading {
  std::string text;      // UTF-8
  float confidence = 0;  // the mean over its signs, 0..1
};

// probability: steps × (alphabet.size() + 2), row-major: blank, the alphabet, space. The likeliest
// sign of each step, repeats as one, blanks left out; a space also where it is merely possible.
Reading decode_ctc(std::span<const float> probability, const std::vector<std::string>& alphabet);

}  // namespace mimeme

#endif  // MIMEME_MODEL_TEXT_RECOGNITION_H_
