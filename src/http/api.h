// The HTTP API: requests → answers, without a socket. What it answers: docs/api/openapi.yaml.
//
// Threads: operator() may be called from any thread at the same time. It decodes, infers and reads
// the disk, so it is not for a thread that serves sockets.
// Errors: http/problem.h.
#ifndef MIMEME_HTTP_API_H_
#define MIMEME_HTTP_API_H_

#include <map>
#include <memory>
#include <string>

#include "engine/comparison.h"
#include "engine/jobs.h"
#include "engine/library.h"
#include "engine/picture_fetcher.h"
#include "http/access.h"
#include "http/events.h"
#include "http/message.h"

namespace mimeme {

struct ApiOptions {
  DecodeLimits limits;
  // What can be asked for in the background, by name: "scan", "words", "pca", "duplicates". "words"
  // is begun after uploads too.
  std::map<std::string, Jobs::Work> jobs;
  // Filled by the work "duplicates"; null: nothing is compared. REQUIRES: it outlives the API.
  const Comparison* comparison = nullptr;
  // Pictures of queries, by their URL; their limit of bytes is that of `limits`.
  FetchOptions fetch;
  AccessOptions access;  // who may do what; by default everyone everything
};

class Api {
 public:
  // Loads the models that queries need. One for pictures that does not load is no error yet: it is
  // that of each query by a new picture. REQUIRES: the library is open for writing; it, jobs and
  // events outlive this.
  static Result<std::unique_ptr<Api>> open(Library& library, Jobs& jobs, Events& events,
                                           ApiOptions options);
  ~Api();

  HttpResponse operator()(const HttpRequest& request) const;

  struct Impl;  // opaque; in api_impl.h

 private:
  explicit Api(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace mimeme

#endif  // MIMEME_HTTP_API_H_
