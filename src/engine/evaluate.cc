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
#include "engine/categories.h"
#include "engine/search.h"
#include "engine/word_search.h"
#include "engine/words.h"

namespace mimeme {
namespace fs = std::filesystem;
namespace {

struct Case {
  std::string task;
  std::string image;  // path of the query picture; empty for a query by words
  std::string words;
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
    int64_t done = 0, total = 0;
    for (const auto& [task, cases] : tasks_) total += static_cast<int64_t>(cases.size());
    EvaluationReport report;
    for (const std::string& task : order_) {
      Measured measured{.report = {.task = task}};
      for (const Case& c : tasks_.at(task)) {
        if (const std::string why = TRY(measure(c, measured)); !why.empty())
          count_skipped(report.skipped, task, why);
        options_.progress(++done, total);
      }
      if (measured.report.queries > 0) report.tasks.push_back(means(std::move(measured)));
    }
    return report;
  }

 private:
  struct Measured {
    TaskReport report;  // sums, until means() divides them
    std::vector<double> times_ms;
  };

  static void count_skipped(std::vector<EvaluationReport::Skipped>& skipped,
                            const std::string& task, const std::string& why) {
    const auto at = std::find_if(skipped.begin(), skipped.end(),
                                 [&](const auto& s) { return s.task == task && s.why == why; });
    if (at != skipped.end()) {
      ++at->queries;
    } else {
      skipped.push_back({task, 1, why});
    }
  }

  Result<> read() {
    std::error_code unusable;  // then it cannot be opened either, and that is said
    folder_ = fs::absolute(options_.manifest, unusable).parent_path();
    TRY(for_each_line(options_.manifest, [&](const Json& json) -> Result<> {
      Case c{.task = TRY(json.get_string("task"))};
      const Json& query = json["query"];
      if (query["text"].string()) {
        c.words = *query["text"].string();
      } else {
        c.image = TRY(resolve(TRY(query.get_string("image"), "query")), "query");
      }
      c.relevant = TRY(ids(json["relevant"]), "relevant");
      c.exclude = TRY(ids(json["exclude"]), "exclude");
      if (!tasks_.contains(c.task)) order_.push_back(c.task);
      tasks_[c.task].push_back(std::move(c));
      return {};
    }));
    if (order_.empty())
      return Error{ErrorCode::kInvalidArgument, options_.manifest + ": holds no query"};
    return options_.labels.empty() ? Result<>() : apply_labels();
  }

  // As a user would name families: one command a line.
  Result<> apply_labels() {
    const int64_t before = TRY(library_.catalog().text_seq());
    std::vector<ImageId> named;
    TRY(for_each_line(options_.labels, [&](const Json& json) -> Result<> {
      named.push_back(TRY(id(TRY(json.get_string("image")))));
      return library_.catalog().set_category(named.back(), TRY(json.get_string("category")));
    }));
    TRY(suggest_categories(library_, named));
    TRY(embed_texts(library_, before));
    return {};
  }

  // Of a name in the manifest, as the library has it.
  Result<fs::path> resolve(const std::string& name) const {
    std::error_code error;
    fs::path path = fs::weakly_canonical(folder_ / name, error);
    if (error) return Error{ErrorCode::kNotFound, name + ": " + error.message()};
    return path;
  }

