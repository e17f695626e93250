#include "model/picture_network.h"

#include <cassert>
#include <fstream>
#include <sstream>
#include <utility>

namespace mimeme {

Result<Json> read_network_manifest(const std::string& path, std::string_view task) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return Error{ErrorCode::kNotFound, path + ": cannot be opened"};
  std::ostringstream text;
  text << in.rdbuf();
  Json json = TRY(Json::parse(text.str()), path);
  if (TRY(json.get_integer("format"), path) != 1 || TRY(json.get_string("task"), path) != task)
    return Error{ErrorCode::kUnsupported,
                 path + ": not a format 1 manifest for " + std::string(task)};
  return json;
}

Result<PictureNetwork> PictureNetwork::open(const Json& json, const std::filesystem::path& folder,
                                            const Shapes& shapes, int threads) {
  const std::string path = folder / TRY(json.get_string("file"));
  const int64_t bytes = TRY(json.get_integer("bytes"));
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (!error && std::cmp_not_equal(size, bytes))
    return Error{ErrorCode::kCorrupt, path + ": has " + std::to_string(size) +
                                          " bytes, its manifest says " + std::to_string(bytes)};
  PictureNetwork network;
  const Json& input = json["input"];
  network.session_ = TRY(Session::open(
      path,
      {.inputs = {{TRY(input.get_string("name")), ElementType::kFloat32, shapes.input}},
       .output = {TRY(json["output"].get_string("name")), ElementType::kFloat32, shapes.output}},
      threads));

  const std::string colour = TRY(input.get_string("colour"));
  const double scale = TRY(input.get_number("scale"));
  const std::vector<double> mean = TRY(input.get_numbers("mean"));
  const std::vector<double> std = TRY(input.get_numbers("std"));
  if ((colour != "RGB" && colour != "BGR") || mean.size() != 3 || std.size() != 3)
    return Error{ErrorCode::kCorrupt, "`colour` must be RGB or BGR, `mean` and `std` 3 numbers"};
  for (size_t c = 0; c < 3; ++c) {
    Plane& plane = network.planes_[c];
    plane.byte = colour == "BGR" ? 2 - c : c;
    for (size_t p = 0; p < 256; ++p)
      plane.values[p] = static_cast<float>((static_cast<double>(p) * scale - mean[c]) / std[c]);
  }
  return network;
}

Result<std::vector<float>> PictureNetwork::run(std::span<const uint8_t> rgb, int height, int width,
                                               const std::vector<int64_t>& shape) const {
  const auto area = static_cast<size_t>(height) * static_cast<size_t>(width);
  assert(rgb.size() == 3 * area);
  std::vector<float> in(3 * area);
  float* to = in.data();
  for (const Plane& plane : planes_)
    for (size_t p = 0; p < area; ++p) *to++ = plane.values[rgb[3 * p + plane.byte]];
  size_t size = 1;
  for (const int64_t n : shape) size *= static_cast<size_t>(n);
  std::vector<float> out(size);
  TRY(session_->run({{in, {1, 3, height, width}}}, out, shape));
  return out;
}

}  // namespace mimeme
