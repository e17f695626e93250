#include "engine/elastic_encoder.h"

namespace mimeme {

Result<std::vector<float>> ElasticEncoder::encode(std::span<const uint8_t> rgb) const {
  const struct Counted {
    std::atomic<int>& running;
    ~Counted() { --running; }
  } counted{running_};
  const bool is_alone = running_++ == 0;
  // Among many there are moments when one is alone: only the second in a row takes all cores.
  const bool was_crowded = crowded_.exchange(!is_alone);
  return (is_alone && !was_crowded ? on_all_cores_ : on_one_)->encode(rgb);
}

}  // namespace mimeme
