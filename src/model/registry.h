// Which models there are: every <folder>/<name>/manifest.json below a list of folders. The first
// folder is the user's own, where add() puts models; an earlier folder's model hides a later one's
// of the same name. Plain data; not thread-safe while add() runs.
#ifndef MIMEME_MODEL_REGISTRY_H_
#define MIMEME_MODEL_REGISTRY_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/manifest.h"

namespace mimeme {

class Registry {
 public:
  explicit Registry(std::vector<std::string> folders) : folders_(std::move(folders)) {}

  // By name. A folder that is not there holds nothing; a manifest that cannot be read is in
  // `broken`; ocr.h's are left out.
  struct Listing {
    std::vector<Manifest> models;
    std::vector<Error> broken;
  };
  Listing list() const;

  // kNotFound names the models there are; kUnsupported if it is not for the `task`, where one is
  // given.
  Result<Manifest> find(const std::string& name, std::string_view task = {}) const;

  // The text model that is joint with an image model; of several, the first by name. kNotFound;
  // kUnsupported as expect_joint.
  Result<Manifest> find_joint(const Manifest& image) const;

  // Of a model of whatever task. kNotFound.
  Result<std::string> manifest_path(const std::string& name) const;

  // Copies an ONNX file, checksum verified, and its manifest into the user's folder, under the
  // manifest's name and `file`; with them what else the manifest names, which lies beside it.
  // kCorrupt if the checksum differs; kInvalidArgument if the name is taken; kIo.
  Result<Manifest> add(const std::string& onnx_file, const std::string& manifest_file) const;

 private:
  std::vector<std::string> folders_;
};

}  // namespace mimeme

#endif  // MIMEME_MODEL_REGISTRY_H_
