// Pictures to search with, by name: the library's own by their number, others by a name that
// add() gives them, so that a search with one has an address. The others are kept in
// <library>/queries, the newest of them; they are no part of the library, and the folder may go at
// any time.
#ifndef MIMEME_ENGINE_QUERY_PICTURES_H_
#define MIMEME_ENGINE_QUERY_PICTURES_H_

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "engine/search.h"

namespace mimeme {

struct QueryPicture {
  std::string name;              // 32 hexadecimal digits
  std::optional<ImageId> image;  // the library's with these bytes
  int width = 0, height = 0;     // pixels
};

// Thread-safe. REQUIRES: the library, and what `encoder` gives, outlive it.
class QueryPictures {
 public:
  using Encoder = std::function<Result<const ImageEncoder*>()>;
  QueryPictures(Library& library, const DecodeLimits& limits, Encoder encoder)
      : library_(library),
        limits_(limits),
        encoder_(std::move(encoder)),
        directory_(library.directory() + "/queries") {}

  // Errors as decode()'s; kIo.
  Result<QueryPicture> add(std::span<const uint8_t> bytes);
  // Whether it is kept. kNotFound: never added, or gone since.
  Result<> find(const std::string& name) const;
  // Its bytes, as they were sent. kNotFound.
  Result<std::vector<uint8_t>> read(const std::string& name) const;

  // What is searched with: an image's number or a picture's name; only this part of it. The last
  // ones are kept in memory as they look. kNotFound; errors as decode()'s.
  Result<Query> query(const std::string& name, const std::optional<Region>& region) const;

 private:
  struct Seen {
    std::string key;
    std::shared_ptr<const QueryLook> look;
  };
  std::shared_ptr<const QueryLook> recall(const std::string& key) const;
  void remember(const std::string& key, std::shared_ptr<const QueryLook> look) const;
  void make_room() const;

  Library& library_;
  const DecodeLimits limits_;
  const Encoder encoder_;
  const std::string directory_;
  mutable Mutex mu_;
  mutable std::list<Seen> recent_ GUARDED_BY(mu_);  // the last used first
};

}  // namespace mimeme

#endif  // MIMEME_ENGINE_QUERY_PICTURES_H_
