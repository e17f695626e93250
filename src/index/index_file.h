// The file of a VectorIndex (docs/format.md), mapped: rows found by id, and the graph over them if
// there are many. Constant once it is open; safe from any thread.
//
// What is read of it is believed only as far as it cannot do harm: whatever bytes it holds, no
// function reads outside of it or runs for ever. It must not be cut short while it is open
// (SIGBUS).
#ifndef MIMEME_INDEX_INDEX_FILE_H_
#define MIMEME_INDEX_INDEX_FILE_H_

#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "index/file.h"
#include "index/graph.h"
#include "index/vector_index.h"

namespace mimeme {

// A position is a row's number in the file. Dead rows were removed before the file was written, but
// the graph leads over them; their id is kDead.
inline constexpr ImageId kDead = 0;

class IndexFile {
 public:
  // kNotFound, kIo, kCorrupt.
  static Result<std::shared_ptr<const IndexFile>> open(const std::string& path);
  ~IndexFile();
  IndexFile(const IndexFile&) = delete;
  IndexFile& operator=(const IndexFile&) = delete;

  int dim() const { return dim_; }
  const IndexStamp& stamp() const { return stamp_; }
  uint32_t count() const { return count_; }  // with the dead
  uint32_t living() const { return static_cast<uint32_t>(by_id_.size()); }
  ImageId id(uint32_t position) const { return ids_[position]; }
  uint32_t find(ImageId id) const;  // kNoRow: it is not there

  // dim halves. Through the mapping, so that what is read stays in memory: to read many.
  const Half* row(uint32_t position) const { return rows_ + position * static_cast<size_t>(dim_); }
  // The same by a read, which costs a microsecond and leaves the memory to others. False: kIo.
  bool read_row(uint32_t position, std::span<Half> row) const;

  bool has_graph() const { return !graph_.levels.empty(); }
  const GraphView& graph() const { return graph_; }

  Result<> verify() const;  // kCorrupt, kIo

 private:
  IndexFile(File file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}

  const File file_;
  const std::string path_;
  // Constant after open().
  IndexStamp stamp_;
  int dim_ = 0;
  uint32_t count_ = 0;
  uint64_t checksum_ = 0;
  const std::byte* mapping_ = nullptr;
  size_t size_ = 0;
  const ImageId* ids_ = nullptr;     // count
  std::span<const uint32_t> by_id_;  // positions of living rows, in the order of their ids
  uint64_t rows_at_ = 0;             // in the file
  const Half* rows_ = nullptr;       // count × dim
  GraphView graph_;
};

// What a file is to hold.
struct IndexContents {
  IndexStamp stamp;
  int dim = 0;
  std::span<const ImageId> ids;
  std::span<const Half* const> rows;  // dim halves each
  GraphView graph;                    // without levels: none
};

// A temporary file beside `path`, which commit() puts in its place; else it is deleted.
class IndexFileWriter {
 public:
  // kIo: told before anything is built in vain.
  static Result<IndexFileWriter> create(const std::string& path);
  ~IndexFileWriter();
  IndexFileWriter(IndexFileWriter&&) = default;

  Result<> commit(const IndexContents& contents, const std::stop_token& stop);  // kIo, kCancelled

 private:
  explicit IndexFileWriter(const std::string& path);
  Error failed() const;

  std::string path_, temporary_;
  File file_;
};

}  // namespace mimeme

#endif  // MIMEME_INDEX_INDEX_FILE_H_
