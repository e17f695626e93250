// One encoder for all who ask at the same time: pictures that come while it is busy wait, and go in
// one inference. So one picture alone has all cores, and many do not fight over them.
#ifndef MIMEME_ENGINE_BATCHING_ENCODER_H_
#define MIMEME_ENGINE_BATCHING_ENCODER_H_

#include <cstddef>
#include <future>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "base/bounded_queue.h"
#include "model/image_encoder.h"

namespace mimeme {

// encode() waits for a thread of its own, which does all inference.
class BatchingEncoder : public ImageEncoder {
 public:
  // max_batch: pictures in one inference, as callers gave them.
  BatchingEncoder(std::unique_ptr<ImageEncoder> encoder, size_t max_batch);
  ~BatchingEncoder() override;  // REQUIRES: nobody waits.

  const Manifest& manifest() const override { return encoder_->manifest(); }
  Result<std::vector<float>> encode(std::span<const uint8_t> rgb) const override;

 private:
  using Embeddings = Result<std::vector<float>>;
  struct Waiting {
    std::span<const uint8_t> rgb;
    std::promise<Embeddings> embeddings;
  };

  void run();
  void encode(std::span<Waiting* const> batch) const;

  const std::unique_ptr<ImageEncoder> encoder_;
  const size_t max_batch_;
  mutable BoundedQueue<Waiting*> queue_;
  std::jthread thread_;
};

}  // namespace mimeme

#endif  // MIMEME_ENGINE_BATCHING_ENCODER_H_
