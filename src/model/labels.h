// Says in everyday words what a picture shows, from the embedding that is kept of it.
#ifndef MIMEME_MODEL_LABELS_H_
#define MIMEME_MODEL_LABELS_H_

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/manifest.h"

namespace mimeme {

struct Label {
  std::string name;      // lower case, singular: "golden retriever", "dog"
  float confidence = 0;  // 0..1
};

// An interface because engine's tests have no weights. Thread-safe: label() may be called from any
// number of threads at once, without a lock between them.
class Labeller {
 public:
  virtual ~Labeller() = default;

  // Hex SHA-256 over all that decides the labels: weights, names, words, threshold. Labels of
  // another digest are out of date.
  virtual const std::string& digest() const = 0;

  // embeddings: n × dim floats, raw, as the encoder of the same manifest gives them (half floats
  // lose nothing). Returns the labels of each: sure ones only, so often none; the narrower a word,
  // the earlier it comes. kInternal if the model fails.
  virtual Result<std::vector<std::vector<Label>>> label(
      std::span<const float> embeddings) const = 0;
};

// ImageNet's classes, added up to some 300 words (docs/decisions/0008-labels.md has what is right
// and how often), by the classifier that the image model's manifest names. `threads`: inside one
// label(); 0: all cores. kNotFound if the manifest names none, or a file is missing; kCorrupt if
// its size is not right; kUnsupported if the graph does not fit or the labels are not ImageNet's.
Result<std::unique_ptr<Labeller>> open_labeller(const Manifest& image_model, int threads);

}  // namespace mimeme

#endif  // MIMEME_MODEL_LABELS_H_
