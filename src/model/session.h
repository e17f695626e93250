// An ONNX graph, loaded and ready to run on the CPU. For model/; bench/ measures it.
#ifndef MIMEME_MODEL_SESSION_H_
#define MIMEME_MODEL_SESSION_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace mimeme {

// A float32 tensor that belongs to somebody else.
struct TensorView {
  std::span<float> data;
  std::vector<int64_t> shape;
};

class Session {
 public:
  struct Io {
    std::string name;
    std::vector<int64_t> shape;  // -1: any
    bool is_float32 = false;
  };

  // kNotFound; kCorrupt if it is not an ONNX graph that this build can run.
  static Result<std::unique_ptr<Session>> open(const std::string& path, int threads);
  ~Session();

  const std::vector<Io>& inputs() const;
  const std::vector<Io>& outputs() const;

  // Runs one input to one output; the output is written where `output.data` lies. Thread-safe,
  // without a lock.
  Result<> run(const Io& input, const TensorView& in, const Io& output,
               const TensorView& out) const;

 private:
  struct State;
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace mimeme

#endif  // MIMEME_MODEL_SESSION_H_
