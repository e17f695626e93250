// An ONNX graph, loaded and ready to run on the CPU. For model/; bench/ measures it.
#ifndef MIMEME_MODEL_SESSION_H_
#define MIMEME_MODEL_SESSION_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"

namespace mimeme {

enum class ElementType { kFloat32, kInt64, kUint8, kOther };

// An input or output of a graph.
struct TensorInfo {
  std::string name;
  ElementType type = ElementType::kOther;
  std::vector<int64_t> shape;  // -1: any
};

// A tensor to be fed, which belongs to somebody else.
struct TensorView {
  std::variant<std::span<const float>, std::span<const int64_t>, std::span<const uint8_t>> data;
  std::vector<int64_t> shape;
};

// What a caller feeds and reads. A graph with further outputs will do.
struct Signature {
  std::vector<TensorInfo> inputs;
  TensorInfo output;
};

class Session {
 public:
  // kNotFound; kCorrupt if it is not an ONNX graph that this build can run; kUnsupported, saying
  // how, if it does not fit the signature.
  static Result<std::unique_ptr<Session>> open(const std::string& path, Signature signature,
                                               int threads);
  ~Session();

  // Takes the inputs in the signature's order; writes the output, floats of `shape`, to `output`.
  // Thread-safe, without a lock. Neither is copied.
  Result<> run(const std::vector<TensorView>& inputs, std::span<float> output,
               const std::vector<int64_t>& shape) const;

 private:
  struct State;
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace mimeme

#endif  // MIMEME_MODEL_SESSION_H_
