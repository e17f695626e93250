// describe, category, suggestions.
#include <fmt/core.h>

#include <fstream>

#include "app/commands.h"
#include "app/report.h"
#include "app/target.h"
#include "base/utf8.h"
#include "engine/edit.h"
#include "engine/words.h"
#include "http/answers.h"

namespace mimeme {
namespace {

Result<ImageText> text_of(Library& library, ImageId id) {
  auto texts = TRY(library.catalog().texts({&id, 1}));
  if (texts.empty()) return Error{ErrorCode::kNotFound, "there is no image " + std::to_string(id)};
  return std::move(texts.front());
}

Result<ExitCode> print_text(const Context& context, Library& library, ImageId id) {
  const ImageText text = TRY(text_of(library, id));
  if (context.json) {
    print_json(context, to_json(text));
    return kExitDone;
  }
  std::vector<std::vector<std::string>> rows{{"image", std::to_string(text.id)}};
  for (const std::string& path : text.paths) rows.push_back({"file", path});
  rows.push_back({"category", text.category.empty() ? "none" : text.category});
  if (!text.suggested_category.empty()) rows.push_back({"suggested", text.suggested_category});
  rows.push_back({"description", text.description.empty() ? "none" : text.description});
  for (const TextLine& line : text.lines) rows.push_back({"reads", line.text});
  print_table(context, rows);
  return kExitDone;
}

// One line of a bulk file.
Result<> apply(Library& library, const Json& json) {
  const Json& image = json["image"];
  ImageId id = 0;
  if (const auto* number = image.integer()) id = *number;
  if (const auto* path = image.string()) id = TRY(find_image(library, *path));
  if (id == 0) return Error{ErrorCode::kCorrupt, "`image` must be an id or a file"};
  const Json &description = json["description"], &category = json["category"];
  if (description.is_null() && category.is_null())
    return Error{ErrorCode::kCorrupt, "has neither `description` nor `category`"};
  for (const auto& [key, value] : *json.object())
    if (key != "image" && key != "description" && key != "category")
      return Error{ErrorCode::kCorrupt, "`" + key + "` is not known: image, description, category"};
  if (!description.is_null()) TRY(describe(library, id, TRY(json.get_string("description"))));
  if (!category.is_null()) TRY(name_category(library, id, TRY(json.get_string("category"))));
  return {};
}

Result<ExitCode> describe_all(const Context& context, Library& library, const std::string& file,
                              ProgressBar& bar) {
  std::ifstream in(file);
  if (!in) return Error{ErrorCode::kNotFound, file + ": cannot be opened"};
  std::string line;
  int64_t done = 0, failed = 0;
  for (int64_t number = 1; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    const auto json = Json::parse(line);
    const auto applied = json ? apply(library, *json) : Result<>(json.error());
    if (applied) ++done;
    bar.update("taking over", number, 0, failed);  // of how many: it may be a pipe
    if (applied) continue;
    ++failed;
    bar.clear();
    fmt::print(context.err, "failed: {}: line {}: {}\n", printable(file), number,
               printable(applied.error().message));
  }
  bar.clear();
  if (in.bad()) return Error{ErrorCode::kIo, file + ": cannot be read"};
  if (context.json) {
    print_json(context, Json::Object{{"done", done}, {"failed", failed}});
  } else if (!context.quiet) {
    fmt::print(context.out, "{} done\n", count_of(done, "line"));
  }
  return failed > 0 ? kExitPartly : kExitDone;
}

}  // namespace

Result<ExitCode> describe(const Context& context, const DescribeArguments& arguments) {
  if (arguments.target.empty() == arguments.from.empty())
    return Error{ErrorCode::kInvalidArgument, "name an image, or a file of descriptions (--from)"};
  const bool writes = arguments.text || !arguments.from.empty();
  ProgressBar bar(context);
  const auto library =
      TRY(open_library(context, writes ? Library::Access::kWrite : Library::Access::kRead, bar));
  const int64_t before = TRY(library->catalog().text_seq());
  if (!arguments.from.empty()) {
    const ExitCode done = TRY(describe_all(context, *library, arguments.from, bar));
    TRY(embed_texts(*library, before));
    return done;
  }
  const ImageId id = TRY(find_image(*library, arguments.target));
  if (arguments.text) {
    TRY(describe(*library, id, *arguments.text));
    TRY(embed_texts(*library, before));
  }
  return print_text(context, *library, id);
}

Result<ExitCode> category(const Context& context, const CategoryArguments& arguments) {
  ProgressBar bar(context);
  const auto library = TRY(open_library(context, Library::Access::kWrite, bar));
  const ImageId id = TRY(find_image(*library, arguments.target));
  const int64_t before = TRY(library->catalog().text_seq());
  const int64_t suggested = TRY(name_category(*library, id, arguments.name));
  TRY(embed_texts(*library, before));
  if (context.json) {
    print_json(context,
               Json::Object{{"id", id}, {"category", arguments.name}, {"suggested", suggested}});
  } else if (!context.quiet) {
    fmt::print(context.out, "image {}: {}\n", id,
               arguments.name.empty() ? "no category" : printable(arguments.name));
    if (suggested > 0)
      fmt::print(context.out, "suggested for {} that look alike: see mimeme suggestions\n",
                 count_of(suggested, "image"));
  }
  return kExitDone;
}

Result<ExitCode> suggestions(const Context& context, const SuggestionsArguments& arguments) {
  const bool writes =
      !arguments.accept.empty() || !arguments.refuse.empty() || arguments.accept_all;
  ProgressBar bar(context);
  const auto library =
      TRY(open_library(context, writes ? Library::Access::kWrite : Library::Access::kRead, bar));
  Catalog& catalog = library->catalog();
  const int64_t before = TRY(catalog.text_seq());
  int64_t accepted = 0, refused = 0, missed = 0;
  const auto answer = [&](std::span<const ImageId> ids, Catalog::Answer with,
                          int64_t& done) -> Result<> {
    for (const ImageId id : ids) {
      const auto answered = catalog.answer_suggestion(id, with);
      if (!answered && answered.error().code != ErrorCode::kNotFound) return answered;
      ++(answered ? done : missed);
      if (!answered) fmt::print(context.err, "{}\n", answered.error().message);
    }
    return {};
  };
  TRY(answer(arguments.accept, Catalog::Answer::kAccept, accepted));
  TRY(answer(arguments.refuse, Catalog::Answer::kRefuse, refused));
  if (arguments.accept_all)
    TRY(answer(TRY(catalog.images_with_suggestion()), Catalog::Answer::kAccept, accepted));
  if (writes) TRY(embed_texts(*library, before));

  const auto waiting = TRY(catalog.texts(TRY(catalog.images_with_suggestion())));
  if (context.json) {
    print_json(context, Json::Object{{"accepted", accepted},
                                     {"refused", refused},
                                     {"suggestions", to_json(waiting)}});
    return missed > 0 ? kExitPartly : kExitDone;
  }
  if (writes && !context.quiet)
    fmt::print(context.out, "{} accepted, {} refused\n", accepted, refused);
  if (missed > 0) return kExitPartly;
  if (waiting.empty()) {
    fmt::print(context.out, "no suggestion waits for an answer\n");
    return writes ? kExitDone : kExitNothingFound;
  }
  std::vector<std::vector<std::string>> rows{{"id", "suggested category", "file"}};
  for (const ImageText& text : waiting)
    rows.push_back({std::to_string(text.id), text.suggested_category,
                    text.paths.empty() ? "" : text.paths.front()});
  print_table(context, rows);
  return kExitDone;
}

}  // namespace mimeme
