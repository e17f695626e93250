#include "model/session.h"

#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <cassert>
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

Error unsupported(std::string message) { return {ErrorCode::kUnsupported, std::move(message)}; }

const char* name_of(ElementType type) {
  return type == ElementType::kInt64 ? "int64" : type == ElementType::kUint8 ? "uint8" : "float32";
}

std::string to_text(const std::vector<int64_t>& shape) {
  std::string text;
  for (const int64_t n : shape)
    text += (text.empty() ? "" : "×") + (n < 0 ? "N" : std::to_string(n));
  return text.empty() ? "of no known shape" : text;
}

TensorInfo describe(const Ort::AllocatedStringPtr& name, const Ort::TypeInfo& type) {
  if (type.GetONNXType() != ONNX_TYPE_TENSOR) return {.name = name.get()};
  const auto tensor = type.GetTensorTypeAndShapeInfo();
  const auto element = tensor.GetElementType();
  return {.name = name.get(),
          .type = element == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT   ? ElementType::kFloat32
                  : element == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64 ? ElementType::kInt64
                  : element == ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8 ? ElementType::kUint8
                                                                   : ElementType::kOther,
          .shape = tensor.GetShape()};
}

// Whether `all` holds `wanted`, with no size fixed that it wants to vary.
Result<> check(const std::vector<TensorInfo>& all, const TensorInfo& wanted) {
  const auto has = std::find_if(all.begin(), all.end(),
                                [&](const TensorInfo& info) { return info.name == wanted.name; });
  if (has == all.end()) return unsupported("the graph has no `" + wanted.name + "`");
  if (has->type != wanted.type)
    return unsupported("`" + wanted.name + "` is not " + name_of(wanted.type));
  if (!std::equal(has->shape.begin(), has->shape.end(), wanted.shape.begin(), wanted.shape.end(),
                  [](int64_t a, int64_t b) { return a == -1 || a == b; }))
    return unsupported("`" + wanted.name + "` is " + to_text(has->shape) + ", its manifest needs " +
                       to_text(wanted.shape));
  return {};
}

Result<> check(const Ort::Session& session, const Signature& signature) {
  const Ort::AllocatorWithDefaultOptions allocator;
  std::vector<TensorInfo> inputs, outputs;
  for (size_t i = 0; i < session.GetInputCount(); ++i)
    inputs.push_back(
        describe(session.GetInputNameAllocated(i, allocator), session.GetInputTypeInfo(i)));
  for (size_t i = 0; i < session.GetOutputCount(); ++i)
    outputs.push_back(
        describe(session.GetOutputNameAllocated(i, allocator), session.GetOutputTypeInfo(i)));
  std::string names;
  for (const TensorInfo& input : signature.inputs) {
    TRY(check(inputs, input));
    names += (names.empty() ? "`" : ", `") + input.name + "`";
  }
  if (inputs.size() > signature.inputs.size())
    return unsupported("the graph has other inputs besides " + names);
  return check(outputs, signature.output);
}

}  // namespace

struct Session::State {
  Signature signature;
  Ort::Session session;
};

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}
Session::~Session() = default;

Result<std::unique_ptr<Session>> Session::open(const std::string& path, Signature signature,
                                               int threads) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    return Error{ErrorCode::kNotFound, path + ": no such file"};
  try {
    Ort::SessionOptions options;
    // ONNX Runtime's own default takes one thread on some virtual machines.
    const int all = static_cast<int>(std::thread::hardware_concurrency());
    options.SetIntraOpNumThreads(threads > 0 ? threads : all);
    options.SetGraphOptimizationLevel(ORT_ENABLE_ALL);
    Ort::Session session(environment(), path.c_str(), options);
    TRY(check(session, signature), path);
    return std::unique_ptr<Session>(
        new Session(std::make_unique<State>(std::move(signature), std::move(session))));
  } catch (const Ort::Exception& e) {
    return Error{ErrorCode::kCorrupt, path + ": not a model that can be run: " + e.what()};
  }
}

Result<> Session::run(const std::vector<TensorView>& inputs, std::span<float> output,
                      const std::vector<int64_t>& shape) const {
  assert(inputs.size() == state_->signature.inputs.size());
  try {
    const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    const auto wrap = [&]<typename T>(std::span<T> data, const std::vector<int64_t>& dims) {
      // What is fed is not written to, though its pointer must be one that could be.
      return Ort::Value::CreateTensor(memory, const_cast<std::remove_const_t<T>*>(data.data()),
                                      data.size(), dims.data(), dims.size());
    };
    std::vector<const char*> names;
    std::vector<Ort::Value> values;
    for (size_t i = 0; i < inputs.size(); ++i) {
      names.push_back(state_->signature.inputs[i].name.c_str());
      values.push_back(std::visit([&](const auto& data) { return wrap(data, inputs[i].shape); },
                                  inputs[i].data));
    }
    const char* out_name = state_->signature.output.name.c_str();
    Ort::Value out_value = wrap(output, shape);
    state_->session.Run(Ort::RunOptions(), names.data(), values.data(), values.size(), &out_name,
                        &out_value, 1);
    return {};
  } catch (const Ort::Exception& e) {
    return internal(e.what());
  }
}

}  // namespace mimeme
