#include "engine/categories.h"

#include <vector>

#include "engine/search.h"

namespace mimeme {

Result<int64_t> suggest_categories(Library& library, std::span<const ImageId> named) {
  const auto searchable = library.searchable();
  const float threshold = searchable && searchable->pca ? kFamilySimilarity : kFamilySimilarityRaw;
  std::vector<CategorySuggestion> suggestions;
  for (const ImageText& text : TRY(library.catalog().texts(named))) {
    if (text.category.empty()) continue;
    const SimilarOptions family{.limit = 10'000, .min_similarity = threshold, .exclude = {text.id}};
    for (const Hit& hit : TRY(nearest(library, TRY(query_by_id(library, text.id)), family)))
      suggestions.push_back({.id = hit.id, .name = text.category, .similarity = hit.similarity});
  }
  return library.catalog().suggest_categories(suggestions);
}

}  // namespace mimeme
