#include "index/index_file.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

namespace mimeme {
namespace {

struct Header {
  char magic[8] = {'m', 'i', 'm', 'e', 'v', 'e', 'c', 's'};
  uint32_t version = 1;
  uint32_t dim = 0;
  IndexStamp stamp;
  uint32_t count = 0;
  uint32_t living = 0;
  uint32_t has_graph = 0;  // or 1
  uint32_t links = kLinks;
  uint64_t body_checksum = 0;
  uint64_t checksum = 0;  // of what is before it
};
static_assert(sizeof(Header) == 64);

// 64 bits of what it is fed. Meant to find damage, not malice: multiplied by an odd number, every
// flipped bit reaches the end.
class Checksum {
 public:
  // In pieces of a multiple of 32 bytes, but for the last.
  void add(const void* data, size_t size) {
    auto* p = static_cast<const std::byte*>(data);
    for (; size >= 32; p += 32, size -= 32)
      for (size_t lane = 0; lane < 4; ++lane) mix(lane, p + lane * 8, 8);
    for (size_t lane = 0; size > 0; ++lane) {
      const size_t n = std::min<size_t>(size, 8);
      mix(lane, p, n);
      p += n;
      size -= n;
    }
  }
  uint64_t value() const {
    uint64_t all = 0;
    for (const uint64_t lane : lanes_) all = (all ^ lane) * kOdd ^ lane >> 29;
    return all;
  }

 private:
  static constexpr uint64_t kOdd = 0x9E3779B97F4A7C15;
  void mix(size_t lane, const std::byte* p, size_t n) {
    uint64_t word = 0;
    std::memcpy(&word, p, n);
    lanes_[lane] = (lanes_[lane] ^ word) * kOdd;
    lanes_[lane] ^= lanes_[lane] >> 32;
  }
  uint64_t lanes_[4] = {1, 2, 3, 4};
};

uint64_t header_checksum(const Header& header) {
  Checksum sum;
  sum.add(&header, offsetof(Header, checksum));
  return sum.value();
}

// Where the sections of a file lie, each at a multiple of 64 bytes.
struct Layout {
  explicit Layout(const Header& h) {
    const auto section = [this](uint64_t bytes) {
      const uint64_t at = end;
      end = (at + bytes + 63) / 64 * 64;
      return at;
    };
    // 2^32 rows of 2^16 halves: nothing overflows.
    ids = section(h.count * sizeof(ImageId));
    by_id = section(h.living * sizeof(uint32_t));
    rows = section(uint64_t{h.count} * h.dim * sizeof(Half));
    if (h.has_graph == 0) return;
    for (const uint32_t size : level_sizes(h.count)) {
      Level level{.count = size};
      level.codes = section(uint64_t{size} * code_bytes(static_cast<int>(h.dim)));
      level.links = section(uint64_t{size} * kLinks * sizeof(uint32_t));
      level.below = section(levels.empty() ? 0 : uint64_t{size} * sizeof(uint32_t));
      levels.push_back(level);
    }
  }
  struct Level {
    uint32_t count;
    uint64_t codes = 0, links = 0, below = 0;
  };
  uint64_t end = sizeof(Header);
  uint64_t ids, by_id, rows;
  std::vector<Level> levels;
};

// Writes behind the header, in pieces of kPiece, and counts the checksum.
class BodyWriter {
 public:
  BodyWriter(const File& file, uint64_t at) : file_(file), at_(at) { buffer_.reserve(kPiece); }
  bool write(const void* data, size_t size) {
    for (auto* p = static_cast<const std::byte*>(data); size > 0;) {
      const size_t n = std::min(size, kPiece - buffer_.size());
      buffer_.insert(buffer_.end(), p, p + n);
      p += n;
      size -= n;
      if (buffer_.size() == kPiece && !flush()) return false;
    }
    return true;
  }
  // To the next section.
  bool pad() {
    static constexpr std::byte kZeros[64] = {};
    return write(kZeros, (64 - (at_ + buffer_.size()) % 64) % 64);
  }
  bool flush() {
    sum_.add(buffer_.data(), buffer_.size());
    const bool is_written = file_.write_at(buffer_.data(), buffer_.size(), at_);
    at_ += buffer_.size();
    buffer_.clear();
    return is_written;
  }
  uint64_t checksum() const { return sum_.value(); }

  static constexpr size_t kPiece = 1U << 20;

