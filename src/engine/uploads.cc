#include "engine/uploads.h"

#include <sys/stat.h>

#include <filesystem>
#include <set>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "base/utf8.h"
#include "core/half.h"
#include "core/sha256.h"
#include "engine/categories.h"
#include "media/scan.h"

namespace mimeme {
namespace fs = std::filesystem;
namespace {

constexpr size_t kMaxName = 200;  // bytes; file systems take 255, and a temporary name is longer

// As the scan will see it, so that it does not read the file again.
int64_t mtime_of(const std::string& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) return 0;
  return mtime_ns(info);
}

// The file, and its folder if that is empty now: the user may have put others beside it.
void drop(const std::string& path) {
  std::error_code ignored;
  fs::remove(path, ignored);
  fs::remove(fs::path(path).parent_path(), ignored);
}

}  // namespace

Uploads::Uploads(Library& library, const DecodeLimits& limits)
    : library_(library), limits_(limits), directory_(library.uploads()) {}

std::string upload_name(const std::string& name, const std::string& format) {
  std::string clean;
  for (const char c : mend_utf8(name.substr(name.find_last_of("/\\") + 1)))
    if (static_cast<unsigned char>(c) >= ' ' && c != 0x7F) clean += c;
  const size_t first = clean.find_first_not_of(". ");
  clean = first == std::string::npos ? "picture" : clean.substr(first);
  std::string ending = fs::path(clean).extension();
  if (ending.empty() || ending.size() > 8) ending = "." + format;
  std::string stem =
      clean.ends_with(ending) ? clean.substr(0, clean.size() - ending.size()) : clean;
  if (stem.size() > kMaxName) {
    size_t end = kMaxName;
    while (end > 0 && continues_character(stem[end])) --end;  // no half a letter
    stem.resize(end);
  }
  return stem + ending;
}

Result<Uploaded> Uploads::add(const std::string& name, std::span<const uint8_t> bytes,
                              const ImageEncoder& encoder) {
  Catalog& catalog = library_.catalog();
  const Manifest& manifest = encoder.manifest();
  if (TRY(library_.model()).digest() != manifest.digest())
    return Error{ErrorCode::kConflict, "the library has got another model: start the server again"};
  const ModelId model = TRY(catalog.register_model(
      {.name = manifest.name, .digest = manifest.digest(), .dim = manifest.dim}));
  const Sha256 sha = sha256(bytes.data(), bytes.size());
  if (const auto known = TRY(catalog.find_embedded(sha, model)))
    return Uploaded{.id = *known, .is_new = false};

  Decoded decoded = TRY(decode(bytes, decode_target(manifest), limits_));
  Pending mine{.result = {.path = directory_ + '/' + to_hex(sha).substr(0, 16) + '/' +
                                  upload_name(name, decoded.info.format),
                          .size = static_cast<int64_t>(bytes.size()),
                          .sha256 = sha,
                          .info = std::move(decoded.info),
                          .embedding = to_half(TRY(encoder.encode(decoded.rgb)))},
               .bytes = bytes};
  {
    Lock lock(pending_mu_);
    pending_.push_back(&mine);
  }
  // Whoever gets here first commits for all who wait by then.
  Lock turn(commit_mu_);
  if (!mine.done) {
    std::vector<Pending*> batch;
    {
      Lock lock(pending_mu_);
      batch.swap(pending_);
    }
    const Result<> stored = store(batch, model);
    for (Pending* one : batch) {
      if (!stored && !one->outcome) one->outcome = stored.error();
      one->done = true;
    }
  }
  return *mine.outcome;
}

Result<> Uploads::store(std::span<Pending* const> batch, ModelId model) {
  Catalog& catalog = library_.catalog();
  const int64_t words_before = TRY(catalog.text_seq());
  if (!TRY(catalog.active_model())) TRY(catalog.set_active_model(model));
  TRY(catalog.add_root(directory_));
  std::vector<IngestResult> results;
  std::vector<std::string> made;  // files that were not there before
  std::set<Sha256> written;
  for (Pending* one : batch) {
    IngestResult& result = one->result;
    if (written.contains(result.sha256)) continue;  // the same picture, sent twice at once
    const auto known = catalog.find_embedded(result.sha256, model);
    if (!known)
      one->outcome = known.error();
    else if (*known)
      one->outcome = Uploaded{.id = **known, .is_new = false};
    if (one->outcome) continue;
    std::error_code ignored;
    const bool was_there = fs::exists(result.path, ignored);
    const auto done = write_file(result.path, one->bytes, Durability::kTruth);
    if (!done) {
      if (!was_there) drop(result.path);
      one->outcome = done.error();
      continue;
    }
    if (!was_there) made.push_back(result.path);
    result.mtime_ns = mtime_of(result.path);
    results.push_back(result);
    written.insert(result.sha256);
    one->is_new = true;
  }
  if (results.empty()) return {};
  if (const auto committed = catalog.commit(results, model); !committed) {
    for (const std::string& path : made) drop(path);
    return committed;
  }
  for (Pending* one : batch) {
    if (one->outcome) continue;
    const auto id = catalog.find_embedded(one->result.sha256, model);
    if (!id)
      one->outcome = id.error();
    else if (!*id)
      one->outcome = Error{ErrorCode::kNotFound, "the image was taken out again at once"};
    else
      one->outcome = Uploaded{.id = **id, .is_new = one->is_new};
  }
  // They are stored, whatever comes now.
  if (const auto derived = derive(words_before); !derived)
    log(LogLevel::kWarning,
        "pictures were stored, but cannot be found yet: " + derived.error().message);
  return {};
}

Result<> Uploads::derive(int64_t words_before) {
  TRY(library_.refresh());
  if (TRY(suggest_categories_since(library_, words_before)) > 0) TRY(library_.refresh_words());
  return {};
}

Result<> Uploads::forget(ImageId id, const Thumbnails& thumbnails) {
  const ImageRecord image = TRY(library_.catalog().image(id));
  Lock turn(commit_mu_);  // so that no upload of these bytes is told of an image that goes
  TRY(library_.catalog().remove_images({&id, 1}));
  for (const std::string& path : image.paths)
    if (path.starts_with(directory_ + '/')) drop(path);
  thumbnails.forget(image.sha256);
  return library_.refresh();
}

}  // namespace mimeme
