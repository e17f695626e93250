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

}  // namespace

Result<std::vector<WordHit>> mixed_search(const Library& library, const WordSearch& by_words,
                                          std::span<const QueryPart> parts,
                                          const MixedOptions& options) {
  if (parts.empty()) return Error{ErrorCode::kInvalidArgument, "say what to look for"};
  if (parts.size() == 1 && !parts[0].picture && parts[0].weight > 0)
    return by_words.search(parts[0].words,
                           {.limit = options.limit, .min_similarity = options.min_similarity});

  // What holds for every hit.
  std::vector<std::function<bool(ImageId)>> filters;
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
  const auto passes = [&](ImageId id) {
    return std::find(asked_with.begin(), asked_with.end(), id) == asked_with.end() &&
           std::all_of(filters.begin(), filters.end(), [&](auto& f) { return f(id); });
  };

  // All pictures are one query: the sum of weight × cosine is the cosine with the weighted sum of
  // the vectors, times its length.
  std::vector<float> sum;
  for (const QueryPart& part : parts) {
    if (!part.picture || part.picture->vector.empty()) continue;
    std::vector<float> unit = part.picture->vector;
    if (sum.empty()) sum.resize(unit.size());
    if (sum.size() != unit.size())
      return Error{ErrorCode::kConflict, "the projection changed under the query: try again"};
    l2_normalise(unit, static_cast<int>(unit.size()));
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += static_cast<float>(part.weight) * unit[i];
  }
  float length = 0;
  for (const float v : sum) length += v * v;
  length = std::sqrt(length);
  const auto look = [&](const std::function<bool(ImageId)>& filter) {
    return nearest(library, {.vector = sum}, {.limit = kCandidates, .filter = filter});
  };

  std::unordered_map<ImageId, WordHit> found;
  std::unordered_map<ImageId, double> scores;
  for (const QueryPart& part : parts) {
    if (part.picture || !has_words(part.words)) continue;
    for (WordHit& hit : TRY(by_words.search(part.words, {.limit = kCandidates}))) {
      if (!passes(hit.id)) continue;
      scores[hit.id] += part.weight * static_cast<double>(hit.similarity);
      WordHit& known = found[hit.id];
      known.id = hit.id;
      if (part.weight <= 0) continue;  // no reason to show it
      known.text = std::max(known.text, hit.text);
      known.meaning = std::max(known.meaning, hit.meaning);
      known.picture = std::max(known.picture, hit.picture);
      std::move(hit.matches.begin(), hit.matches.end(), std::back_inserter(known.matches));
    }
  }
  if (length > 0) {
    std::vector<Hit> alike = TRY(look([&](ImageId id) { return passes(id); }));
    // Those found by words only, too.
    std::unordered_set<ImageId> seen;
    for (const Hit& hit : alike) seen.insert(hit.id);
    if (std::any_of(found.begin(), found.end(), [&](auto& f) { return !seen.contains(f.first); })) {
      const auto rest =
          TRY(look([&](ImageId id) { return found.contains(id) && !seen.contains(id); }));
      alike.insert(alike.end(), rest.begin(), rest.end());
    }
    for (const Hit& hit : alike) {
      scores[hit.id] += static_cast<double>(length * hit.similarity);
      found[hit.id].id = hit.id;
      found[hit.id].like = hit.similarity;
    }
  }

  std::vector<WordHit> hits;
  for (auto& [id, hit] : found) {
    hit.similarity = static_cast<float>(std::clamp(scores[id] / positive, 0.0, 1.0));
    if (hit.similarity > 0 && hit.similarity >= options.min_similarity)
      hits.push_back(std::move(hit));
  }
  std::sort(hits.begin(), hits.end(), [](const WordHit& a, const WordHit& b) {
    return a.similarity != b.similarity ? a.similarity > b.similarity : a.id < b.id;
  });
  if (std::cmp_greater(hits.size(), options.limit)) hits.resize(static_cast<size_t>(options.limit));
  return hits;
}

}  // namespace mimeme
