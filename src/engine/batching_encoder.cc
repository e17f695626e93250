#include "engine/batching_encoder.h"

#include <exception>
#include <utility>

namespace mimeme {
namespace {

constexpr size_t kQueue = 256;  // callers; more wait to be let in

}  // namespace

BatchingEncoder::BatchingEncoder(std::unique_ptr<ImageEncoder> encoder, size_t max_batch)
    : encoder_(std::move(encoder)),
      max_batch_(max_batch),
      queue_(kQueue),
      thread_([this] { run(); }) {}

BatchingEncoder::~BatchingEncoder() { queue_.close(); }

Result<std::vector<float>> BatchingEncoder::encode(std::span<const uint8_t> rgb) const {
  Waiting waiting{.rgb = rgb, .embeddings = {}};
  auto embeddings = waiting.embeddings.get_future();
  queue_.push(&waiting);
  return embeddings.get();
}

void BatchingEncoder::run() {
  for (;;) {
    const std::vector<Waiting*> batch = queue_.pop_some(max_batch_);
    if (batch.empty()) return;
    encode(batch);
  }
}

void BatchingEncoder::encode(std::span<Waiting* const> batch) const {
  std::vector<uint8_t> rgb;
  for (const Waiting* one : batch) rgb.insert(rgb.end(), one->rgb.begin(), one->rgb.end());
  const Embeddings all = [&]() -> Embeddings {
    try {
      return encoder_->encode(batch.size() == 1 ? batch[0]->rgb : rgb);
    } catch (const std::exception& e) {
      return Error{ErrorCode::kInternal, e.what()};
    }
  }();
  if (!all && batch.size() > 1) {  // one bad picture fails alone
    for (size_t i = 0; i < batch.size(); ++i) encode(batch.subspan(i, 1));
    return;
  }
  // Once its promise is kept, a caller may be gone, and its Waiting with it.
  size_t row = 0;
  for (Waiting* one : batch) {
    if (!all) {
      one->embeddings.set_value(all.error());
      continue;
    }
    const size_t floats =
        all->size() * one->rgb.size() / (batch.size() == 1 ? one->rgb.size() : rgb.size());
    const auto first = all->begin() + static_cast<ptrdiff_t>(row);
    row += floats;
    one->embeddings.set_value(std::vector<float>(first, first + static_cast<ptrdiff_t>(floats)));
  }
}

}  // namespace mimeme
