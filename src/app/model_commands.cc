// pca, models, evaluate.
#include <fmt/core.h>

#include <algorithm>

#include "app/commands.h"
#include "app/report.h"
#include "base/utf8.h"
#include "engine/evaluate.h"

namespace mimeme {
namespace {

// What a model takes, in short.
std::string input_of(const Manifest& m) {
  if (m.task == kTextEmbedding) return fmt::format("{} tokens", m.text.max_tokens);
  return fmt::format("{}×{}", m.input.width, m.input.height);
}

Json to_json(const Manifest& m) {
  Json::Object object{
      {"name", m.name},     {"task", m.task},
      {"file", m.file},     {"sha256", m.sha256},
      {"bytes", m.bytes},   {"licence", m.licence},
      {"source", m.source}, {"input", input_of(m) + (m.input.fit.empty() ? "" : " " + m.input.fit)},
      {"dim", m.dim},       {"digest", m.digest()}};
  if (!m.joint.with.empty()) object.emplace_back("joint_with", m.joint.with);
  return object;
}

// Whether an image model, or the text half of a joint one, can be used.
Result<> try_out(const Manifest& model, const Registry& registry) {
  TRY(verify(model));
  if (model.joint.with.empty()) {
    TRY(open_image_encoder(model, {}));
    return {};
  }
  TRY(expect_joint(model, TRY(registry.find(model.joint.with))));
  TRY(open_text_encoder(model, {}));
  return {};
}

// The explained-variance curve: how many components explain how much.
void print_curve(const Context& context, const ProjectionRecord& p) {
  std::vector<std::vector<std::string>> rows{{"variance", "dimensions", ""}};
  constexpr size_t kBar = 40;
  const size_t all = p.explained_variance_ratio.size();
  for (const double share : {0.5, 0.8, 0.9, 0.95, 0.99, 0.999}) {
    double sum = 0;
    size_t n = 0;
    while (n < all && sum < share) sum += static_cast<double>(p.explained_variance_ratio[n++]);
    rows.push_back({fmt::format("{:.1f} %", 100 * share), std::to_string(n),
                    std::string(std::max<size_t>(1, n * kBar / all), '#')});
  }
  print_table(context, rows);
}

ExitCode print_projection(const Context& context, const ProjectionRecord& p,
                          const Faithfulness* faithfulness) {
  double kept = 0;
  for (int i = 0; i < p.output_dim && p.kind == "pca"; ++i)
    kept += static_cast<double>(p.explained_variance_ratio[static_cast<size_t>(i)]);
  const int64_t raw_bytes = int64_t{p.input_dim} * 2, reduced_bytes = int64_t{p.output_dim} * 2;
  if (context.json) {
    Json::Array curve;
    for (const float ratio : p.explained_variance_ratio)
      curve.emplace_back(static_cast<double>(ratio));
    Json::Object object{{"kind", p.kind},
                        {"input_dim", p.input_dim},
                        {"output_dim", p.output_dim},
                        {"fitted_on", p.fitted_on},
                        {"explained_variance", kept},
                        {"raw_bytes", raw_bytes},
                        {"reduced_bytes", reduced_bytes},
                        {"explained_variance_ratio", std::move(curve)}};
    if (faithfulness)
      object.emplace_back("recall_at_10",
                          Json::Object{{"queries", faithfulness->images},
                                       {"against_centred_raw", faithfulness->recall_vs_centred},
                                       {"against_raw", faithfulness->recall_vs_raw}});
    print_json(context, object);
    return kExitDone;
  }
  if (p.kind != "pca") {
    fmt::print(context.out, "no PCA: raw {}-d vectors are searched; `mimeme pca fit` makes one\n",
               p.input_dim);
    return kExitDone;
  }
  fmt::print(context.out, "{} → {} dimensions keep {:.2f} % of the variance of {}\n", p.input_dim,
             p.output_dim, 100 * kept, count_of(p.fitted_on, "image"));
  fmt::print(context.out, "{} → {} bytes a vector in memory ({:.1f} times smaller)\n",
             human_count(raw_bytes), human_count(reduced_bytes),
             static_cast<double>(raw_bytes) / static_cast<double>(reduced_bytes));
  if (faithfulness)
    fmt::print(
        context.out,
        "recall@10 over {}: {:.4f} against the raw vectors seen from their mean, {:.4f} against "
        "them as they are\n",
        count_of(faithfulness->images, "query image"), faithfulness->recall_vs_centred,
        faithfulness->recall_vs_raw);
  print_curve(context, p);
  return kExitDone;
}

Result<ExitCode> verify_all(const Context& context, const std::vector<Manifest>& models) {
  bool all_good = true;
  Json::Array list;
  for (const Manifest& model : models) {
    const auto verified = verify(model);
    all_good &= verified.ok();
    const std::string verdict = verified ? "ok" : verified.error().message;
    if (context.json) {
      list.push_back(
          Json::Object{{"name", model.name}, {"ok", verified.ok()}, {"detail", verdict}});
    } else {
      fmt::print(context.out, "{}: {}\n", model.name, printable(verdict));
    }
  }
  if (context.json) print_json(context, list);
  return all_good ? kExitDone : kExitFailed;
}

}  // namespace

Result<ExitCode> pca_fit(const Context& context, const PcaFitArguments& arguments) {
  ProgressBar bar(context);
  const auto library = TRY(open_library(context, Library::Access::kWrite, bar));
  const auto record = TRY(library->fit_pca({.variance = arguments.variance, .dim = arguments.dim}));
  bar.clear();
  return print_projection(context, record, nullptr);
}

Result<ExitCode> pca_show(const Context& context, const PcaShowArguments& arguments) {
  ProgressBar bar(context);
  const auto library = TRY(open_library(context, Library::Access::kRead, bar));
  const auto record = TRY(library->catalog().projection());
  if (!record)
    return Error{ErrorCode::kInvalidArgument,
                 "the library is empty: run `mimeme add FOLDER` first"};
  if (arguments.recall_sample == 0) return print_projection(context, *record, nullptr);
  const Faithfulness faithfulness = TRY(projection_faithfulness(*library, arguments.recall_sample));
  bar.clear();
  return print_projection(context, *record, &faithfulness);
}

Result<ExitCode> models_list(const Context& context) {
  const Registry::Listing listing = Registry(context.model_folders).list();
  for (const Error& error : listing.broken)
    fmt::print(context.err, "broken: {}\n", printable(error.message));
  if (context.json) {
    Json::Array list;
    for (const Manifest& model : listing.models) list.push_back(to_json(model));
    print_json(context, list);
  } else if (!listing.models.empty()) {
    std::vector<std::vector<std::string>> rows{
        {"name", "task", "input", "dimensions", "size", "licence"}};
    for (const Manifest& m : listing.models)
      rows.push_back(
          {m.name, m.task, input_of(m), std::to_string(m.dim), human_bytes(m.bytes), m.licence});
    print_table(context, rows);
  } else {
    fmt::print(context.err, "no model; looked in:\n");
    for (const std::string& folder : context.model_folders)
      fmt::print(context.err, "  {}\n", folder);
  }
  return listing.models.empty() ? kExitNothingFound : kExitDone;
}

Result<ExitCode> models_show(const Context& context, const std::string& name) {
  const Manifest m = TRY(Registry(context.model_folders).find(name));
  if (context.json) {
    print_json(context, to_json(m));
    return kExitDone;
  }
  const std::string input =
      m.task == kTextEmbedding
          ? fmt::format("`{}` and `{}`, up to {}", m.text.ids, m.text.mask, input_of(m))
          : fmt::format("`{}`, {} RGB, {}", m.input.name, input_of(m), m.input.fit);
  std::vector<std::vector<std::string>> rows{
      {"name", m.name},
      {"task", m.task},
      {"file", fmt::format("{} ({})", m.file, human_bytes(m.bytes))},
      {"sha256", m.sha256},
      {"licence", m.licence},
      {"source", m.source},
      {"input", input},
      {"embedding", fmt::format("`{}`, {} dimensions", m.embedding, m.dim)}};
  if (!m.joint.with.empty())
    rows.push_back(
        {"joint with", fmt::format("{}, from {:.2f}", m.joint.with, m.joint.min_similarity)});
  print_table(context, rows);
  return kExitDone;
}

Result<ExitCode> models_verify(const Context& context, const std::string& name) {
  const Registry registry(context.model_folders);
  if (!name.empty()) return verify_all(context, {TRY(registry.find(name))});
  const Registry::Listing listing = registry.list();
  for (const Error& error : listing.broken)
    fmt::print(context.err, "broken: {}\n", printable(error.message));
  const ExitCode code = TRY(verify_all(context, listing.models));
  return listing.broken.empty() ? code : kExitFailed;
}

Result<ExitCode> models_add(const Context& context, const std::string& file,
                            const std::string& manifest) {
  // Before anything is copied: what cannot be used is not added.
  Manifest candidate = TRY(read_manifest(manifest));
  if (candidate.joint.with.empty()) TRY(expect_task(candidate, kImageEmbedding));
  candidate.file = file;
  const Registry registry(context.model_folders);
  TRY(try_out(candidate, registry));
  const Manifest added = TRY(registry.add(file, manifest));
  if (context.json) {
    print_json(context, to_json(added));
  } else if (!context.quiet && !added.joint.with.empty()) {
    fmt::print(context.out,
               "{} is there ({} dimensions); libraries embedded with {} are searched with it\n",
               added.name, added.dim, added.joint.with);
  } else if (!context.quiet) {
    fmt::print(context.out,
               "{} is there ({} dimensions); `mimeme models use {}` embeds the library with it\n",
               added.name, added.dim, added.name);
  }
  return kExitDone;
}

Result<ExitCode> models_use(const Context& context, const ModelsUseArguments& arguments) {
  ProgressBar bar(context);
  // Before anything is made: a library that is not there yet may begin with a model of one's own.
  TRY(Registry(context.model_folders).find(arguments.name));
  const PipelineOptions pipeline = pipeline_options(context, arguments);
  const auto library = TRY(open_library(context, Library::Access::kCreate, bar));
  const IngestSummary summary =
      TRY(use_model(*library, arguments.name, pipeline, events_to(context, bar)));
  bar.clear();
  return report(context, summary);
}

Result<ExitCode> evaluate_command(const Context& context, const EvaluateArguments& arguments) {
  ProgressBar bar(context);
  const auto library = TRY(open_library(
      context, arguments.labels.empty() ? Library::Access::kRead : Library::Access::kWrite, bar));
  const EvaluationReport found = TRY(evaluate(
      *library,
      {.manifest = arguments.manifest,
       .labels = arguments.labels,
       .progress = [&](int64_t done, int64_t total) { bar.update("evaluating", done, total); }}));
  bar.clear();
  if (context.json) {
    Json::Array tasks, skipped;
    for (const TaskReport& t : found.tasks)
      tasks.push_back(Json::Object{{"task", t.task},
                                   {"queries", t.queries},
                                   {"r1", t.r1},
                                   {"r10", t.r10},
                                   {"p5", t.p5},
                                   {"map", t.map},
                                   {"p50_ms", t.p50_ms},
                                   {"p99_ms", t.p99_ms},
                                   {"same_picture", t.same_picture},
                                   {"same_picture_right", t.same_picture_right},
                                   {"labelled", t.labelled}});
    for (const auto& s : found.skipped)
      skipped.push_back(Json::Object{{"task", s.task}, {"queries", s.queries}, {"why", s.why}});
    print_json(context, Json::Object{{"tasks", std::move(tasks)}, {"skipped", std::move(skipped)}});
    return kExitDone;
  }
  std::vector<std::vector<std::string>> rows{{"task", "queries", "R@1", "R@10", "P@5", "mAP",
                                              "p50 ms", "p99 ms", "same (right)", "labelled"}};
  const auto row = [&](const TaskReport& t) {
    const auto share = [](double v) { return fmt::format("{:.3f}", v); };
    rows.push_back({t.task, std::to_string(t.queries), share(t.r1), share(t.r10), share(t.p5),
                    share(t.map), fmt::format("{:.1f}", t.p50_ms), fmt::format("{:.1f}", t.p99_ms),
                    fmt::format("{} ({})", t.same_picture, t.same_picture_right),
                    share(t.labelled)});
  };
  std::vector<TaskReport> means;  // of the tasks that share the name before the slash
  std::vector<double> members;
  for (const TaskReport& t : found.tasks) {
    row(t);
    const auto slash = t.task.find('/');
    if (slash == std::string::npos) continue;
    const std::string name = t.task.substr(0, slash) + " (mean)";
    auto at = std::find_if(means.begin(), means.end(),
                           [&](const TaskReport& m) { return m.task == name; });
    if (at == means.end()) {
      at = means.insert(means.end(), {.task = name});
      members.push_back(0);
    }
    double& n = members[static_cast<size_t>(at - means.begin())];
    ++n;
    const auto fold = [&](double TaskReport::*field) {
      (*at).*field += (t.*field - (*at).*field) / n;
    };
    for (const auto field : {&TaskReport::r1, &TaskReport::r10, &TaskReport::p5, &TaskReport::map,
                             &TaskReport::p50_ms, &TaskReport::labelled})
      fold(field);
    at->queries += t.queries;
    at->same_picture += t.same_picture;
    at->same_picture_right += t.same_picture_right;
    at->p99_ms = std::max(at->p99_ms, t.p99_ms);
  }
  for (const TaskReport& mean : means) row(mean);
  print_table(context, rows);
  for (const auto& s : found.skipped)
    fmt::print(context.out, "skipped: {} ({}): {}\n", s.task, human_count(s.queries) + " queries",
               s.why);
  return kExitDone;
}

}  // namespace mimeme
