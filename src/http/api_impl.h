// What the api*.cc files share: the handlers, each a method of its dependencies.
#ifndef MIMEME_HTTP_API_IMPL_H_
#define MIMEME_HTTP_API_IMPL_H_

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "engine/elastic_encoder.h"
#include "engine/picture_fetcher.h"
#include "engine/query_pictures.h"
#include "engine/thumbnails.h"
#include "engine/uploads.h"
#include "engine/word_search.h"
#include "http/api.h"
#include "http/metrics.h"
#include "http/target.h"

namespace mimeme {

using Answer = Result<HttpResponse>;

struct Call {
  const HttpRequest& request;
  const HttpTarget& target;
  std::string name;  // what {} stands for in the route

  Result<ImageId> id() const;      // the name as an image's number. kNotFound
  Result<int> limit() const;       // kInvalidArgument
  Result<int64_t> cursor() const;  // `next` of the page before; 0: the first page. kInvalidArgument
};

HttpResponse answer(Json::Object object);
// Bytes that never change, with what names them: 304 if the client has them.
Answer unchanging(const Call& call, const std::string& etag, const std::string& content_type,
                  const std::function<Result<std::vector<uint8_t>>()>& bytes);
// A body that must be an object, not empty, with no other members than these; of any type.
// kInvalidArgument.
Result<Json> parse_object(const std::string& body, std::span<const char* const> members);
// "left,top,width,height" → a part of a picture. kInvalidArgument.
Result<Region> parse_box(const std::string& text);

struct Api::Impl {
  Impl(Library& l, Jobs& j, Events& e, ApiOptions o, std::unique_ptr<WordSearch> w,
       Result<std::unique_ptr<ImageEncoder>> loaded);

  // Constant after construction.
  Library& library;
  Jobs& jobs;
  Events& events;
  const ApiOptions options;
  const std::unique_ptr<WordSearch> by_words;
  const Result<std::unique_ptr<ImageEncoder>> encoder;
  const Thumbnails thumbnails;
  // Thread-safe themselves.
  mutable Uploads uploads;
  mutable QueryPictures pictures;
  mutable PictureFetcher fetcher;
  mutable Metrics metrics;
  mutable Access access;

  Result<const ImageEncoder*> find_encoder() const;
  Result<Job> start(const std::string& kind) const;
  Result<const Comparison*> comparison() const;
  // The picture whose address the body gives, as JSON; nothing if the body is the picture. Errors
  // as PictureFetcher::fetch().
  Result<std::optional<std::string>> fetch_picture(const Call& call) const;

  // api_images.cc
  Answer list_images(const Call& call) const;
  Answer upload_images(const Call& call) const;
  Answer get_image(const Call& call) const;
  Answer edit_image(const Call& call) const;
  Answer delete_image(const Call& call) const;
  Answer get_original(const Call& call) const;
  Answer get_thumbnail(const Call& call) const;

  // api_search.cc
  Answer similar_to_image(const Call& call) const;
  Answer similar_to_picture(const Call& call) const;
  Answer add_query_picture(const Call& call) const;
  Answer get_query_thumbnail(const Call& call) const;
  Answer search(const Call& call) const;

  // api_library.cc
  Answer list_families(const Call& call) const;
  Answer list_unnamed(const Call& call) const;
  Answer name_unnamed(const Call& call) const;
  Answer list_suggestions(const Call& call) const;
  Answer answer_suggestions(const Call& call) const;
  Answer list_duplicates(const Call& call) const;
  Answer tell_duplicates(const Call& call) const;
  Answer list_jobs(const Call& call) const;
  Answer start_job(const Call& call) const;
  Answer cancel_job(const Call& call) const;
  Answer listen(const Call& call) const;
  Answer get_status(const Call& call) const;
  Answer list_failures(const Call& call) const;
  Answer get_session(const Call& call) const;
  Answer sign_in(const Call& call) const;
  Answer sign_out(const Call& call) const;
  Answer get_health(const Call& call) const;
  Answer get_readiness(const Call& call) const;
  Answer get_metrics(const Call& call) const;
};

}  // namespace mimeme

#endif  // MIMEME_HTTP_API_IMPL_H_
