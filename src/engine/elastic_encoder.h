// One encoder for all who ask a server: a picture alone has all cores, several at once have one
// each. The first is the shortest wait, the second the best rate (docs/decisions/0014).
#ifndef MIMEME_ENGINE_ELASTIC_ENCODER_H_
#define MIMEME_ENGINE_ELASTIC_ENCODER_H_

#include <atomic>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "model/image_encoder.h"

namespace mimeme {

// REQUIRES: both are of the same model.
class ElasticEncoder : public ImageEncoder {
 public:
  ElasticEncoder(std::unique_ptr<ImageEncoder> on_all_cores, std::unique_ptr<ImageEncoder> on_one)
      : on_all_cores_(std::move(on_all_cores)), on_one_(std::move(on_one)) {}

  const Manifest& manifest() const override { return on_one_->manifest(); }
  Result<std::vector<float>> encode(std::span<const uint8_t> rgb) const override;

 private:
  const std::unique_ptr<ImageEncoder> on_all_cores_, on_one_;
  mutable std::atomic<int> running_ = 0;
  mutable std::atomic<bool> crowded_ = false;
};

}  // namespace mimeme

#endif  // MIMEME_ENGINE_ELASTIC_ENCODER_H_
