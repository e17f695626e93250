#include "model/text_encoder.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>
#include <sstream>

#include "model/session.h"
#include "model/tokenizer.h"

namespace mimeme {
namespace {

// Of one run, padding included: fewer are slower a token (16 by a half, 128 by a twentieth), more
// only need more memory.
constexpr size_t kBatchTokens = 512;

class OnnxTextEncoder : public TextEncoder {
 public:
  OnnxTextEncoder(Manifest manifest, std::unique_ptr<const Tokenizer> tokenizer,
                  std::unique_ptr<Session> session)
      : manifest_(std::move(manifest)),
        tokenizer_(std::move(tokenizer)),
        session_(std::move(session)) {}

  const Manifest& manifest() const override { return manifest_; }

  Result<std::vector<float>> encode(std::span<const std::string> texts) const override {
    std::vector<std::vector<int64_t>> tokens;
    tokens.reserve(texts.size());
    for (const std::string& text : texts)
      tokens.push_back(tokenizer_->encode(text, static_cast<size_t>(manifest_.text.max_tokens)));
    // Shorter texts first, so that those of a batch need little padding.
    std::vector<size_t> order(texts.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(),
              [&](size_t a, size_t b) { return tokens[a].size() < tokens[b].size(); });

    std::vector<float> all(texts.size() * dim());
    for (size_t done = 0; done < order.size();) {
      size_t n = 1;
      while (done + n < order.size() && (n + 1) * tokens[order[done + n]].size() <= kBatchTokens)
        ++n;
      const auto batch = std::span(order).subspan(done, n);
      const std::vector<float> rows = TRY(run(tokens, batch), manifest_.name);
      for (size_t i = 0; i < n; ++i)
        std::copy_n(rows.begin() + static_cast<ptrdiff_t>(i * dim()), dim(),
                    all.begin() + static_cast<ptrdiff_t>(batch[i] * dim()));
      done += n;
    }
    return all;
  }

 private:
  size_t dim() const { return static_cast<size_t>(manifest_.dim); }

  // The vectors of those `tokens` that `batch` picks; the last of them is the longest.
  Result<std::vector<float>> run(const std::vector<std::vector<int64_t>>& tokens,
                                 std::span<const size_t> batch) const {
    const size_t n = batch.size(), longest = tokens[batch.back()].size();
    std::vector<int64_t> ids(n * longest), mask(n * longest);
    for (size_t i = 0; i < n; ++i) {
      const std::vector<int64_t>& from = tokens[batch[i]];
      const auto at = static_cast<ptrdiff_t>(i * longest);
      std::copy(from.begin(), from.end(), ids.begin() + at);
      std::fill_n(mask.begin() + at, from.size(), 1);
    }
    std::vector<float> rows(n * dim());
    const std::vector<int64_t> shape{static_cast<int64_t>(n), static_cast<int64_t>(longest)};
    TRY(session_->run({{ids, shape}, {mask, shape}}, rows, {shape[0], manifest_.dim}));
    if (!std::all_of(rows.begin(), rows.end(), [](float v) { return std::isfinite(v); }))
      return Error{ErrorCode::kInternal, "values that are not finite"};
    return rows;
  }

  const Manifest manifest_;
  const std::unique_ptr<const Tokenizer> tokenizer_;
  const std::unique_ptr<Session> session_;
};

}  // namespace

Result<std::unique_ptr<TextEncoder>> open_text_encoder(const Manifest& manifest,
                                                       const EncoderOptions& options) {
  TRY(expect_task(manifest, kTextEmbedding));
  TRY(verify_quickly(manifest));
  const auto& [ids, mask, vocabulary, vocabulary_sha256, max_tokens] = manifest.text;
  std::ostringstream tokens;
  tokens << std::ifstream(vocabulary, std::ios::binary).rdbuf();
  auto tokenizer = TRY(Tokenizer::parse(tokens.str()), vocabulary);
  auto session = TRY(Session::open(
      manifest.file,
      {.inputs = {{ids, ElementType::kInt64, {-1, -1}}, {mask, ElementType::kInt64, {-1, -1}}},
       .output = {manifest.embedding, ElementType::kFloat32, {-1, manifest.dim}}},
      options.threads));
  return std::unique_ptr<TextEncoder>(
      new OnnxTextEncoder(manifest, std::move(tokenizer), std::move(session)));
}

}  // namespace mimeme
