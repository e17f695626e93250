// duplicates, families.
#include <fmt/core.h>

#include "app/commands.h"
#include "app/report.h"
#include "app/target.h"
#include "base/utf8.h"
#include "engine/comparison.h"
#include "engine/edit.h"
#include "engine/words.h"
#include "http/answers.h"

namespace mimeme {
namespace {

// What is known of how the library's images compare, all of them: a server's, or `own`.
Result<const Comparison*> compare_all(const Context& context, Comparison& own, ProgressBar& bar,
                                      const std::stop_token& stop) {
  Comparison& found = context.held ? context.held->comparison() : own;
  TRY(found.compare(
      {.threads = 0,
       .progress = [&](int64_t done, int64_t total) { bar.update("comparing", done, total); },
       .stop = stop}));
  bar.clear();
  return &found;
}

// Of all pages; `read` gives the one after a number.
template <typename Group>
Result<std::vector<Group>> all_groups(const auto& read) {
  std::vector<Group> groups;
  for (ImageId after = 0;;) {
    constexpr int kPage = 1000;
    auto page = TRY(read(after, kPage));
    std::move(page.groups.begin(), page.groups.end(), std::back_inserter(groups));
    if (page.next == 0) return groups;
    after = page.next;
  }
}

void mention_rough(const Context& context, int64_t rough) {
  if (rough > 0 && !context.json && !context.quiet)
    fmt::print(context.err, "{} only roughly compared: run `mimeme add` to learn their details\n",
               rough == 1 ? "1 picture was" : human_count(rough) + " pictures were");
}

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

Result<ExitCode> name_one(const Context& context, const FamiliesArguments& arguments,
                          ProgressBar& bar) {
  const std::stop_token stop = context.stop_on_interrupt();
  const auto library = TRY(open_library(context, Library::Access::kWrite, bar));
  const ImageId id = TRY(find_image(*library, arguments.image));
  Comparison own(*library);
  const Comparison& found = *TRY(compare_all(context, own, bar, stop));
  const std::vector<ImageId> family = TRY(found.family_of(id));
  const int64_t before = TRY(library->catalog().text_seq());
  const auto named = TRY(name_family(*library, family, *arguments.name));
  TRY(embed_texts(*library, before));
  if (context.json) {
    print_json(context, Json::Object{{"named", Json::Array(named.begin(), named.end())}});
  } else if (family.empty()) {
    fmt::print(context.out, "image {} is of no family: `mimeme category {} NAME` names it alone\n",
               id, id);
  } else if (named.empty()) {
    fmt::print(context.out, "all {} images of this family have a category already\n",
               human_count(std::ssize(family)));
  } else if (!context.quiet) {
    fmt::print(context.out, "{} of {} named {}\n", human_count(std::ssize(named)),
               count_of(std::ssize(family), "image"), printable(*arguments.name));
  }
  return named.empty() ? kExitNothingFound : kExitDone;
}

void print_families(const Context& context, const std::vector<Family>& families,
                    const std::vector<UnnamedFamily>& groups) {
  if (!families.empty()) {
    std::vector<std::vector<std::string>> rows{{"images", "suggested", "family"}};
    for (const Family& family : families)
      rows.push_back({human_count(family.images), human_count(family.suggested), family.name});
    print_table(context, rows);
  }
  if (groups.empty()) return;
  if (!families.empty()) fmt::print(context.out, "\n");
  std::vector<std::vector<std::string>> rows{{"group", "images", "id", "family", "path"}};
  int64_t unnamed = 0;
  for (size_t n = 0; n < groups.size(); ++n) {
    bool is_first = true;
    for (const auto& [image, category] : groups[n].images) {
      rows.push_back({is_first ? std::to_string(n + 1) : "",
                      is_first ? human_count(std::ssize(groups[n].images)) : "",
                      std::to_string(image.id), category.empty() ? "?" : category,
                      image.paths.empty() ? "" : image.paths.front()});
      is_first = false;
      unnamed += category.empty() ? 1 : 0;
    }
  }
  print_table(context, rows);
  if (!context.quiet)
    fmt::print(context.out, "{} to name, with {} that {} no name: mimeme families --name NAME ID\n",
               groups.size() == 1 ? "1 family" : human_count(std::ssize(groups)) + " families",
               count_of(unnamed, "image"), unnamed == 1 ? "has" : "have");
}

}  // namespace

Result<ExitCode> duplicates(const Context& context, const DuplicatesArguments& arguments) {
  ProgressBar bar(context);
  if (!arguments.not_same.empty() || !arguments.same.empty()) return tell(context, arguments, bar);
  const std::stop_token stop = context.stop_on_interrupt();
  const auto library = TRY(open_library(context, Library::Access::kRead, bar));
  Comparison own(*library);
  const Comparison& found = *TRY(compare_all(context, own, bar, stop));
  const auto groups = TRY(all_groups<DuplicateGroup>(
      [&](ImageId after, int limit) { return found.duplicates(after, limit); }));
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
  mention_rough(context, rough);
  return groups.empty() ? kExitNothingFound : kExitDone;
}

Result<ExitCode> families(const Context& context, const FamiliesArguments& arguments) {
  if (arguments.name.has_value() == arguments.image.empty())
    return Error{ErrorCode::kInvalidArgument,
                 "a name goes with an image of the family: --name NAME ID"};
  ProgressBar bar(context);
  if (arguments.name) return name_one(context, arguments, bar);
  const std::stop_token stop = context.stop_on_interrupt();
  const auto library = TRY(open_library(context, Library::Access::kRead, bar));
  Comparison own(*library);
  const Comparison& found = *TRY(compare_all(context, own, bar, stop));
  const auto groups = TRY(all_groups<UnnamedFamily>(
      [&](ImageId after, int limit) { return found.unnamed_families(after, limit); }));
  const std::vector<Family> families = TRY(library->catalog().families());
  const int64_t rough = found.count_rough();
  const bool is_empty = families.empty() && groups.empty();
  if (context.json) {
    print_json(context, Json::Object{{"families", to_json(families)},
                                     {"unnamed", to_json(groups)},
                                     {"rough", rough}});
  } else if (is_empty && !library->searchable()) {
    fmt::print(context.out, "the library holds no pictures yet: run `mimeme add FOLDER`\n");
  } else if (is_empty) {
    fmt::print(context.out, "no category is named, and no two images are of one template\n");
  } else {
    print_families(context, families, groups);
  }
  mention_rough(context, rough);
  return is_empty ? kExitNothingFound : kExitDone;
}

}  // namespace mimeme
