#include "engine/evaluate.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>

#include "base/json.h"
#include "core/half.h"
#include "core/metrics.h"
#include "engine/search.h"

namespace mimeme {
namespace fs = std::filesystem;
namespace {

struct Case {
  std::string task;
  std::string image;                       // path of the query picture; empty for a query by words
  std::vector<ImageId> relevant, exclude;  // sorted
};

// Calls `use` with each line of a JSON-lines file; errors name file and line.
Result<> for_each_line(const std::string& path, const std::function<Result<>(const Json&)>& use) {
  std::ifstream in(path);
  if (!in) return Error{ErrorCode::kNotFound, path + ": cannot be opened"};
  std::string line;
  for (int64_t number = 1; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    const std::string where = path + ": line " + std::to_string(number);
    TRY(use(TRY(Json::parse(line), where)), where);
  }
  return {};
}

class Evaluation {
 public:
  Evaluation(Library& library, const EvaluateOptions& options)
      : library_(library), options_(options) {}

  Result<EvaluationReport> run() {
    TRY(read());
    EvaluationReport report;
    int64_t done = 0, total = 0;
    for (const auto& [task, cases] : tasks_) total += static_cast<int64_t>(cases.size());
    for (const std::string& task : order_) {
      std::vector<Case> able;
      std::string why;
      for (const Case& c : tasks_.at(task)) {
        if (std::string reason = why_skipped(c); reason.empty()) {
          able.push_back(c);
        } else {
          why = std::move(reason);
        }
      }
      const auto skipped = static_cast<int64_t>(tasks_.at(task).size() - able.size());
      if (skipped > 0) report.skipped.push_back({task, skipped, why});
      options_.progress(done += skipped, total);
      if (!able.empty())
        report.tasks.push_back(TRY(measure(task, able, [&] { options_.progress(++done, total); })));
    }
    return report;
  }

 private:
  static std::string why_skipped(const Case& c) {
    if (c.image.empty()) return "search by words is not there yet";
    if (c.relevant.empty()) return "nothing tells \"the same\" from \"similar\" yet";
    return "";
  }

  Result<> read() {
    folder_ = fs::absolute(options_.manifest).parent_path();
    TRY(for_each_line(options_.manifest, [&](const Json& json) -> Result<> {
      Case c{.task = TRY(json.get_string("task"))};
      const Json& query = json["query"];
      if (!query["text"].string()) c.image = folder_ / TRY(query.get_string("image"), "query");
      c.relevant = TRY(ids(json["relevant"]), "relevant");
      c.exclude = TRY(ids(json["exclude"]), "exclude");
      if (!tasks_.contains(c.task)) order_.push_back(c.task);
      tasks_[c.task].push_back(std::move(c));
      return {};
    }));
    if (order_.empty())
      return Error{ErrorCode::kInvalidArgument, options_.manifest + ": holds no query"};
    if (options_.labels.empty()) return {};
    return for_each_line(options_.labels, [&](const Json& json) -> Result<> {
      TRY(id(TRY(json.get_string("image"))));
      TRY(json.get_string("category"));
      return {};
    });
  }

  Result<ImageId> id(const std::string& name) {
    const auto [at, is_new] = known_.try_emplace(name, 0);
    if (is_new) {
      const fs::path path = fs::weakly_canonical(folder_ / name);
      const auto found = TRY(library_.catalog().image_by_path(path));
      if (!found)
        return Error{ErrorCode::kNotFound, path.string() +
                                               " is not in the library: run `mimeme add " +
                                               path.parent_path().string() + "` first"};
      at->second = *found;
    }
    return at->second;
  }

  Result<std::vector<ImageId>> ids(const Json& names) {
    std::vector<ImageId> result;
    if (names.is_null()) return result;
    if (!names.array()) return Error{ErrorCode::kCorrupt, "must be a list of images"};
    for (const Json& name : *names.array()) {
      if (!name.string()) return Error{ErrorCode::kCorrupt, "must be a list of images"};
      result.push_back(TRY(id(*name.string())));
    }
    std::sort(result.begin(), result.end());
    result.erase(std::unique(result.begin(), result.end()),
                 result.end());  // one content at two paths
    return result;
  }

