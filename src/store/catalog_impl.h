// What the catalog_*.cc files share.
#ifndef MIMEME_STORE_CATALOG_IMPL_H_
#define MIMEME_STORE_CATALOG_IMPL_H_

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "store/catalog.h"
#include "store/sql.h"

namespace mimeme {

// How long a server that is away is waited for: ten seconds in all, at first for a moment.
class Patience {
 public:
  bool wait();  // false: it has lasted long enough

 private:
  std::chrono::milliseconds next_{50}, left_{10'000};
};

// A standby that answers what is read. Replication is asynchronous: so positions in the write-ahead
// log are compared. Thread-safe.
class Replica {
 public:
  // id: of the catalog that it must have.
  Replica(std::string address, std::string id) : address_(std::move(address)), id_(std::move(id)) {}

  // Of a primary, what it has written; of a standby, what it has replayed.
  static Result<int64_t> position_of(sql::Connection& connection);
  // Somebody here has seen what there was at that position.
  void saw(int64_t position);

  // None: it is away, or behind what somebody here has seen.
  std::optional<sql::Database::Lease> lease();
  void is_away(const Error& error);

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kAwayFor{10};  // so long it is not asked

  Result<sql::Database::Lease> connect();

  const std::string address_, id_;
  std::atomic<bool> connecting_ = false;
  std::unique_ptr<sql::Database> owned_;            // written by the one who asks
  std::atomic<sql::Database*> database_ = nullptr;  // null until it was there once
  std::atomic<int64_t> seen_ = 0;
  std::atomic<Clock::rep> away_until_ = 1;  // 0: it is there
};

struct Catalog::Impl {
  // Constant after construction.
  std::unique_ptr<sql::Database> database;
  Access access;
  std::unique_ptr<Replica> replica;  // null: none

  // Held through every write, disk and all: writers take turns, so that keys stay unique without
  // indexes, transactions never conflict, and change numbers become visible in their order. Readers
  // do not wait. (Of a server's other writers: sql::Mode::kWrite.)
  Mutex write_mu;
  std::atomic<bool> planning = false;  // a Plan is alive
  // A COMMIT failed, on a full disk most likely. DuckDB rolls that back, but the next texts and
  // blobs that are appended to the same segment in memory come out wrong (duckdb issue 22279, fixed
  // in 1.5.2): no more writes until reopened.
  std::atomic<bool> commit_failed = false;

  Result<> writable() const;
  // After a COMMIT that failed: true if it was done all the same, false if it is worth another try.
  Result<bool> after_failed_commit(Error failed, const std::string& transaction_id);

  // After a transaction on the primary, which may have failed of what it saw there: the replica is
  // not to answer with less.
  void note_position(sql::Connection& connection) const {
    if (!replica) return;
    if (const auto position = Replica::position_of(connection)) replica->saw(*position);
  }

