// The handlers of families, duplicates, jobs and the library's state.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/number.h"
#include "base/utf8.h"
#include "engine/edit.h"
#include "engine/words.h"
#include "http/answers.h"
#include "http/api_impl.h"

namespace mimeme {
namespace {

// Bytes of this process in memory, as Linux tells.
int64_t resident_bytes() {
  int64_t pages = 0;
  if (std::FILE* const file = std::fopen("/proc/self/statm", "re")) {
    if (std::fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return pages * sysconf(_SC_PAGESIZE);
}

Result<std::vector<ImageId>> image_numbers(const Json& json, const char* member) {
  const Error wrong{ErrorCode::kInvalidArgument,
                    '`' + std::string(member) + "` must be numbers of images"};
  const Json::Array* const list = json[member].array();
  if (!list) return wrong;
  std::vector<ImageId> ids;
  for (const Json& id : *list) {
    if (!id.integer()) return wrong;
    ids.push_back(*id.integer());
  }
  return ids;
}

// What was compared, in groups; next: 0 at the end.
Json::Object page_of_groups(Json::Array groups, int64_t total, int64_t waiting, ImageId next) {
  Json cursor;
  if (next != 0) cursor = next;
  return {{"groups", std::move(groups)},
          {"total", total},
          {"waiting", waiting},
          {"next", std::move(cursor)}};
}

}  // namespace

Result<const Comparison*> Api::Impl::comparison() const {
  if (!options.comparison) return Error{ErrorCode::kNotFound, "images are not compared here"};
  return options.comparison;
}

Answer Api::Impl::list_families(const Call&) const {
  return answer({{"families", to_json(TRY(library.catalog().families()))}});
}

Answer Api::Impl::list_unnamed(const Call& call) const {
  const int limit = TRY(call.limit());
  const int64_t cursor = TRY(call.cursor());
  const Comparison& found = *TRY(comparison());
  const UnnamedPage page = TRY(found.unnamed_families(cursor, limit));
  return answer(
      page_of_groups(to_json(page.groups), page.total, TRY(found.count_waiting()), page.next));
}

Answer Api::Impl::name_unnamed(const Call& call) const {
  static constexpr const char* kMembers[] = {"images", "name"};
  const Json json = TRY(parse_object(call.request.body, kMembers));
  const std::string* const name = json["name"].string();
  if (!name) return Error{ErrorCode::kInvalidArgument, "`name` must be a text"};
  const std::vector<ImageId> images = TRY(image_numbers(json, "images"));
  const int64_t before = TRY(library.catalog().text_seq());
  const std::vector<ImageId> named = TRY(name_family(library, images, *name));
  TRY(embed_texts(library, before));
  return answer({{"named", Json::Array(named.begin(), named.end())}});
}

Answer Api::Impl::list_suggestions(const Call& call) const {
  const auto limit = static_cast<size_t>(TRY(call.limit()));
  const int64_t cursor = TRY(call.cursor());
  const std::vector<ImageId> all =
      TRY(library.catalog().images_with_suggestion(call.target.get("category")));  // by id
  const auto first = std::upper_bound(all.begin(), all.end(), cursor);
  const std::vector<ImageId> page(
      first, first + std::min<ptrdiff_t>(static_cast<ptrdiff_t>(limit), all.end() - first));
  const auto texts = TRY(library.catalog().texts(page));
  Json::Array suggestions;
  auto text = texts.begin();
  for (const ImageRecord& image : TRY(library.catalog().images_by_id(page))) {
    while (text != texts.end() && text->id != image.id) ++text;
    if (text == texts.end()) break;
    if (text->suggested_category.empty()) continue;  // answered meanwhile
    suggestions.push_back(
        Json::Object{{"image", to_json(image)}, {"category", text->suggested_category}});
  }
  Json next;
  if (page.size() == limit && first + static_cast<ptrdiff_t>(limit) != all.end())
    next = page.back();
  return answer({{"suggestions", std::move(suggestions)}, {"next", std::move(next)}});
}

Answer Api::Impl::answer_suggestions(const Call& call) const {
  static constexpr const char* kMembers[] = {"answer", "images", "category"};
  const Json json = TRY(parse_object(call.request.body, kMembers));
  const std::string* const said = json["answer"].string();
  if (!said || (*said != "accept" && *said != "refuse"))
    return Error{ErrorCode::kInvalidArgument, "`answer` must be \"accept\" or \"refuse\""};
  const auto with = *said == "accept" ? Catalog::Answer::kAccept : Catalog::Answer::kRefuse;
  const std::string* const category = json["category"].string();
  const bool by_number = json["images"].array() != nullptr;
  if ((category != nullptr) == by_number)
    return Error{ErrorCode::kInvalidArgument, "name `images` by number or a `category`, not both"};
  std::vector<ImageId> images;
  if (by_number) images = TRY(image_numbers(json, "images"));

  Catalog& catalog = library.catalog();
  const int64_t before = TRY(catalog.text_seq());
  int64_t answered = 0;
  const auto answer_all = [&]() -> Result<> {
    if (category) answered = TRY(catalog.answer_suggestions(*category, with));
    for (const ImageId id : images) {
      const auto done = catalog.answer_suggestion(id, with);
      if (!done && done.error().code != ErrorCode::kNotFound) return done;
      answered += done ? 1 : 0;
    }
    return {};
  };
  const Result<> all = answer_all();
  if (answered > 0) TRY(embed_texts(library, before));  // what came before a failure, too
  TRY(all);
  return answer({{"answered", answered}});
}

Answer Api::Impl::list_duplicates(const Call& call) const {
  const int limit = TRY(call.limit());
  const int64_t cursor = TRY(call.cursor());
  const Comparison& found = *TRY(comparison());
  const DuplicatePage page = TRY(found.duplicates(cursor, limit));
  return answer(
      page_of_groups(to_json(page.groups), page.total, TRY(found.count_waiting()), page.next));
}

Answer Api::Impl::tell_duplicates(const Call& call) const {
  static constexpr const char* kMembers[] = {"image", "others", "same"};
  const Json json = TRY(parse_object(call.request.body, kMembers));
  const int64_t* const image = json["image"].integer();
  const bool* const same = json["same"].boolean();
  if (!image || !same)
    return Error{ErrorCode::kInvalidArgument, "`image` must be a number, `same` true or false"};
  const std::vector<ImageId> others = TRY(image_numbers(json, "others"));
  TRY(*same ? library.catalog().unsay_not_duplicates(*image, others)
            : library.catalog().say_not_duplicates(*image, others));
  return HttpResponse{.status = 204, .content_type = ""};
}

Answer Api::Impl::list_jobs(const Call&) const { return answer({{"jobs", to_json(jobs.list())}}); }

Answer Api::Impl::start_job(const Call& call) const {
  static constexpr const char* kMembers[] = {"kind"};
  const Json json = TRY(parse_object(call.request.body, kMembers));
  if (!json["kind"].string()) return Error{ErrorCode::kInvalidArgument, "`kind` must be a text"};
  HttpResponse response = answer(to_json(TRY(start(*json["kind"].string()))));
  response.status = 202;
  return response;
}

Answer Api::Impl::cancel_job(const Call& call) const {
  HttpResponse response =
      answer(to_json(TRY(jobs.cancel(parse_number<int64_t>(call.name).value_or(0)))));
  response.status = 202;
  return response;
}

Answer Api::Impl::listen(const Call&) const {
  HttpResponse response{.content_type = "text/event-stream",
                        .headers = {{"Cache-Control", "no-store"}},
                        .stays_open = true};
  response.body = ": hello\n\n";  // so that the client knows that it is connected
  for (const Job& job : jobs.list())
    if (job.state == Job::State::kWaiting || job.state == Job::State::kRunning)
      response.body += event_text("job", to_json(job));
  return response;
}

Answer Api::Impl::get_status(const Call&) const {
  Json::Object status = TRY(status_to_json(library));
  status.emplace_back("fetch_urls", fetcher.allowed());
  return answer(std::move(status));
}

Answer Api::Impl::list_failures(const Call& call) const {
  Json::Array failures;
  for (const FailedFile& file : TRY(library.catalog().failed_files(TRY(call.limit()))))
    failures.push_back(Json::Object{{"path", to_utf8(file.path)}, {"error", file.error}});
  return answer({{"failures", std::move(failures)}});
}

Answer Api::Impl::get_session(const Call& call) const { return access.session(call.request); }

Answer Api::Impl::sign_in(const Call& call) const {
  static constexpr const char* kMembers[] = {"key"};
  const Json json = TRY(parse_object(call.request.body, kMembers));
  if (!json["key"].string()) return Error{ErrorCode::kInvalidArgument, "`key` must be a text"};
  return access.sign_in(call.request, *json["key"].string());
}

Answer Api::Impl::sign_out(const Call& call) const { return access.sign_out(call.request); }

Answer Api::Impl::get_health(const Call&) const { return answer({{"status", "ok"}}); }

// The catalog answers, and what queries by picture need is there.
Answer Api::Impl::get_readiness(const Call&) const {
  TRY(library.catalog().counts());
  if (!encoder) return Error{ErrorCode::kUnavailable, encoder.error().message};
  return answer({{"status", "ok"}});
}

Answer Api::Impl::get_metrics(const Call&) const {
  const CatalogCounts counts = TRY(library.catalog().counts());
  const auto running = [](const Job& job) { return job.state == Job::State::kRunning; };
  const auto list = jobs.list();
  metrics.set("mimeme_images", "Images in the library", static_cast<double>(counts.images));
  metrics.set("mimeme_failed_files", "Files that could not be read",
              static_cast<double>(counts.failed_files));
  metrics.set("mimeme_jobs_running", "Work in the background",
              static_cast<double>(std::count_if(list.begin(), list.end(), running)));
  metrics.set("mimeme_resident_bytes", "Memory of the process",
              static_cast<double>(resident_bytes()));
  return HttpResponse{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                      .body = metrics.text()};
}

}  // namespace mimeme
