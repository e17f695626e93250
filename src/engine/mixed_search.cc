#include "engine/mixed_search.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "core/pca.h"

namespace mimeme {
namespace {

constexpr int kCandidates = 1000;  // of each leg

bool has_words(const TextQuery& query) {
  return std::any_of(query.terms.begin(), query.terms.end(),
                     [](const TextTerm& term) { return !term.is_excluded; });
}

// What just is no weak hit of unwanted words loses next to nothing: no step at the bound.
float beyond_bound(float meaning) {
  const float bound = WordSearchOptions{}.min_meaning;
  return (meaning - bound) / (1 - bound);
}

}  // namespace

Result<std::vector<WordHit>> mixed_search(const Library& library, const WordSearch& by_words,
                                          std::span<const QueryPart> parts,
                                          const MixedOptions& options) {
  if (parts.empty()) return Error{ErrorCode::kInvalidArgument, "say what to look for"};
  if (parts.size() == 1 && !parts[0].picture && parts[0].weight > 0)
    return by_words.search(parts[0].words,
                           {.limit = options.limit, .min_similarity = options.min_similarity});

  // What holds for every hit.
  std::vector<IdFilter> filters;
  std::vector<ImageId> asked_with;
  double positive = 0;
  bool has_score = false;
  for (const QueryPart& part : parts) {
    if (!part.picture) {
      if (part.words == TextQuery{})
        return Error{ErrorCode::kInvalidArgument, "say what to look for"};
      if (auto filter = TRY(by_words.filter(part.words))) filters.push_back(std::move(filter));
      if (!has_words(part.words)) continue;  // it only filters
    } else if (part.picture->image != 0) {
      asked_with.push_back(part.picture->image);
    }
    has_score = true;
    positive += std::max(part.weight, 0.0);
  }
  if (!has_score) {  // filters alone: what passes the first, and the others too
    std::vector<WordHit> hits = TRY(by_words.search(parts[0].words, {.limit = kCandidates}));
    std::erase_if(hits, [&](const WordHit& hit) {
      return std::any_of(filters.begin(), filters.end(), [&](auto& f) { return !f(hit.id); });
    });
    if (std::cmp_greater(hits.size(), options.limit))
      hits.resize(static_cast<size_t>(options.limit));
    return hits;
  }
  if (positive <= 0) return std::vector<WordHit>{};
  IdFilter passes([&](ImageId id) {
    return std::find(asked_with.begin(), asked_with.end(), id) == asked_with.end() &&
           std::all_of(filters.begin(), filters.end(), [&](auto& f) { return f(id); });
  });
  for (const IdFilter& filter : filters)
    if (filter.among && (!passes.among || filter.among->size() < passes.among->size()))
      passes.among = filter.among;

  // One wanted picture is matched in detail. Several are one query: the sum of weight × cosine is
  // the cosine with the weighted sum of the vectors, times its length.
  std::vector<float> sum;
  const QueryPart* wanted = nullptr;
  int wanted_pictures = 0;
  std::shared_ptr<const Searchable> space;  // of the sum
  for (const QueryPart& part : parts) {
    if (!part.picture || part.picture->vector.empty() || part.weight <= 0) continue;
    wanted = &part;
    ++wanted_pictures;
    std::vector<float> unit = part.picture->vector;
    if (sum.empty()) sum.resize(unit.size());
    if (!space) space = part.picture->space;
    if (sum.size() != unit.size() || (space && space->record.id != part.picture->space->record.id))
      return Error{ErrorCode::kConflict, "the projection changed under the query: try again"};
    l2_normalise(unit, static_cast<int>(unit.size()));
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += static_cast<float>(part.weight) * unit[i];
  }
  float length = 0;
  for (const float v : sum) length += v * v;
  length = std::sqrt(length);
  const auto look = [&](const std::vector<float>& vector,
                        const std::shared_ptr<const Searchable>& of, size_t limit,
                        const IdFilter& filter) {
    return nearest(library, {.vector = vector, .space = of},
                   {.limit = static_cast<int>(limit), .filter = filter});
  };
  const auto look_for_wanted = [&](size_t limit, const IdFilter& filter) {
    return wanted_pictures == 1 ? match(library, *wanted->picture,
                                        {.limit = static_cast<int>(limit), .filter = filter})
                                : look(sum, space, limit, filter);
  };

  struct Found {
    WordHit hit;
    double wanted = 0, unwanted = 0;
  };
  std::unordered_map<ImageId, Found> found;
  // Of what was found, without those.
  const auto found_but = [&](const std::unordered_set<ImageId>& seen) {
    auto rest = std::make_shared<std::vector<ImageId>>();
    for (const auto& [id, _] : found)
      if (!seen.contains(id)) rest->push_back(id);
    return IdFilter([&found, seen](ImageId id) { return found.contains(id) && !seen.contains(id); },
                    rest);
  };
  for (const QueryPart& part : parts) {
    if (part.picture || !has_words(part.words) || part.weight <= 0) continue;
    for (WordHit& hit : TRY(by_words.search(part.words, {.limit = kCandidates}))) {
      if (!passes(hit.id)) continue;
      Found& one = found[hit.id];
      one.wanted += part.weight * static_cast<double>(hit.similarity);
      WordHit& known = one.hit;
      known.text = std::max(known.text, hit.text);
      known.meaning = std::max(known.meaning, hit.meaning);
      known.picture = std::max(known.picture, hit.picture);
      std::move(hit.matches.begin(), hit.matches.end(), std::back_inserter(known.matches));
    }
  }
  if (length > 0) {
    std::vector<Hit> alike = TRY(look_for_wanted(kCandidates, passes));
    // Those found by words only, too.
    std::unordered_set<ImageId> seen;
    for (const Hit& hit : alike) seen.insert(hit.id);
    if (std::any_of(found.begin(), found.end(), [&](auto& f) { return !seen.contains(f.first); })) {
      const auto rest = TRY(look_for_wanted(found.size(), found_but(seen)));
      alike.insert(alike.end(), rest.begin(), rest.end());
    }
    for (const Hit& hit : alike) {
      Found& one = found[hit.id];
      one.wanted += static_cast<double>(length * hit.similarity);
      one.hit.like = hit.similarity;
      if (parts.size() > 1) continue;
      one.hit.relation = relation_of(hit.similarity);
      one.hit.part = hit.part;
    }
  }
  for (const QueryPart& part : parts) {
    if (part.weight >= 0) continue;
    const auto lower = [&](ImageId id, float similarity) {
      if (const auto at = found.find(id); at != found.end())
        at->second.unwanted -= part.weight * std::max(static_cast<double>(similarity), 0.0);
    };
    if (part.picture) {
      const auto alike =
          TRY(look(part.picture->vector, part.picture->space, found.size(), found_but({})));
      for (const Hit& hit : alike) lower(hit.id, hit.similarity);
    } else if (has_words(part.words)) {
      for (const WordHit& hit : TRY(by_words.search(part.words, {.limit = kCandidates})))
        lower(hit.id, std::max({hit.text, hit.picture, beyond_bound(hit.meaning)}));
    }
  }

  std::vector<WordHit> hits;
  for (auto& [id, one] : found) {
    const double kept = 1 - one.unwanted / positive;
    one.hit.id = id;
    one.hit.similarity =
        static_cast<float>(std::clamp(one.wanted / positive, 0.0, 1.0) * std::max(kept, 0.0));
    if (one.hit.similarity > 0 && one.hit.similarity >= options.min_similarity)
      hits.push_back(std::move(one.hit));
  }
  std::sort(hits.begin(), hits.end(), [](const WordHit& a, const WordHit& b) {
    return a.similarity != b.similarity ? a.similarity > b.similarity : a.id < b.id;
  });
  if (std::cmp_greater(hits.size(), options.limit)) hits.resize(static_cast<size_t>(options.limit));
  return hits;
}

}  // namespace mimeme
