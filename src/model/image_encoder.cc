#include "model/image_encoder.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <filesystem>

#include "model/session.h"

namespace mimeme {
namespace {

std::string to_text(const std::vector<int64_t>& shape) {
  std::string text;
  for (const int64_t n : shape)
    text += (text.empty() ? "" : "×") + (n < 0 ? "N" : std::to_string(n));
  return text.empty() ? "of no known shape" : text;
}

// The one of `all` called `name`, if it is float32, has the wanted shape (-1: any) and takes any
// batch size.
Result<Session::Io> pick(const std::vector<Session::Io>& all, const std::string& name,
                         const std::vector<int64_t>& wanted) {
  for (const Session::Io& io : all) {
    if (io.name != name) continue;
    if (!io.is_float32) return Error{ErrorCode::kUnsupported, "`" + name + "` is not float32"};
    const bool fits =
        io.shape.size() == wanted.size() && io.shape[0] == -1 &&
        std::equal(io.shape.begin() + 1, io.shape.end(), wanted.begin() + 1,
                   [](int64_t has, int64_t wants) { return has == -1 || has == wants; });
    if (fits) return io;
    return Error{ErrorCode::kUnsupported, "`" + name + "` is " + to_text(io.shape) +
                                              ", its manifest needs " + to_text(wanted)};
  }
  return Error{ErrorCode::kUnsupported, "the graph has no `" + name + "`"};
}

class OnnxImageEncoder : public ImageEncoder {
 public:
  OnnxImageEncoder(Manifest manifest, std::unique_ptr<Session> session, Session::Io input,
                   Session::Io output)
      : manifest_(std::move(manifest)),
        session_(std::move(session)),
        input_(std::move(input)),
        output_(std::move(output)) {
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
    std::vector<float> planes(n * 3 * area);
    for (size_t i = 0; i < n; ++i)
      for (size_t c = 0; c < 3; ++c) {
        const uint8_t* from = rgb.data() + i * 3 * area + c;
        float* to = planes.data() + (i * 3 + c) * area;
        for (size_t p = 0; p < area; ++p) to[p] = value_of_[c][from[3 * p]];
      }
    std::vector<float> embedding(n * static_cast<size_t>(manifest_.dim));
    const auto batch = static_cast<int64_t>(n);
    TRY(session_->run(input_, {planes, {batch, 3, height, width}}, output_,
                      {embedding, {batch, manifest_.dim}}),
        manifest_.name);
    if (!std::all_of(embedding.begin(), embedding.end(),
                     [](float v) { return std::abs(v) <= 65504; }))
      return Error{ErrorCode::kInternal,
                   manifest_.name + " gave values that half precision cannot hold"};
    return embedding;
  }

 private:
  const Manifest manifest_;
  const std::unique_ptr<Session> session_;
  const Session::Io input_, output_;
  std::array<std::array<float, 256>, 3> value_of_;  // of each channel's byte, as the model wants it
};

}  // namespace

Result<std::unique_ptr<ImageEncoder>> open_image_encoder(const Manifest& manifest,
                                                         const EncoderOptions& options) {
  if (manifest.task != "image-embedding")
    return Error{ErrorCode::kUnsupported,
                 manifest.name + " is for " + manifest.task + ", not for image-embedding"};
  std::error_code error;
  if (static_cast<int64_t>(std::filesystem::file_size(manifest.file, error)) != manifest.bytes ||
      error) {
    TRY(verify(manifest));
  }
  auto session = TRY(Session::open(manifest.file, options.threads));
  Session::Io input = TRY(pick(session->inputs(), manifest.input.name,
                               {-1, 3, manifest.input.height, manifest.input.width}),
                          manifest.file);
  if (session->inputs().size() > 1)
    return Error{ErrorCode::kUnsupported,
                 manifest.file + ": the graph has other inputs besides `" + input.name + "`"};
  Session::Io output =
      TRY(pick(session->outputs(), manifest.embedding, {-1, manifest.dim}), manifest.file);
  return std::unique_ptr<ImageEncoder>(
      new OnnxImageEncoder(manifest, std::move(session), std::move(input), std::move(output)));
}

}  // namespace mimeme