  Result<TaskReport> measure(const std::string& task, const std::vector<Case>& cases,
                             const std::function<void()>& tick) {
    TaskReport report{.task = task};
    const int everything = static_cast<int>(TRY(library_.catalog().counts()).images);
    std::vector<double> times_ms;
    for (const Case& c : cases) {
      const auto start = std::chrono::steady_clock::now();
      const auto known = TRY(library_.catalog().image_by_path(fs::weakly_canonical(c.image)));
      const Query query =
          TRY(known ? query_by_id(library_, *known)
                    : query_by_file(library_, c.image, {}, [&] { return encoder(); }));
      SimilarOptions options{.limit = everything, .exclude = c.exclude};
      if (query.image != 0) options.exclude.push_back(query.image);
      std::vector<ImageId> relevant = c.relevant;
      std::erase(relevant, query.image);
      if (relevant.empty()) continue;  // the same bytes at another path: nothing is asked
      const std::vector<Hit> hits = TRY(nearest(library_, query, options));
      times_ms.push_back(
          std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
              .count());

      std::vector<ImageId> ranked;
      for (const Hit& hit : hits) ranked.push_back(hit.id);
      const RankQuality quality = rank_quality(ranked, relevant);
      ++report.queries;
      report.r1 += quality.recall_at_1;
      report.r10 += quality.recall_at_10;
      report.p5 += quality.precision_at_5;
      report.map += quality.average_precision;
      tick();
    }
    for (double* sum : {&report.r1, &report.r10, &report.p5, &report.map})
      *sum /= static_cast<double>(std::max<int64_t>(1, report.queries));
    if (times_ms.empty()) return report;
    report.p50_ms = quantile(times_ms, 0.5);
    report.p99_ms = quantile(times_ms, 0.99);
    return report;
  }

  Result<const ImageEncoder*> encoder() {
    if (!encoder_) encoder_ = TRY(library_.open_encoder({.threads = 0}));
    return encoder_.get();
  }

  Library& library_;
  const EvaluateOptions& options_;
  fs::path folder_;
  std::map<std::string, ImageId> known_;
  std::map<std::string, std::vector<Case>> tasks_;
  std::vector<std::string> order_;
  std::unique_ptr<ImageEncoder> encoder_;
};

double share_of(const std::vector<Hit>& wanted, const std::vector<Hit>& got) {
  double found = 0;
  for (const Hit& hit : wanted)
    found +=
        std::any_of(got.begin(), got.end(), [&](const Hit& other) { return other.id == hit.id; });
  return found / static_cast<double>(wanted.size());
}

}  // namespace

Result<EvaluationReport> evaluate(Library& library, const EvaluateOptions& options) {
  return Evaluation(library, options).run();
}

Result<Faithfulness> projection_faithfulness(Library& library, int sample) {
  const auto searchable = library.searchable();
  if (!searchable || !searchable->pca)
    return Error{ErrorCode::kInvalidArgument, "the library has no PCA: run `mimeme pca fit`"};
  const int dim = searchable->record.input_dim;
  const auto raw = make_flat(dim), centred = make_flat(dim);
  const std::vector<float>& mean = searchable->pca->mean;
  std::vector<ImageId> all;
  for (;;) {
    const HalfRows page = TRY(library.catalog().embeddings(
        searchable->record.model, Catalog::Which::kAll, all.empty() ? 0 : all.back(), 1024));
    if (page.ids.empty()) break;
    std::vector<float> rows = to_float(page.rows);
    l2_normalise(rows, dim);
    raw->add(page.ids, rows);
    for (size_t i = 0; i < rows.size(); ++i) rows[i] -= mean[i % mean.size()];
    centred->add(page.ids, rows);
    all.insert(all.end(), page.ids.begin(), page.ids.end());
  }
  Faithfulness result;
  const size_t step = std::max<size_t>(1, all.size() / static_cast<size_t>(std::max(1, sample)));
  for (size_t i = 0; i < all.size(); i += step) {
    const SearchOptions ten{.limit = 10,
                            .filter = [id = all[i]](ImageId other) { return other != id; }};
    const auto got = searchable->index->search(searchable->index->row(all[i]), ten);
    result.recall_vs_raw += share_of(raw->search(raw->row(all[i]), ten), got);
    result.recall_vs_centred += share_of(centred->search(centred->row(all[i]), ten), got);
    ++result.images;
  }
  result.recall_vs_raw /= static_cast<double>(result.images);
  result.recall_vs_centred /= static_cast<double>(result.images);
  return result;
}

}  // namespace mimeme
