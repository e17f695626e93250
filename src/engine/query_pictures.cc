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
constexpr size_t kLooks = 64;  // of half a megabyte, most of it pixels
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
  auto look = TRY(QueryLook::at(bytes, std::nullopt, limits_, encoder,
                                [this, name = picture.name] { return read(name); }));
  picture.width = look->glance().info.width;
  picture.height = look->glance().info.height;
  TRY(write_file(directory_ + '/' + picture.name, bytes, Durability::kCache));
  remember(picture.name, std::move(look));
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
  const ImageId id = is_name(name) ? 0 : parse_number<ImageId>(name).value_or(0);  // 0: sent
  if (!is_name(name) && id < 1)
    return Error{ErrorCode::kInvalidArgument,
                 "`" + name + "` is neither an image's number nor a picture's name"};
  if (id != 0 && !region) return query_by_id(library_, id);
  const std::string key = key_of(name, region);
  const ImageEncoder& encoder = *TRY(encoder_());
  TRY(check_model(library_, encoder));
  auto look = recall(key);
  if (look && id == 0) {  // what is used is new; its parts may be read yet
    std::error_code ignored;
    fs::last_write_time(directory_ + '/' + name, fs::file_time_type::clock::now(), ignored);
  }
  if (!look) {
    const std::vector<uint8_t> bytes =
        TRY(id != 0 ? find_original(TRY(library_.catalog().image(id)), limits_) : read(name));
    look = TRY(QueryLook::at(bytes, region, limits_, encoder, [this, name] { return read(name); }));
    remember(key, look);
  }
  Query query = query_by_look(library_, std::move(look));
  query.image = id;
  return query;
}

std::shared_ptr<const QueryLook> QueryPictures::recall(const std::string& key) const {
  Lock lock(mu_);
  const auto at =
      std::find_if(recent_.begin(), recent_.end(), [&](const Seen& one) { return one.key == key; });
  if (at == recent_.end()) return nullptr;
  recent_.splice(recent_.begin(), recent_, at);
  return at->look;
}

void QueryPictures::remember(const std::string& key, std::shared_ptr<const QueryLook> look) const {
  Lock lock(mu_);
  std::erase_if(recent_, [&](const Seen& one) { return one.key == key; });
  recent_.push_front({key, std::move(look)});
  if (recent_.size() > kLooks) recent_.pop_back();
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
