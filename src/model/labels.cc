#include "model/labels.h"

#include <algorithm>
#include <cassert>
#include <fstream>
#include <utility>

#include "core/sha256.h"
#include "model/kinds.h"
#include "model/session.h"

namespace mimeme {
namespace {

// What the classes of a word must add up to. On half of the stamps 0.60 keeps nine labels of ten
// right; this is a step more, and the other half agrees (docs/decisions/0008-labels.md).
constexpr float kSure = 0.65F;

// Pictures in one run: enough that the weights are read once for many, and 64 × 1001 floats are
// little.
constexpr size_t kBatch = 64;

class ImageNetLabeller : public Labeller {
 public:
  ImageNetLabeller(std::unique_ptr<Session> session, std::vector<Kind> kinds, size_t dim,
                   size_t classes, std::string digest)
      : session_(std::move(session)),
        kinds_(std::move(kinds)),
        dim_(dim),
        classes_(classes),
        digest_(std::move(digest)) {}

  const std::string& digest() const override { return digest_; }

  Result<std::vector<std::vector<Label>>> label(std::span<const float> embeddings) const override {
    assert(embeddings.size() % dim_ == 0);
    std::vector<std::vector<Label>> all;
    all.reserve(embeddings.size() / dim_);
    while (!embeddings.empty()) {
      const size_t n = std::min(kBatch, embeddings.size() / dim_);
      const auto batch = embeddings.first(n * dim_);
      std::vector<float> out(n * classes_);
      const auto rows = static_cast<int64_t>(n);
      TRY(session_->run({{batch, {rows, static_cast<int64_t>(dim_)}}}, out,
                        {rows, static_cast<int64_t>(classes_)}));
      for (size_t i = 0; i < n; ++i)
        all.push_back(name(std::span<const float>(out).subspan(i * classes_, classes_)));
      embeddings = embeddings.subspan(n * dim_);
    }
    return all;
  }

 private:
  std::vector<Label> name(std::span<const float> probabilities) const {
    std::vector<Label> labels;
    for (const Kind& kind : kinds_) {
      float sum = 0;
      for (const size_t c : kind.classes) sum += probabilities[c];
      if (sum >= kSure) labels.push_back({kind.name, std::min(sum, 1.0F)});
    }
    return labels;
  }

  const std::unique_ptr<Session> session_;
  const std::vector<Kind> kinds_;
  const size_t dim_, classes_;
  const std::string digest_;
};

Result<std::vector<std::string>> read_lines(const std::string& path) {
  std::ifstream in(path);
  if (!in) return Error{ErrorCode::kNotFound, path + ": cannot be opened"};
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace

Result<std::unique_ptr<Labeller>> open_labeller(const Manifest& image_model, int threads) {
  if (!image_model.classifier)
    return Error{ErrorCode::kNotFound, image_model.name + " has no classifier"};
  const Manifest::Classifier& classifier = *image_model.classifier;
  TRY(verify_quickly(classifier));
  const std::vector<std::string> labels = TRY(read_lines(classifier.labels));
  std::vector<Kind> kinds = TRY(parse_kinds(kind_table(), labels), classifier.labels);
  std::sort(kinds.begin(), kinds.end(), [](const Kind& a, const Kind& b) {
    return std::pair(a.classes.size(), a.name) < std::pair(b.classes.size(), b.name);
  });
  const auto classes = static_cast<int64_t>(labels.size());
  auto session = TRY(
      Session::open(classifier.file,
                    {.inputs = {{classifier.input, ElementType::kFloat32, {-1, image_model.dim}}},
                     .output = {classifier.output, ElementType::kFloat32, {-1, classes}}},
                    threads));
  std::string all = classifier.sha256 + '|' + std::to_string(kSure) + '|';
  for (const std::string& label : labels) all += label + '\n';
  all += kind_table();
  return std::unique_ptr<Labeller>(new ImageNetLabeller(
      std::move(session), std::move(kinds), static_cast<size_t>(image_model.dim), labels.size(),
      to_hex(sha256(all.data(), all.size()))));
}

}  // namespace mimeme
