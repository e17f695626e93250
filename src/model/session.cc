#include "model/session.h"

#include <onnxruntime_cxx_api.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

namespace mimeme {
namespace {

// Some builds of ONNX Runtime note what is run in ~/.cache/Microsoft, to be sent. Nothing of it is
// wanted, and it must be said before the first Env. Set before main(), while no thread reads the
// environment.
const int no_telemetry = setenv("ORT_DISABLE_TELEMETRY", "1", 1);

Ort::Env& environment() {
  static Ort::Env& env = []() -> Ort::Env& {
    // Its errors are ours to return; it would print them as well.
    static Ort::Env made(ORT_LOGGING_LEVEL_FATAL, "mimeme");
    made.DisableTelemetryEvents();
    return made;
  }();
  return env;
}

Error internal(const std::string& message) {
  return {ErrorCode::kInternal, "ONNX Runtime: " + message};
}

}  // namespace

struct Session::State {
  Ort::Session session{nullptr};
  std::vector<Io> inputs, outputs;
};

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}
Session::~Session() = default;

Result<std::unique_ptr<Session>> Session::open(const std::string& path, int threads) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    return Error{ErrorCode::kNotFound, path + ": no such file"};
  try {
    Ort::SessionOptions options;
    // ONNX Runtime's own default takes one thread on some virtual machines.
    const int all = static_cast<int>(std::thread::hardware_concurrency());
    options.SetIntraOpNumThreads(threads > 0 ? threads : all);
    options.SetGraphOptimizationLevel(ORT_ENABLE_ALL);
    auto state = std::make_unique<State>();
    state->session = Ort::Session(environment(), path.c_str(), options);

    const Ort::AllocatorWithDefaultOptions allocator;
    const Ort::Session& session = state->session;
    const auto describe = [](const Ort::AllocatedStringPtr& name, const Ort::TypeInfo& type) {
      if (type.GetONNXType() != ONNX_TYPE_TENSOR) return Io{name.get(), {}, false};
      const auto tensor = type.GetTensorTypeAndShapeInfo();
      return Io{name.get(), tensor.GetShape(),
                tensor.GetElementType() == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT};
    };
    for (size_t i = 0; i < session.GetInputCount(); ++i)
      state->inputs.push_back(
          describe(session.GetInputNameAllocated(i, allocator), session.GetInputTypeInfo(i)));
    for (size_t i = 0; i < session.GetOutputCount(); ++i)
      state->outputs.push_back(
          describe(session.GetOutputNameAllocated(i, allocator), session.GetOutputTypeInfo(i)));
    return std::unique_ptr<Session>(new Session(std::move(state)));
  } catch (const Ort::Exception& e) {
    return Error{ErrorCode::kCorrupt, path + ": not a model that can be run: " + e.what()};
  }
}

const std::vector<Session::Io>& Session::inputs() const { return state_->inputs; }
const std::vector<Session::Io>& Session::outputs() const { return state_->outputs; }

Result<> Session::run(const Io& input, const TensorView& in, const Io& output,
                      const TensorView& out) const {
  try {
    const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    const auto wrap = [&](const TensorView& view) {
      return Ort::Value::CreateTensor<float>(memory, view.data.data(), view.data.size(),
                                             view.shape.data(), view.shape.size());
    };
    const Ort::Value in_value = wrap(in);
    Ort::Value out_value = wrap(out);
    const char* in_name = input.name.c_str();
    const char* out_name = output.name.c_str();
    state_->session.Run(Ort::RunOptions(), &in_name, &in_value, 1, &out_name, &out_value, 1);
    return {};
  } catch (const Ort::Exception& e) {
    return internal(e.what());
  }
}

}  // namespace mimeme