  // Runs f(connection) in a transaction: one consistent view, all or nothing.
  template <typename F>
  std::invoke_result_t<F, sql::Connection&> run(sql::Connection& connection, sql::Mode mode, F f) {
    auto transaction = TRY(sql::Transaction::begin(connection, mode));
    auto result = f(connection);
    if (!result.ok()) return result;
    const std::string id = connection.transaction_id();
    if (auto committed = transaction.commit(); !committed.ok()) {
      Error failed = std::move(committed).error();
      if (!TRY(after_failed_commit(failed, id))) return failed;
    }
    return result;
  }
  // The same on a connection of its own. A server that is restarted, or whose place another takes,
  // is back in a moment: so a transaction that came to nothing is tried again for a while.
  template <typename F>
  std::invoke_result_t<F, sql::Connection&> run(sql::Mode mode, F f) {
    for (Patience patience;;) {
      auto lease = database->lease();
      auto result =
          lease ? run(**lease, mode, f) : std::invoke_result_t<F, sql::Connection&>(lease.error());
      // A server that went before it answered may have committed.
      if (replica && lease && (*lease)->is_broken()) lease = database->lease();
      if (lease) note_position(**lease);
      if (result.ok() || result.error().code != ErrorCode::kUnavailable || !patience.wait())
        return result;
    }
  }
  template <typename F>
  std::invoke_result_t<F, sql::Connection&> read(F f) {
    if (auto lease = replica ? replica->lease() : std::nullopt) {
      auto result = run(**lease, sql::Mode::kRead, f);
      // A standby also cancels what stands in the way of its replaying.
      if (result.ok() || result.error().code != ErrorCode::kUnavailable) return result;
      replica->is_away(result.error());
    }
    return run(sql::Mode::kRead, f);
  }
  template <typename F>
  std::invoke_result_t<F, sql::Connection&> write(sql::Connection& connection, F f) {
    Lock lock(write_mu);
    TRY(writable());
    auto result = run(connection, sql::Mode::kWrite, f);
    note_position(connection);
    return result;
  }
  template <typename F>
  std::invoke_result_t<F, sql::Connection&> write(F f) {
    Lock lock(write_mu);
    TRY(writable());
    return run(sql::Mode::kWrite, f);
  }
};

// SQL: whether `column` is one of `count` ids, which are bound as a BIGINT[]. One is a constant to
// DuckDB, which then looks only where the least and greatest of a row group allow it. Few are
// compared with one by one: a join has DuckDB read the other columns of all rows, which took three
// times as long for 20 of 100,000.
std::string is_among(const std::string& column, size_t count);

// The table's name, of no other than the connection's temporary one.
std::string temporary(const sql::Connection& connection, const std::string& table);

// Makes the temporary table anew of the rows that a query gives.
Result<> replace_temporary(sql::Connection& connection, const std::string& table,
                           const std::string& rows, std::initializer_list<sql::Value> values = {});

// The first column of what a query gives.
Result<std::vector<int64_t>> read_ids(sql::Connection& connection, const std::string& sql,
                                      std::initializer_list<sql::Value> values = {});

// Takes `n` numbers of a counter ("image", "model", "projection", "change"); returns the first.
Result<int64_t> take(sql::Connection& connection, const char* counter, int64_t n);

Result<int64_t> model_dim(sql::Connection& connection, ModelId model);  // kNotFound

// Those of `ids` that have an embedding of `model`.
Result<std::unordered_set<ImageId>> embedded_among(sql::Connection& connection, ModelId model,
                                                   std::span<const ImageId> ids);

// Forgets the images of which no file is left; the files for which the condition `which` holds,
// with the images left without one; the vectors of the images in the temporary table doomed(id);
// all vectors and every projection. The first three record removals; the first two return how many
// images went.
Result<int64_t> drop_orphans(sql::Connection& connection);
Result<int64_t> forget_files(sql::Connection& connection, const std::string& which,
                             std::initializer_list<sql::Value> values = {});
Result<> drop_vectors_of_doomed(sql::Connection& connection);
Result<> drop_projections(sql::Connection& connection);

// Gives the words of the images in the temporary table touched(id) new change numbers; images that
// have gone are passed over. A list of ids goes into the table first.
Result<> touch_texts(sql::Connection& connection);
Result<> touch_texts(sql::Connection& connection, std::span<const ImageId> ids);

// Takes the words of the images in the temporary table doomed(id) away, and records that.
Result<> drop_texts_of_doomed(sql::Connection& connection);

// Of a catalog in a file.
Error no_queue();
// Takes out of a stage of the queue what has been done, or files out of its stage kEmbed; nothing
// to do in a file.
Result<> take_out(sql::Connection& connection, const char* stage, std::span<const int64_t> done);
Result<> take_files_out(sql::Connection& connection, std::span<const std::string> paths);
Result<> take_files_below_out(sql::Connection& connection, const std::string& path);
// All stages that images have.
Result<> take_doomed_out(sql::Connection& connection);

// The same of what images look like in their details; nothing to do in a file. Those that are
// touched count as changed.
Result<> drop_details_of_doomed(sql::Connection& connection);
Result<> touch_details(sql::Connection& connection, std::span<const ImageId> ids);

// Takes away what was said of the images in the temporary table doomed(id) and others.
Result<> drop_not_duplicates_of_doomed(sql::Connection& connection);

// SQL for a page of images for which `lacking` holds, a path for each: docs at images_unread().
Result<std::vector<Work>> page_of_images(sql::Connection& connection, const std::string& lacking,
                                         const sql::Value& value, ImageId after, int limit);
// How many images there are on all its pages.
Result<int64_t> count_of_images(sql::Connection& connection, const std::string& lacking,
                                const sql::Value& value);

// Forgets a generation of vectors that was begun and not committed.
Result<> drop_unfinished_projection(sql::Connection& connection);

// "/a/b/" is the folder "/a/b", and what lies below it begins with "/a/b/".
inline std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}
inline std::string prefix_below(const std::string& folder) {
  const std::string path = without_slash(folder);
  return path == "/" ? path : path + "/";
}

// Whatever length a damaged row has.
inline Sha256 to_sha256(sql::Blob blob) {
  Sha256 sha256{};
  std::copy_n(blob.begin(), std::min(blob.size(), sha256.size()), sha256.begin());
  return sha256;
}

// Numbers are kept little-endian, as every machine we build for has them.
static_assert(std::endian::native == std::endian::little);
template <typename T>
sql::Blob to_blob(const std::vector<T>& numbers) {
  return {reinterpret_cast<const uint8_t*>(numbers.data()), numbers.size() * sizeof(T)};
}
template <typename T>
std::vector<T> from_blob(sql::Blob blob) {
  std::vector<T> numbers(blob.size() / sizeof(T));
  if (!numbers.empty()) std::memcpy(numbers.data(), blob.data(), numbers.size() * sizeof(T));
  return numbers;
}

}  // namespace mimeme

#endif  // MIMEME_STORE_CATALOG_IMPL_H_
