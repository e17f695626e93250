// The HTTP API: requests → answers, without a socket.
//
//     GET    /api/v1/status               what the library holds
//     GET    /api/v1/images               by number: ?after=&limit=; `next` is the next page's
//     after GET    /api/v1/images/7             all that is known of it PATCH  /api/v1/images/7
//     {"description"?, "category"?}; null takes it away DELETE /api/v1/images/7             forgets
//     it; the file stays GET    /api/v1/images/7/original    its bytes, cacheable for ever GET
//     /api/v1/images/7/similar     ?limit=&min= POST   /api/v1/similar              the body is a
//     picture; nothing is stored GET    /api/v1/search               ?q=&limit=&min=; q as
//     core/query.h has it GET    /healthz, /readyz            it answers; it answers searches
//
// Threads: operator() may be called from any thread at the same time. It decodes, infers and reads
// the disk, so it is not for a thread that serves sockets.
// Errors: http/problem.h.
#ifndef MIMEME_HTTP_API_H_
#define MIMEME_HTTP_API_H_

#include <memory>

#include "engine/library.h"
#include "engine/word_search.h"
#include "http/message.h"

namespace mimeme {

class Api {
 public:
  // Loads the models that queries need. One for pictures that does not load is no error yet: it is
  // that of each query by a new picture. REQUIRES: the library is open for writing and outlives it.
  static Result<std::unique_ptr<Api>> open(Library& library, const DecodeLimits& limits);

  HttpResponse operator()(const HttpRequest& request) const;

 private:
  Api(Library& library, const DecodeLimits& limits, std::unique_ptr<WordSearch> by_words,
      Result<std::unique_ptr<ImageEncoder>> encoder)
      : library_(library),
        limits_(limits),
        by_words_(std::move(by_words)),
        encoder_(std::move(encoder)) {}

  // Constant after construction.
  Library& library_;
  const DecodeLimits limits_;
  const std::unique_ptr<WordSearch> by_words_;
  const Result<std::unique_ptr<ImageEncoder>> encoder_;
};

}  // namespace mimeme

#endif  // MIMEME_HTTP_API_H_