 private:
  const File& file_;
  uint64_t at_;
  std::vector<std::byte> buffer_;
  Checksum sum_;
};

bool write_all(const File& file, const IndexContents& contents, const std::stop_token& stop) {
  std::vector<uint32_t> by_id;
  for (uint32_t i = 0; i < contents.ids.size(); ++i)
    if (contents.ids[i] != kDead) by_id.push_back(i);
  std::sort(by_id.begin(), by_id.end(),
            [&](uint32_t a, uint32_t b) { return contents.ids[a] < contents.ids[b]; });
  Header header;
  header.dim = static_cast<uint32_t>(contents.dim);
  header.stamp = contents.stamp;
  header.count = static_cast<uint32_t>(contents.ids.size());
  header.living = static_cast<uint32_t>(by_id.size());
  header.has_graph = contents.graph.levels.empty() ? 0 : 1;

  BodyWriter body(file, sizeof header);
  const auto write = [&body](auto span) {
    return body.write(span.data(), span.size_bytes()) && body.pad();
  };
  if (!write(contents.ids) || !write(std::span(by_id))) return false;
  for (const Half* row : contents.rows)
    if (stop.stop_requested() || !body.write(row, header.dim * sizeof(Half))) return false;
  if (!body.pad()) return false;
  for (size_t l = 0; l < contents.graph.levels.size(); ++l) {
    const GraphView::Level& level = contents.graph.levels[l];
    if (!write(std::span(level.codes, level.count * code_bytes(contents.dim))) ||
        !write(std::span(level.links, size_t{level.count} * kLinks)) ||
        !write(std::span(level.below, l == 0 ? 0 : level.count)))
      return false;
  }
  if (!body.flush()) return false;
  header.body_checksum = body.checksum();
  header.checksum = header_checksum(header);
  return file.write_at(&header, sizeof header, 0);
}

}  // namespace

IndexFileWriter::IndexFileWriter(const std::string& path)
    : path_(path),
      temporary_(path + ".tmp" + std::to_string(::getpid())),
      file_(temporary_, O_WRONLY | O_CREAT | O_TRUNC) {}

Result<IndexFileWriter> IndexFileWriter::create(const std::string& path) {
  IndexFileWriter writer(path);
  if (!writer.file_.is_open()) return writer.failed();
  return writer;
}

IndexFileWriter::~IndexFileWriter() {
  if (file_.is_open()) ::unlink(temporary_.c_str());
}

Error IndexFileWriter::failed() const {
  return {ErrorCode::kIo, temporary_ + ": cannot be written: " + std::strerror(errno)};
}

Result<> IndexFileWriter::commit(const IndexContents& contents, const std::stop_token& stop) {
  const bool is_written = write_all(file_, contents, stop);
  if (stop.stop_requested()) return Error{ErrorCode::kCancelled, path_ + ": cancelled"};
  if (!is_written || !file_.sync() || ::rename(temporary_.c_str(), path_.c_str()) != 0)
    return failed();
  if (!file_.close()) return failed();
  return {};
}

Result<std::shared_ptr<const IndexFile>> IndexFile::open(const std::string& path) {
  std::shared_ptr<IndexFile> opened(new IndexFile(File(path, O_RDONLY), path));
  const File& file = opened->file_;
  if (!file.is_open()) {
    const auto code = errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
    return Error{code, path + ": " + std::strerror(errno)};
  }
  const Error corrupt{ErrorCode::kCorrupt, path + ": not a whole index file of this version"};
  Header header;
  if (!file.read_at(&header, sizeof header, 0)) return corrupt;
  if (std::memcmp(header.magic, Header().magic, sizeof header.magic) != 0 ||
      header.version != Header().version || header.checksum != header_checksum(header) ||
      header.links != kLinks || header.dim == 0 || header.dim > 1U << 16 ||
      header.count == kNoRow || header.living > header.count || header.has_graph > 1)
    return corrupt;
  const Layout layout(header);
  const int64_t size = file.size();
  if (size < 0 || static_cast<uint64_t>(size) != layout.end) return corrupt;

  void* mapping = ::mmap(nullptr, layout.end, PROT_READ, MAP_SHARED, file.descriptor(), 0);
  if (mapping == MAP_FAILED) return Error{ErrorCode::kIo, path + ": " + std::strerror(errno)};
  const auto* bytes = static_cast<const std::byte*>(mapping);
  opened->mapping_ = bytes;
  opened->size_ = layout.end;
  opened->stamp_ = header.stamp;
  opened->checksum_ = header.body_checksum;
  opened->ids_ = reinterpret_cast<const ImageId*>(bytes + layout.ids);
  opened->by_id_ = {reinterpret_cast<const uint32_t*>(bytes + layout.by_id), header.living};
  opened->rows_at_ = layout.rows;
  opened->rows_ = reinterpret_cast<const Half*>(bytes + layout.rows);
  opened->dim_ = static_cast<int>(header.dim);
  opened->count_ = header.count;
  opened->graph_.dim = opened->dim_;
  for (const Layout::Level& level : layout.levels)
    opened->graph_.levels.push_back(
        {.count = level.count,
         .codes = bytes + level.codes,
         .links = reinterpret_cast<const uint32_t*>(bytes + level.links),
         .below = reinterpret_cast<const uint32_t*>(bytes + level.below)});
  return std::shared_ptr<const IndexFile>(std::move(opened));
}

IndexFile::~IndexFile() {
  if (mapping_) ::munmap(const_cast<std::byte*>(mapping_), size_);
}

uint32_t IndexFile::find(ImageId id) const {
  const auto id_at = [this](uint32_t position) {
    return position < count_ ? ids_[position] : kDead;
  };
  const auto found =
      std::lower_bound(by_id_.begin(), by_id_.end(), id,
                       [&](uint32_t position, ImageId wanted) { return id_at(position) < wanted; });
  if (id == kDead || found == by_id_.end() || id_at(*found) != id) return kNoRow;
  return *found;
}

bool IndexFile::read_row(uint32_t position, std::span<Half> row) const {
  return file_.read_at(row.data(), row.size_bytes(), rows_at_ + position * row.size_bytes());
}

Result<> IndexFile::verify() const {
  Checksum sum;
  std::vector<std::byte> piece(BodyWriter::kPiece);
  for (uint64_t at = sizeof(Header); at < size_; at += piece.size()) {
    const size_t n = std::min<uint64_t>(piece.size(), size_ - at);
    if (!file_.read_at(piece.data(), n, at))
      return Error{ErrorCode::kIo, path_ + ": " + std::strerror(errno)};
    sum.add(piece.data(), n);
  }
  if (sum.value() != checksum_)
    return Error{ErrorCode::kCorrupt, path_ + ": is not as it was written"};
  return {};
}

}  // namespace mimeme
