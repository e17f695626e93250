// What the engine knows of a model: an ONNX file and a manifest.json beside it (docs/models.md
// specifies the fields), and for a text model its vocabulary.
#ifndef MIMEME_MODEL_MANIFEST_H_
#define MIMEME_MODEL_MANIFEST_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mimeme {

// What models are for.
inline constexpr char kImageEmbedding[] = "image-embedding";
inline constexpr char kTextEmbedding[] = "text-embedding";

struct Manifest {
  std::string name;    // "inception-v3": letters, digits, '.', '_', '-'
  std::string task;    // kImageEmbedding or kTextEmbedding
  std::string file;    // absolute path of the ONNX file
  std::string sha256;  // of that file, hex, lower case
  int64_t bytes = 0;   // of that file
  std::string licence;
  std::string source;  // where the weights are from

  // An image model's input tensor, RGB. Floats: float32, N × 3 × height × width; a pixel p (0..255)
  // of channel c is fed as (p × scale − mean[c]) / std[c]. Bytes: uint8, N × height × width × 3,
  // fed as they are; scale, mean and std mean nothing.
  struct Input {
    std::string name;
    bool is_bytes = false;
    int width = 0;
    int height = 0;
    std::string fit;  // "stretch" or "crop" (shorter side to `resize`, then the middle)
    int resize = 0;
    double scale = 0;
    std::array<double, 3> mean{};
    std::array<double, 3> std{};
  } input;

  // A text model's input tensors: int64, N × T. T tokens each, and 1 for a token, 0 for padding.
  struct Text {
    std::string ids;
    std::string mask;
    std::string vocabulary;         // absolute path
    std::string vocabulary_sha256;  // of that file, hex, lower case
    int max_tokens = 0;             // of a text; the rest is cut off
  } text;

  // What a text model has that is one tower of a joint image–text model: its vectors are compared
  // with those of an image model.
  struct Joint {
    std::string with;          // that image model's name; empty: there is none
    float min_similarity = 0;  // cosines of text and image below say nothing
  } joint;

  // The output that is the embedding: float32, N × dim.
  std::string embedding;
  int dim = 0;

  // What may lie beside an image model (labels.h): a graph from embeddings, float32, N × dim, to
  // the probability of each class, float32, N × classes.
  struct Classifier {
    std::string file;    // absolute path
    std::string sha256;  // of that file, hex, lower case
    int64_t bytes = 0;   // of that file
    std::string input;
    std::string output;
    std::string labels;  // absolute path: line i, from 0, names class i
  };
  std::optional<Classifier> classifier;

  // Hex SHA-256 over all that decides what a vector means: the weights, the preprocessing, the
  // output. Two models with the same digest make the same vectors; vectors of different digests are
  // never compared.
  std::string digest() const;
};

// Reads a manifest; its files are taken as lying in the manifest's own folder. kNotFound if it
// cannot be opened; kCorrupt names the file and the field; kUnsupported: it is one of ocr.h's or
// objects.h's.
Result<Manifest> read_manifest(const std::string& path);

// Compares the files' sizes and SHA-256 with the manifest's. kNotFound; kCorrupt says which
// differs.
Result<> verify(const Manifest& manifest);

// The same, but for the SHA-256 of the ONNX file, which costs a read of it all, and for the
// classifier, without which an image model still makes vectors.
Result<> verify_quickly(const Manifest& manifest);
Result<> verify_quickly(const Manifest::Classifier& classifier);

// kUnsupported, and says so, if the model is for something else.
Result<> expect_task(const Manifest& manifest, std::string_view task);

// kUnsupported, and says why, if the vectors of `text` and `image` cannot be compared.
Result<> expect_joint(const Manifest& text, const Manifest& image);

}  // namespace mimeme

#endif  // MIMEME_MODEL_MANIFEST_H_
