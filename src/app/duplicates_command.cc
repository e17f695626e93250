// duplicates.
#include <fmt/core.h>

#include "app/commands.h"
#include "app/report.h"
#include "app/target.h"
#include "engine/duplicates.h"
#include "http/answers.h"

namespace mimeme {
namespace {

Result<ExitCode> tell(const Context& context, const DuplicatesArguments& arguments,
                      ProgressBar& bar) {
  const auto library = TRY(open_library(context, Library::Access::kWrite, bar));
  const auto images = [&](const std::vector<std::string>& targets) -> Result<std::vector<ImageId>> {
    std::vector<ImageId> ids;
    for (const std::string& target : targets) ids.push_back(TRY(find_image(*library, target)));
    return ids;
  };
  const std::vector<ImageId> apart = TRY(images(arguments.not_same)),
                             same = TRY(images(arguments.same));
  Json::Object said;
  if (!apart.empty()) {
    TRY(library->catalog().say_not_duplicates(apart[0], {&apart[1], 1}));
    said.emplace_back("not", Json::Array{apart[0], apart[1]});
    if (!context.json && !context.quiet)
      fmt::print(context.out, "images {} and {} are not the same picture\n", apart[0], apart[1]);
  }
  if (!same.empty()) {
    TRY(library->catalog().unsay_not_duplicates(same[0], {&same[1], 1}));
    said.emplace_back("same", Json::Array{same[0], same[1]});
    if (!context.json && !context.quiet)
      fmt::print(context.out, "images {} and {} may be the same picture\n", same[0], same[1]);
  }
  if (context.json) print_json(context, std::move(said));
  return kExitDone;
}

void print_groups(const Context& context, const std::vector<DuplicateGroup>& groups) {
  std::vector<std::vector<std::string>> rows{
      {"group", "", "similarity", "id", "size", "bytes", "path"}};
  int64_t copies = 0, bytes = 0;
  for (size_t n = 0; n < groups.size(); ++n) {
    for (size_t i = 0; i < groups[n].images.size(); ++i) {
      const auto& [image, similarity] = groups[n].images[i];
      rows.push_back({i == 0 ? std::to_string(n + 1) : "", i == 0 ? "best" : "",
                      i == 0 ? "" : fmt::format("{:.3f}", similarity), std::to_string(image.id),
                      fmt::format("{}×{}", image.info.width, image.info.height),
                      human_bytes(image.bytes), image.paths.empty() ? "" : image.paths.front()});
      for (size_t p = 1; p < image.paths.size(); ++p)
        rows.push_back({"", "", "", "", "", "", image.paths[p]});
      copies += i == 0 ? 0 : 1;
      bytes += i == 0 ? 0 : image.bytes;
    }
  }
  print_table(context, rows);
  if (!context.quiet)
    fmt::print(context.out, "{}; {} of {} beside the best\n", count_of(std::ssize(groups), "group"),
               copies == 1 ? "1 copy" : human_count(copies) + " copies", human_bytes(bytes));
}

}  // namespace

Result<ExitCode> duplicates(const Context& context, const DuplicatesArguments& arguments) {
  ProgressBar bar(context);
  if (!arguments.not_same.empty() || !arguments.same.empty()) return tell(context, arguments, bar);
  const std::stop_token stop = context.stop_on_interrupt();
  const auto library = TRY(open_library(context, Library::Access::kRead, bar));
  Duplicates own(*library);
  Duplicates& found = context.held ? context.held->duplicates() : own;
  TRY(found.compare(
      {.threads = 0,
       .progress = [&](int64_t done, int64_t total) { bar.update("comparing", done, total); },
       .stop = stop}));
  bar.clear();
  std::vector<DuplicateGroup> groups;
  for (ImageId after = 0;;) {
    constexpr int kPage = 1000;
    DuplicatePage page = TRY(found.groups(after, kPage));
    std::move(page.groups.begin(), page.groups.end(), std::back_inserter(groups));
    if (page.next == 0) break;
    after = page.next;
  }
  const int64_t rough = found.count_rough();
  if (context.json) {
    print_json(context, Json::Object{{"groups", to_json(groups)}, {"rough", rough}});
  } else if (groups.empty() && !library->searchable()) {
    fmt::print(context.out, "the library holds no pictures yet: run `mimeme add FOLDER`\n");
  } else if (groups.empty()) {
    fmt::print(context.out, "no two images are the same picture\n");
  } else {
    print_groups(context, groups);
  }
  if (rough > 0 && !context.json && !context.quiet)
    fmt::print(context.err, "{} only roughly compared: run `mimeme add` to learn their details\n",
               rough == 1 ? "1 picture was" : human_count(rough) + " pictures were");
  return groups.empty() ? kExitNothingFound : kExitDone;
}

}  // namespace mimeme
