#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <shared_mutex>
#include <unordered_map>
#include <usearch/index_plugins.hpp>
#include <utility>
#include <vector>

#include "core/half.h"
#include "index/vector_index.h"

namespace mimeme {
namespace {

namespace usearch = unum::usearch;

// The file: this header, then count ids, then count × dim halves; all little-endian.
struct Header {
  char magic[8] = {'m', 'i', 'm', 'e', 'f', 'l', 'a', 't'};
  uint32_t version = 1;
  uint32_t dim = 0;
  uint64_t count = 0;
  IndexStamp stamp;
};
static_assert(sizeof(Header) == 40);

// Closes a file descriptor; reads and writes whole buffers.
class File {
 public:
  File(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
  ~File() { close(); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool is_open() const { return fd_ >= 0; }
  int64_t size() const { return ::lseek(fd_, 0, SEEK_END); }
  bool rewind() const { return ::lseek(fd_, 0, SEEK_SET) == 0; }
  bool write(const void* data, size_t size) const {
    for (auto* p = static_cast<const char*>(data); size > 0;) {
      const ssize_t n = ::write(fd_, p, size);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      p += n;
      size -= static_cast<size_t>(n);
    }
    return true;
  }
  bool read(void* data, size_t size) const {
    for (auto* p = static_cast<char*>(data); size > 0;) {
      const ssize_t n = ::read(fd_, p, size);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      p += n;
      size -= static_cast<size_t>(n);
    }
    return true;
  }
  bool sync() const { return ::fsync(fd_) == 0; }
  bool close() {
    const int fd = std::exchange(fd_, -1);
    return fd < 0 || ::close(fd) == 0;
  }

 private:
  int fd_;
};

// resize() leaves new elements as memory has them: they are written at once, and clearing the rows
// of a large file first would take longer than reading them.
template <typename T>
struct Uncleared : std::allocator<T> {
  template <typename U>
  struct rebind {
    using other = Uncleared<U>;
  };
  template <typename U>
  void construct(U* at) {
    ::new (static_cast<void*>(at)) U;
  }
  template <typename U, typename... Arguments>
  void construct(U* at, Arguments&&... arguments) {
    std::construct_at(at, std::forward<Arguments>(arguments)...);
  }
};

bool nearer(const Hit& a, const Hit& b) {
  return a.similarity != b.similarity ? a.similarity > b.similarity : a.id < b.id;
}

class Flat : public VectorIndex {
 public:
  explicit Flat(int dim)
      : dim_(dim),
        metric_(static_cast<size_t>(dim), usearch::metric_kind_t::cos_k,
                usearch::scalar_kind_t::f16_k) {}

  int dim() const override { return dim_; }
  int64_t size() const override {
    std::shared_lock lock(mu_);
    return static_cast<int64_t>(ids_.size());
  }
  std::string_view isa() const override { return metric_.isa_name(); }

  void add(std::span<const ImageId> ids, std::span<const float> rows) override {
    const std::vector<Half> halves = to_half(rows);
    std::unique_lock lock(mu_);
    for (size_t i = 0; i < ids.size(); ++i) {
      const auto [at, is_new] = position_.try_emplace(ids[i], ids_.size());
      if (is_new) {
        ids_.push_back(ids[i]);
        rows_.resize(rows_.size() + width());
      }
      std::copy_n(halves.begin() + static_cast<ptrdiff_t>(i * width()), dim_, row_at(at->second));
    }
  }

  void remove(std::span<const ImageId> ids) override {
    std::unique_lock lock(mu_);
    for (const ImageId id : ids) {
      const auto at = position_.find(id);
      if (at == position_.end()) continue;
      const size_t hole = at->second;
      position_.erase(at);
      if (hole + 1 != ids_.size()) {  // the last row fills the hole
        ids_[hole] = ids_.back();
        std::copy_n(row_at(ids_.size() - 1), dim_, row_at(hole));
        position_[ids_[hole]] = hole;
      }
      ids_.pop_back();
      rows_.resize(ids_.size() * width());
    }
  }

  std::vector<Hit> search(std::span<const float> query,
                          const SearchOptions& options) const override {
    const std::vector<Half> halves = to_half(query);
    const bool is_zero = std::all_of(query.begin(), query.end(), [](float v) { return v == 0; });
    const auto* q = reinterpret_cast<const usearch::byte_t*>(halves.data());
    std::vector<Hit> best;  // a heap with the worst on top
    if (options.limit <= 0 || is_zero) return best;

    std::shared_lock lock(mu_);
    const auto limit = std::min(static_cast<size_t>(options.limit), ids_.size());
    for (size_t i = 0; i < ids_.size(); ++i) {
      const float cosine =
          1 - static_cast<float>(metric_(q, reinterpret_cast<const usearch::byte_t*>(row_at(i))));
      const Hit hit{ids_[i], std::clamp(cosine, 0.0F, 1.0F)};
      if (hit.similarity < options.min_similarity) continue;
      if (best.size() == limit && !nearer(hit, best.front())) continue;
      if (options.filter && !options.filter(hit.id)) continue;
      if (best.size() == limit) {
        std::pop_heap(best.begin(), best.end(), nearer);
        best.pop_back();
      }
      best.push_back(hit);
      std::push_heap(best.begin(), best.end(), nearer);
    }
    lock.unlock();
    std::sort_heap(best.begin(), best.end(), nearer);
    return best;
  }

  std::vector<float> row(ImageId id) const override {
    std::shared_lock lock(mu_);
    const auto at = position_.find(id);
    if (at == position_.end()) return {};
    return to_float({row_at(at->second), width()});
  }

  std::vector<float> sample(int64_t count) const override {
    std::shared_lock lock(mu_);
    std::vector<float> rows;
    const size_t step = std::max<size_t>(1, ids_.size() / static_cast<size_t>(count));
    for (size_t i = 0; i < ids_.size(); i += step) {
      const std::vector<float> row = to_float({row_at(i), width()});
      rows.insert(rows.end(), row.begin(), row.end());
    }
    return rows;
  }

  Result<> save(const std::string& path, const IndexStamp& stamp) const override {
    const std::string temporary = path + ".tmp" + std::to_string(::getpid());
    const auto failed = [&] {
      const std::string why = std::strerror(errno);
      ::unlink(temporary.c_str());
      return Error{ErrorCode::kIo, temporary + ": cannot be written: " + why};
    };
    File file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file.is_open()) return failed();
    {
      std::shared_lock lock(mu_);
      Header header;
      header.dim = static_cast<uint32_t>(dim_);
      header.count = ids_.size();
      header.stamp = stamp;
      if (!file.write(&header, sizeof header) ||
          !file.write(ids_.data(), ids_.size() * sizeof(ImageId)) ||
          !file.write(rows_.data(), rows_.size() * sizeof(Half)))
        return failed();
    }
    if (!file.sync() || !file.close() || ::rename(temporary.c_str(), path.c_str()) != 0)
      return failed();
    return {};
  }

  // Reads what save() wrote behind the header. False if the file ends early or names an image
  // twice.
  bool load(const File& file, uint64_t count) {
    ids_.resize(count);
    rows_.resize(count * width());
    if (!file.read(ids_.data(), count * sizeof(ImageId)) ||
        !file.read(rows_.data(), rows_.size() * sizeof(Half)))
      return false;
    position_.reserve(count);
    for (size_t i = 0; i < count; ++i) position_.emplace(ids_[i], i);
    return position_.size() == count;
  }

 private:
  size_t width() const { return static_cast<size_t>(dim_); }
  const Half* row_at(size_t i) const { return rows_.data() + i * width(); }
  Half* row_at(size_t i) { return rows_.data() + i * width(); }

  const int dim_;
  const usearch::metric_punned_t metric_;

  mutable std::shared_mutex mu_;  // guards what follows
  std::vector<ImageId> ids_;
  std::vector<Half, Uncleared<Half>> rows_;
  std::unordered_map<ImageId, size_t> position_;
};

}  // namespace

std::unique_ptr<VectorIndex> make_flat(int dim) { return std::make_unique<Flat>(dim); }

Result<LoadedIndex> load_flat(const std::string& path) {
  const File file(path, O_RDONLY);
  if (!file.is_open()) {
    const auto code = errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
    return Error{code, path + ": " + std::strerror(errno)};
  }
  const Error corrupt{ErrorCode::kCorrupt, path + ": not a whole index file of this version"};
  const int64_t size = file.size();
  Header header;
  if (!file.rewind() || !file.read(&header, sizeof header)) return corrupt;
  if (std::memcmp(header.magic, Header().magic, sizeof header.magic) != 0 ||
      header.version != Header().version || header.dim == 0 || header.dim > 1U << 16)
    return corrupt;
  const uint64_t row_bytes = sizeof(ImageId) + header.dim * sizeof(Half);
  const auto body = static_cast<uint64_t>(size) - sizeof header;
  if (body % row_bytes != 0 || header.count != body / row_bytes)
    return corrupt;  // in this order nothing overflows
  auto index = std::make_unique<Flat>(static_cast<int>(header.dim));
  if (!index->load(file, header.count)) return corrupt;
  return LoadedIndex{std::move(index), header.stamp};
}

}  // namespace mimeme
