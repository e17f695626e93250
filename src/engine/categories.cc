#include "engine/categories.h"

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/search.h"

namespace mimeme {

namespace {

constexpr int kPage = 1024;

float family_similarity(const Library& library) {
  const auto searchable = library.searchable();
  return searchable ? family_similarity(*searchable) : 1;
}

}  // namespace

Result<int64_t> suggest_categories(Library& library, std::span<const ImageId> named) {
  const float threshold = family_similarity(library);
  std::vector<CategorySuggestion> suggestions;
  for (const ImageText& text : TRY(library.catalog().texts(named))) {
    if (text.category.empty()) continue;
    const auto query = query_by_id(library, text.id, By::kVector);
    if (!query && query.error().code == ErrorCode::kNotFound) continue;  // not yet
    if (!query) return query.error();
    const SimilarOptions family{.limit = 10'000, .min_similarity = threshold, .exclude = {text.id}};
    for (const Hit& hit : TRY(nearest(library, *query, family)))
      suggestions.push_back({.id = hit.id, .name = text.category, .similarity = hit.similarity});
  }
  return library.catalog().suggest_categories(suggestions);
}

Result<int64_t> suggest_categories_since(Library& library, int64_t seq) {
  Catalog& catalog = library.catalog();
  std::unordered_map<ImageId, std::string> named;
  for (auto& [id, name] : TRY(catalog.categories())) named.emplace(id, std::move(name));
  if (named.empty()) return 0;
  const SimilarOptions nearest_named{.limit = 1,
                                     .min_similarity = family_similarity(library),
                                     .filter = [&](ImageId id) { return named.contains(id); }};
  int64_t made = 0;
  // Not beyond now: a suggestion is a change too.
  for (const int64_t last = TRY(catalog.text_seq()); seq < last;) {
    const TextPage page = TRY(catalog.texts_since(seq, kPage));
    if (page.texts.empty()) break;
    seq = page.seq;
    std::vector<CategorySuggestion> suggestions;
    for (const ImageText& text : page.texts) {
      if (!text.category.empty() || !text.suggested_category.empty()) continue;
      const auto query = query_by_id(library, text.id, By::kVector);
      if (!query && query.error().code == ErrorCode::kNotFound) continue;  // not yet
      if (!query) return query.error();
      for (const Hit& hit : TRY(nearest(library, *query, nearest_named)))
        suggestions.push_back(
            {.id = text.id, .name = named.at(hit.id), .similarity = hit.similarity});
    }
    made += TRY(catalog.suggest_categories(suggestions));
  }
  return made;
}

}  // namespace mimeme
