#include "engine/query_pictures.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/file.h"
#include "base/number.h"
#include "core/sha256.h"
#include "engine/thumbnails.h"
#include "media/scan.h"

namespace mimeme {
namespace fs = std::filesystem;
namespace {

constexpr size_t kNameLength = 32;
constexpr size_t kEmbeddings = 256;  // of 8 KiB, with 2,048 dimensions
constexpr size_t kFiles = 500;
constexpr uintmax_t kBytes = 512 << 20;

bool is_name(const std::string& name) {
  return name.size() == kNameLength && name.find_first_not_of("0123456789abcdef") == name.npos;
}

Error no_picture(const std::string& name) {
  return {ErrorCode::kNotFound, "no picture \"" + name + "\" is kept: send it again"};
}

std::string key_of(const std::string& name, const std::optional<Region>& region) {
  if (!region) return name;
  std::string key = name;
  for (const double share : {region->left, region->top, region->width, region->height})
    key += ' ' + std::to_string(share);
  return key;
}

}  // namespace

Result<QueryPicture> QueryPictures::add(std::span<const uint8_t> bytes) {
  const Sha256 sha = sha256(bytes.data(), bytes.size());
  QueryPicture picture{.name = to_hex(sha).substr(0, kNameLength)};
  if (const auto model = TRY(library_.catalog().active_model())) {
    picture.image = TRY(library_.catalog().find_embedded(sha, model->id));
    if (picture.image) {
      const ImageInfo info = TRY(library_.catalog().image(*picture.image)).info;
      picture.width = info.width;
      picture.height = info.height;
      return picture;
    }
  }
  const ImageEncoder& encoder = *TRY(encoder_());
  const Decoded decoded = TRY(decode(bytes, decode_target(encoder.manifest()), limits_));
  picture.width = decoded.info.width;
  picture.height = decoded.info.height;
  remember(picture.name,
           std::make_shared<const std::vector<float>>(TRY(encoder.encode(decoded.rgb))));
  TRY(write_file(directory_ + '/' + picture.name, bytes, Durability::kCache));
  make_room();
  return picture;
}

Result<> QueryPictures::find(const std::string& name) const {
  std::error_code ignored;
  if (is_name(name) && fs::exists(directory_ + '/' + name, ignored)) return {};
  return no_picture(name);
}

Result<std::vector<uint8_t>> QueryPictures::read(const std::string& name) const {
  if (!is_name(name)) return no_picture(name);
  auto file = read_file(directory_ + '/' + name, limits_.max_bytes);
  if (!file) return no_picture(name);
  return std::move(file->bytes);
}

Result<Query> QueryPictures::query(const std::string& name,
                                   const std::optional<Region>& region) const {
  const auto id = is_name(name) ? std::nullopt : parse_number<ImageId>(name);
  if (!is_name(name) && (!id || *id < 1))
    return Error{ErrorCode::kInvalidArgument,
                 "`" + name + "` is neither an image's number nor a picture's name"};
  if (id && !region) return query_by_id(library_, *id);
  const std::string key = key_of(name, region);
  auto raw = recall(key);
  if (!raw) {
    const std::vector<uint8_t> bytes =
        TRY(id ? find_original(TRY(library_.catalog().image(*id)), limits_) : read(name));
    raw = std::make_shared<const std::vector<float>>(
        TRY(embed(library_, bytes, region, limits_, *TRY(encoder_()))));
    remember(key, raw);
  }
  Query query = query_by_embedding(library_, *raw);
  if (id) query.image = *id;
  return query;
}

std::shared_ptr<const std::vector<float>> QueryPictures::recall(const std::string& key) const {
  Lock lock(mu_);
  const auto at = std::find_if(recent_.begin(), recent_.end(),
                               [&](const Embedded& one) { return one.key == key; });
  if (at == recent_.end()) return nullptr;
  recent_.splice(recent_.begin(), recent_, at);
  return at->raw;
}

void QueryPictures::remember(const std::string& key,
                             std::shared_ptr<const std::vector<float>> raw) const {
  Lock lock(mu_);
  std::erase_if(recent_, [&](const Embedded& one) { return one.key == key; });
  recent_.push_front({key, std::move(raw)});
  if (recent_.size() > kEmbeddings) recent_.pop_back();
}

// Drops the oldest files beyond what is kept.
void QueryPictures::make_room() const {
  struct File {
    fs::file_time_type time;
    uintmax_t bytes = 0;
    fs::path path;
  };
  std::vector<File> files;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory_, ignored))
    files.push_back({entry.last_write_time(ignored), entry.file_size(ignored), entry.path()});
  std::sort(files.begin(), files.end(),
            [](const File& a, const File& b) { return a.time > b.time; });
  uintmax_t bytes = 0;
  for (size_t i = 0; i < files.size(); ++i) {
    bytes += files[i].bytes;
    if (i > 0 && (i >= kFiles || bytes > kBytes)) fs::remove(files[i].path, ignored);
  }
}

}  // namespace mimeme
