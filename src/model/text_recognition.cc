#include "model/text_recognition.h"

#include <algorithm>

namespace mimeme {
namespace {

// A space is taken where it has this probability between two signs, though blank is likelier: the
// model leaves most spaces of narrow capitals out, but does not rule them out. On memes of our own
// making in ten fonts, 0.01 to 0.03 find the same words; 0.5 finds six in ten of those, 0.001 nine.
constexpr float kSpace = 0.02F;

}  // namespace

Reading decode_ctc(std::span<const float> probability, const std::vector<std::string>& alphabet) {
  const size_t signs = alphabet.size() + 2, space = signs - 1;
  Reading reading;
  double sum = 0;
  int n = 0;
  size_t before = 0;
  float gap = 0;  // the highest probability of a space since the last sign
  for (; !probability.empty(); probability = probability.subspan(signs)) {
    const auto step = probability.first(signs);
    // Mostly it is blank that has more than all others together: no need to look at 6,600.
    const auto best = step[0] > 0.5F ? step.begin() : std::max_element(step.begin(), step.end());
    const auto sign = static_cast<size_t>(best - step.begin());
    gap = std::max(gap, step[space]);
    if (sign != 0 && sign != before && sign != space) {
      if (gap > kSpace && n > 0) reading.text += ' ';
      reading.text += alphabet[sign - 1];
      sum += *best;
      ++n;
      gap = 0;
    }
    before = sign;
  }
  if (n > 0) reading.confidence = static_cast<float>(sum / n);
  return reading;
}

}  // namespace mimeme
