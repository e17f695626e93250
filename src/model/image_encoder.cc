#include "model/image_encoder.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>

#include "model/session.h"

namespace mimeme {
namespace {

class OnnxImageEncoder : public ImageEncoder {
 public:
  OnnxImageEncoder(Manifest manifest, std::unique_ptr<Session> session)
      : manifest_(std::move(manifest)), session_(std::move(session)) {
    const auto& in = manifest_.input;
    for (size_t c = 0; c < 3; ++c)
      for (size_t p = 0; p < 256; ++p)
        value_of_[c][p] =
            static_cast<float>((static_cast<double>(p) * in.scale - in.mean[c]) / in.std[c]);
  }

  const Manifest& manifest() const override { return manifest_; }

  Result<std::vector<float>> encode(std::span<const uint8_t> rgb) const override {
    const int64_t height = manifest_.input.height, width = manifest_.input.width;
    const auto area = static_cast<size_t>(height * width);
    assert(!rgb.empty() && rgb.size() % (3 * area) == 0);
    const size_t n = rgb.size() / (3 * area);
    const auto batch = static_cast<int64_t>(n);
    std::vector<float> planes;  // if the model takes floats
    TensorView input{rgb, {batch, height, width, 3}};
    if (!manifest_.input.is_bytes) {
      planes.resize(n * 3 * area);
      for (size_t i = 0; i < n; ++i)
        for (size_t c = 0; c < 3; ++c) {
          const uint8_t* from = rgb.data() + i * 3 * area + c;
          float* to = planes.data() + (i * 3 + c) * area;
          for (size_t p = 0; p < area; ++p) to[p] = value_of_[c][from[3 * p]];
        }
      input = {std::span<const float>(planes), {batch, 3, height, width}};
    }
    std::vector<float> embedding(n * static_cast<size_t>(manifest_.dim));
    TRY(session_->run({std::move(input)}, embedding, {batch, manifest_.dim}), manifest_.name);
    if (!std::all_of(embedding.begin(), embedding.end(),
                     [](float v) { return std::abs(v) <= 65504; }))
      return Error{ErrorCode::kInternal,
                   manifest_.name + " gave values that half precision cannot hold"};
    return embedding;
  }

 private:
  const Manifest manifest_;
  const std::unique_ptr<Session> session_;
  std::array<std::array<float, 256>, 3> value_of_;  // of each channel's byte, as the model wants it
};

}  // namespace

Result<std::unique_ptr<ImageEncoder>> open_image_encoder(const Manifest& manifest,
                                                         const EncoderOptions& options) {
  TRY(expect_task(manifest, kImageEmbedding));
  TRY(verify_quickly(manifest));
  const Manifest::Input& in = manifest.input;
  const TensorInfo input =
      in.is_bytes ? TensorInfo{in.name, ElementType::kUint8, {-1, in.height, in.width, 3}}
                  : TensorInfo{in.name, ElementType::kFloat32, {-1, 3, in.height, in.width}};
  auto session =
      TRY(Session::open(manifest.file,
                        {.inputs = {input},
                         .output = {manifest.embedding, ElementType::kFloat32, {-1, manifest.dim}}},
                        options.threads));
  return std::unique_ptr<ImageEncoder>(new OnnxImageEncoder(manifest, std::move(session)));
}

}  // namespace mimeme
