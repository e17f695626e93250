// search.
#include <fmt/core.h>

#include <algorithm>

#include "app/commands.h"
#include "app/report.h"
#include "base/log.h"
#include "base/utf8.h"
#include "engine/word_search.h"
#include "http/answers.h"

namespace mimeme {
namespace {

constexpr size_t kContext = 40;  // bytes shown on either side of a match in a long text

// "says: when [you] [see] it"
std::vector<std::string> reasons(const ExplainedHit& hit) {
  std::vector<std::string> reasons;
  for (size_t i = 0; i < hit.matches.size();) {
    const ExplainedMatch& first = hit.matches[i];
    const std::string& text = first.context;
    std::string marked;
    size_t at = first.begin > kContext ? first.begin - kContext : 0;
    while (at > 0 && continues_character(text[at])) --at;
    if (at > 0) marked = "…";
    size_t last = first.begin;
    for (; i < hit.matches.size() && hit.matches[i].field == first.field &&
           hit.matches[i].context == text && hit.matches[i].begin >= at &&
           hit.matches[i].begin - last <= 2 * kContext;
         ++i) {
      const ExplainedMatch& match = hit.matches[i];
      marked += text.substr(at, match.begin - at) + "[" +
                text.substr(match.begin, match.end - match.begin) + "]";
      at = last = match.end;
    }
    size_t end = std::min(text.size(), last + kContext);
    while (end < text.size() && continues_character(text[end])) ++end;
    marked += text.substr(last, end - last) + (end < text.size() ? "…" : "");
    std::replace_if(
        marked.begin(), marked.end(), [](char c) { return c == '\n' || c == '\t'; }, ' ');
    reasons.push_back(
        std::string(name_of(first.field)) + ": " + marked +
        (first.field == TextField::kCategory && hit.is_suggested ? " (suggested)" : ""));
  }
  if (hit.hit.meaning > 0)
    reasons.push_back(fmt::format("means the like ({:.2f})", hit.hit.meaning));
  if (hit.hit.picture > 0)
    reasons.push_back(fmt::format("shows the like ({:.2f})", hit.hit.picture));
  return reasons;
}

}  // namespace

Result<ExitCode> search(const Context& context, const SearchArguments& arguments) {
  std::string text;
  for (const std::string& word : arguments.words) (text += text.empty() ? "" : " ") += word;
  const TextQuery query = TRY(parse_query(text));
  ProgressBar bar(context);
  const auto library = TRY(open_library(context, Library::Access::kRead, bar));
  const auto by_words = TRY(WordSearch::open(*library));
  WordSearchTimes took;
  const auto found = TRY(by_words->search(
      query,
      {.limit = arguments.limit, .min_similarity = static_cast<float>(arguments.min_similarity)},
      &took));
  log(LogLevel::kDebug,
      fmt::format("filter {:.1f} ms, text {:.1f} ms beside encode {:.1f} ms and meaning {:.1f} ms "
                  "and encode {:.1f} ms and pictures {:.1f} ms, fuse {:.1f} ms: {:.1f} ms",
                  took.filter_ms, took.text_ms, took.encode_ms, took.meaning_ms,
                  took.picture_encode_ms, took.picture_ms, took.fuse_ms, took.total_ms));
  const auto hits = TRY(by_words->explain(found));
  if (context.json) {
    print_json(context, Json::Object{{"query", to_utf8(text)}, {"hits", to_json(hits)}});
  } else if (hits.empty()) {
    fmt::print(context.out,
               "nothing relevant: no image in the library says, shows or is called that\n");
    const int64_t images = TRY(library->catalog().counts()).images;
    const int64_t unread = images - TRY(library->catalog().word_counts()).read;
    if (images == 0) {
      fmt::print(context.out, "the library holds no pictures yet: run `mimeme add FOLDER`\n");
    } else if (unread > 0) {
      fmt::print(context.out, "{} not been read yet: run `mimeme add`\n",
                 unread == 1 ? "1 picture has" : human_count(unread) + " pictures have");
    }
  } else {
    std::vector<std::vector<std::string>> rows{{"similarity", "id", "why", "path"}};
    for (const ExplainedHit& hit : hits) {
      const std::vector<std::string> why = reasons(hit);
      const size_t lines = std::max({why.size(), hit.image.paths.size(), size_t{1}});
      for (size_t i = 0; i < lines; ++i)
        rows.push_back({i == 0 ? fmt::format("{:.3f}", hit.hit.similarity) : "",
                        i == 0 ? std::to_string(hit.image.id) : "", i < why.size() ? why[i] : "",
                        i < hit.image.paths.size() ? hit.image.paths[i] : ""});
    }
    print_table(context, rows);
  }
  return hits.empty() ? kExitNothingFound : kExitDone;
}

}  // namespace mimeme
