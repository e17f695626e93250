#include "model/registry.h"

#include <algorithm>
#include <filesystem>
#include <set>

namespace mimeme {
namespace fs = std::filesystem;
namespace {

// In order of name: which of two folders that hold a model of one name wins must not depend on the
// disk. A hidden folder is a copy that add() did not finish.
std::set<fs::path> manifests_below(const fs::path& folder) {
  std::set<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const fs::path path = entry->path() / "manifest.json";
    std::error_code ignored;
    if (entry->path().filename().string().front() != '.' && fs::exists(path, ignored))
      found.insert(path);
  }
  return found;
}

}  // namespace

Registry::Listing Registry::list() const {
  Listing listing;
  for (const std::string& folder : folders_) {
    for (const fs::path& path : manifests_below(folder)) {
      auto manifest = read_manifest(path);
      if (!manifest) {
        // These are for ocr.h and objects.h to open; they make no vectors.
        if (manifest.error().code == ErrorCode::kUnsupported) continue;
        listing.broken.push_back(manifest.error());
        continue;
      }
      const bool hidden = std::any_of(listing.models.begin(), listing.models.end(),
                                      [&](const Manifest& m) { return m.name == manifest->name; });
      if (!hidden) listing.models.push_back(*std::move(manifest));
    }
  }
  std::sort(listing.models.begin(), listing.models.end(),
            [](const Manifest& a, const Manifest& b) { return a.name < b.name; });
  return listing;
}

Result<Manifest> Registry::find(const std::string& name, std::string_view task) const {
  const Listing listing = list();
  std::string names;
  for (const Manifest& manifest : listing.models) {
    if (manifest.name == name) {
      if (!task.empty()) TRY(expect_task(manifest, task));
      return manifest;
    }
    names += (names.empty() ? "" : ", ") + manifest.name;
  }
  std::string looked_in, broken;
  for (const Error& error : listing.broken) broken += "; broken: " + error.message;
  for (const std::string& folder : folders_) looked_in += (looked_in.empty() ? "" : ", ") + folder;
  return Error{ErrorCode::kNotFound, "no model is called \"" + name + "\"; there " +
                                         (names.empty() ? "is none" : "are: " + names) +
                                         " (looked in " + looked_in + ")" + broken};
}

Result<Manifest> Registry::find_joint(const Manifest& image) const {
  for (const Manifest& manifest : list().models) {
    if (manifest.joint.with != image.name) continue;
    TRY(expect_joint(manifest, image));
    return manifest;
  }
  return Error{ErrorCode::kNotFound, "no text model is joint with " + image.name};
}

Result<std::string> Registry::manifest_path(const std::string& name) const {
  for (const std::string& folder : folders_) {
    const fs::path path = fs::path(folder) / name / "manifest.json";
    std::error_code ignored;
    if (fs::exists(path, ignored)) return path.string();
  }
  return Error{ErrorCode::kNotFound, "no model is called \"" + name + "\""};
}

Result<Manifest> Registry::add(const std::string& onnx_file,
                               const std::string& manifest_file) const {
  Manifest manifest = TRY(read_manifest(manifest_file));
  const fs::path target = fs::path(folders_.front()) / manifest.name;
  const std::string file_name = fs::path(manifest.file).filename();
  manifest.file = onnx_file;
  TRY(verify(manifest));
  std::error_code error;
  if (fs::exists(target, error))
    return Error{ErrorCode::kInvalidArgument,
                 "a model called \"" + manifest.name + "\" is there already: " + target.string()};
  // The folder appears under its name only once its files are whole; no model's name begins with a
  // dot.
  const fs::path partial = target.parent_path() / ("." + manifest.name + ".partial");
  fs::remove_all(partial, error);
  fs::create_directories(partial, error);
  if (!error) fs::copy_file(onnx_file, partial / file_name, error);
  std::vector<fs::path> beside;
  if (manifest.classifier) beside = {manifest.classifier->file, manifest.classifier->labels};
  if (manifest.task == kTextEmbedding) beside = {manifest.text.vocabulary};
  for (const fs::path& path : beside)
    if (!error) fs::copy_file(path, partial / path.filename(), error);
  if (!error) fs::copy_file(manifest_file, partial / "manifest.json", error);
  if (!error) fs::rename(partial, target, error);
  if (error) {
    std::error_code ignored;
    fs::remove_all(partial, ignored);
    return Error{ErrorCode::kIo, target.string() + ": " + error.message()};
  }
  return read_manifest(target / "manifest.json");
}

}  // namespace mimeme