  Result<ImageId> id(const std::string& name) {
    const auto [at, is_new] = known_.try_emplace(name, 0);
    if (is_new) {
      const fs::path path = TRY(resolve(name));
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

  // Why the query is skipped; empty if it was asked.
  Result<std::string> measure(const Case& c, Measured& to) {
    if (!c.words.empty()) return measure_words(c, to);
    const auto known = TRY(library_.catalog().image_by_path(c.image));
    SimilarOptions options{.limit = static_cast<int>(TRY(library_.catalog().counts()).images),
                           .exclude = c.exclude};
    using Clock = std::chrono::steady_clock;
    auto start = Clock::now();
    const auto encoder = [&]() -> Result<const ImageEncoder*> {
      const auto before = Clock::now();
      if (!encoder_) encoder_ = TRY(library_.open_encoder({.threads = 0}));
      start += Clock::now() - before;  // loading the model is no part of a query
      return encoder_.get();
    };
    const Query query =
        TRY(known ? query_by_id(library_, *known) : query_by_file(library_, c.image, {}, encoder));
    if (query.image != 0) options.exclude.push_back(query.image);
    std::vector<ImageId> relevant = c.relevant;
    std::erase(relevant, query.image);  // perhaps by the same bytes at another path
    if (relevant.empty() && !c.relevant.empty())
      return std::string("its only right answer is the query itself");
    const std::vector<Hit> hits = TRY(match(library_, query, options));
    const double ms = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    std::vector<ImageId> ranked;
    for (const Hit& hit : hits) {
      ranked.push_back(hit.id);
      if (relation_of(hit.similarity) != Relation::kSamePicture) continue;
      ++to.report.same_picture;
      to.report.same_picture_right +=
          std::binary_search(relevant.begin(), relevant.end(), hit.id) ? 1 : 0;
    }
    if (!hits.empty() && relation_of(hits.front().similarity) != Relation::kRelated)
      ++to.report.labelled;
    add(ranked, relevant, ms, to);
    return std::string();
  }

  Result<std::string> measure_words(const Case& c, Measured& to) {
    if (c.relevant.empty()) return std::string("has no right answer");
    if (!by_words_) by_words_ = TRY(WordSearch::open(library_));
    const auto start = std::chrono::steady_clock::now();
    const TextQuery query = TRY(parse_query(c.words));
    const auto hits = TRY(by_words_->search(
        query, {.limit = static_cast<int>(TRY(library_.catalog().counts()).images)}));
    const double ms =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    std::vector<ImageId> ranked;
    for (const WordHit& hit : hits)
      if (!std::binary_search(c.exclude.begin(), c.exclude.end(), hit.id)) ranked.push_back(hit.id);
    add(ranked, c.relevant, ms, to);
    return std::string();
  }

  static void add(const std::vector<ImageId>& ranked, const std::vector<ImageId>& relevant,
                  double ms, Measured& to) {
    const RankQuality quality = relevant.empty() ? RankQuality{} : rank_quality(ranked, relevant);
    to.times_ms.push_back(ms);
    ++to.report.queries;
    to.report.r1 += quality.recall_at_1;
    to.report.r10 += quality.recall_at_10;
    to.report.p5 += quality.precision_at_5;
    to.report.map += quality.average_precision;
  }

  // REQUIRES: a query was asked.
  static TaskReport means(Measured measured) {
    TaskReport& report = measured.report;
    for (double* sum : {&report.r1, &report.r10, &report.p5, &report.map, &report.labelled})
      *sum /= static_cast<double>(report.queries);
    report.p50_ms = quantile(measured.times_ms, 0.5);
    report.p99_ms = quantile(measured.times_ms, 0.99);
    return report;
  }

  Library& library_;
  const EvaluateOptions& options_;
  fs::path folder_;
  std::map<std::string, ImageId> known_;
  std::map<std::string, std::vector<Case>> tasks_;
  std::vector<std::string> order_;
  std::unique_ptr<ImageEncoder> encoder_;
  std::unique_ptr<WordSearch> by_words_;
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
  const auto raw = make_index(dim), centred = make_index(dim);
  const std::vector<float>& mean = searchable->pca->mean;
  const auto& progress = library.options().progress;
  const int64_t total = TRY(library.catalog().counts()).embedded;
  std::vector<ImageId> all;
  for (;;) {
    const HalfRows page = TRY(library.catalog().embeddings(
        searchable->record.model, Catalog::Which::kAll, all.empty() ? 0 : all.back(), 1024));
    if (page.ids.empty()) break;
    std::vector<float> rows = to_float(page.rows);
    l2_normalise(rows, dim);
    TRY(raw->add(page.ids, rows));
    for (size_t i = 0; i < rows.size(); ++i) rows[i] -= mean[i % mean.size()];
    TRY(centred->add(page.ids, rows));
    all.insert(all.end(), page.ids.begin(), page.ids.end());
    progress("reading vectors", static_cast<int64_t>(all.size()), total);
  }
  Faithfulness result;
  const size_t step = std::max<size_t>(1, all.size() / static_cast<size_t>(std::max(1, sample)));
  for (size_t i = 0; i < all.size(); i += step) {
    const SearchOptions ten{.limit = 10,
                            .filter = [id = all[i]](ImageId other) { return other != id; }};
    const auto ten_of = [&](const VectorIndex& index) -> Result<std::vector<Hit>> {
      return index.search(TRY(index.row(all[i])), ten);
    };
    const auto got = TRY(ten_of(*searchable->index));
    result.recall_vs_raw += share_of(TRY(ten_of(*raw)), got);
    result.recall_vs_centred += share_of(TRY(ten_of(*centred)), got);
    ++result.images;
    progress("comparing", result.images, static_cast<int64_t>((all.size() + step - 1) / step));
  }
  result.recall_vs_raw /= static_cast<double>(result.images);
  result.recall_vs_centred /= static_cast<double>(result.images);
  return result;
}

}  // namespace mimeme
