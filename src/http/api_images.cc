// The handlers of images.
#include <algorithm>
#include <iterator>
#include <utility>

#include "base/utf8.h"
#include "engine/edit.h"
#include "engine/words.h"
#include "http/answers.h"
#include "http/api_impl.h"
#include "http/multipart.h"
#include "http/problem.h"

namespace mimeme {
namespace {

std::string media_type(const std::string& format) {
  return format.empty() ? "application/octet-stream" : "image/" + format;
}

}  // namespace

Answer Api::Impl::list_images(const Call& call) const {
  const int limit = TRY(call.limit());
  const std::string name = call.target.get("name"), order = call.target.get("order");
  if (!order.empty() && order != "newest" && order != "oldest")
    return Error{ErrorCode::kInvalidArgument, "`order` must be newest or oldest"};
  const int64_t cursor = TRY(call.cursor());
  const auto by = order == "oldest" ? Catalog::Order::kOldest : Catalog::Order::kNewest;
  const std::string digest = call.target.get("sha256");
  if (!digest.empty()) {
    const auto sha256 = from_hex(digest);
    if (!sha256)
      return Error{ErrorCode::kInvalidArgument, "`sha256` must have 64 hexadecimal digits"};
    std::vector<ImageId> known;
    if (const auto model = TRY(library.catalog().active_model()))
      if (const auto id = TRY(library.catalog().find_embedded(*sha256, model->id)))
        known.push_back(*id);
    return answer(
        {{"images", to_json(TRY(library.catalog().images_by_id(known)))}, {"next", Json()}});
  }
  // One more than is shown tells whether there is a next page.
  auto page =
      TRY(name.empty() ? library.catalog().images(cursor, limit + 1, by)
                       : library.catalog().images_named(from_utf8(name), cursor, limit + 1, by));
  Json next;
  if (std::cmp_greater(page.size(), limit)) {
    page.pop_back();
    next = page.back().id;
  }
  return answer({{"images", to_json(page)}, {"next", std::move(next)}});
}

Answer Api::Impl::upload_images(const Call& call) const {
  const auto parts = TRY(parse_form(call.request.header("Content-Type"), call.request.body));
  const ImageEncoder& encoder_now = *TRY(find_encoder());
  Json::Array files;
  bool is_any_new = false;
  for (const FormPart& part : parts) {
    if (part.name != "file") continue;
    const auto uploaded = uploads.add(part.file_name, as_bytes(part.body), encoder_now);
    const auto detail = uploaded ? image_detail(library, uploaded->id) : uploaded.error();
    Json image, failed;
    if (detail)
      image = *detail;
    else
      failed = problem_to_json(detail.error());
    is_any_new = is_any_new || (uploaded && uploaded->is_new);
    files.push_back(Json::Object{{"name", to_utf8(part.file_name)},
                                 {"outcome", !uploaded          ? "failed"
                                             : uploaded->is_new ? "added"
                                                                : "known"},
                                 {"image", std::move(image)},
                                 {"problem", std::move(failed)}});
  }
  if (files.empty()) return Error{ErrorCode::kInvalidArgument, "the form has no part `file`"};
  if (is_any_new) {
    publish_size(library, events);
    if (options.jobs.contains("words")) TRY(start("words"));
  }
  return answer({{"files", std::move(files)}});
}

Answer Api::Impl::get_image(const Call& call) const {
  return answer(TRY(image_detail(library, TRY(call.id()))));
}

Answer Api::Impl::edit_image(const Call& call) const {
  const ImageId id = TRY(call.id());
  static constexpr const char* kMembers[] = {"description", "category"};
  const Json json = TRY(parse_object(call.request.body, kMembers));
  for (const auto& [key, value] : *json.object())  // all is looked at before anything is done
    if (!value.is_null() && value.string() == nullptr)
      return Error{ErrorCode::kInvalidArgument, "`" + key + "` must be a text or null"};
  const int64_t before = TRY(library.catalog().text_seq());
  const auto edit = [&]() -> Result<> {
    for (const auto& [key, value] : *json.object()) {
      const std::string text = value.string() ? *value.string() : "";
      if (key == "description") TRY(describe(library, id, text));
      if (key == "category") TRY(name_category(library, id, text));
    }
    return {};
  };
  const Result<> edited = edit();
  TRY(embed_texts(library, before));  // what came before a failure, too
  TRY(edited);
  return answer(TRY(image_detail(library, id)));
}

Answer Api::Impl::delete_image(const Call& call) const {
  TRY(uploads.forget(TRY(call.id()), thumbnails));
  publish_size(library, events);
  return HttpResponse{.status = 204, .content_type = ""};
}

// Only what was indexed is ever sent: a file that has changed since is not.
Answer Api::Impl::get_original(const Call& call) const {
  const ImageRecord image = TRY(library.catalog().image(TRY(call.id())));
  return unchanging(call, to_hex(image.sha256), media_type(image.info.format),
                    [&] { return find_original(image, options.limits); });
}

Answer Api::Impl::get_thumbnail(const Call& call) const {
  const auto side = TRY(call.target.get_integer("size", 512, 1, 1 << 16));
  if (std::find(std::begin(kThumbnailSides), std::end(kThumbnailSides), side) ==
      std::end(kThumbnailSides))
    return Error{ErrorCode::kInvalidArgument, "`size` must be 256, 512 or 1024"};
  const ImageRecord image = TRY(library.catalog().image(TRY(call.id())));
  return unchanging(call, to_hex(image.sha256) + '-' + std::to_string(side), "image/webp",
                    [&] { return thumbnails.get(image, static_cast<int>(side)); });
}

}  // namespace mimeme
