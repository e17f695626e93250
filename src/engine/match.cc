// match(): which images are the same picture as the query, or of the same template.
//
// An embedding says what pictures show, so its neighbours are the candidates; it cannot tell one
// caption from another, and a picture's frame, mirror image or negative moves it. So the candidates
// are compared in detail: keypoints say how the query lies in the candidate, if it does, and then
// block by block whether the two show the same there. That one picture is simply the whole of the
// other is always tried, which small and blurred pictures need, as they have no keypoints.
#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "engine/search.h"

namespace mimeme {
namespace {

constexpr int kCandidates = 40;  // that are compared in detail
constexpr int kPartCandidates = 160;
// An embedding hardly minds a mirror: if none of these is it mirrored, none of the others is.
constexpr size_t kMirroredCandidates = 10;

// Blocks as compare() counts them. Words that happen to be alike align too, but cover little.
constexpr double kMinCoverage = 0.15;
constexpr int kMinTextured = 8;
constexpr int kAlignedInliers = 6;
// Of the textured blocks, that agree; and that agree more than conflict, for where only words or a
// drawn background are alike, less does.
constexpr double kTemplateShare = 0.4, kTemplateLead = 0.2;
constexpr double kPictureShare = 0.88;
constexpr double kPictureConflicts = 0.01;
constexpr double kPictureCoverage = 0.55;  // of the candidate
// Of a part of a picture every other one of its template has the same part; so if there are others,
// it is not known which one it was.
constexpr double kWhole = 0.85;

// Copies of a picture are as good as one another, within this; a template with few words is not.
constexpr double kCopies = 0.05;

// Of two images whose details are not known (yet), that differ in nothing but their encoding.
constexpr float kSamePictureCosine = 0.998F;

// How well a candidate stands the comparison.
struct Evidence {
  Agreement agreement;
  bool is_aligned = false;
  Region shown;  // of the candidate, by the query
  double share() const {
    return agreement.textured == 0 ? 0 : 1.0 * agreement.agreeing / agreement.textured;
  }
  double conflicts() const {
    return agreement.textured == 0 ? 0 : 1.0 * agreement.conflicting / agreement.textured;
  }
  double quality() const { return std::clamp(share() - conflicts(), 0.0, 1.0); }
  int score() const { return agreement.agreeing - 2 * agreement.conflicting; }
  bool shows_enough() const {
    return is_aligned && agreement.coverage >= kMinCoverage && agreement.textured >= kMinTextured;
  }
  bool is_same_template() const {
    return shows_enough() && share() >= kTemplateShare && share() - conflicts() >= kTemplateLead;
  }
  bool is_same_picture() const {
    return shows_enough() && agreement.coverage >= kPictureCoverage && share() >= kPictureShare &&
           conflicts() <= kPictureConflicts;
  }
};

struct Candidate {
  ImageId id = 0;
  float cosine = 0;
  std::optional<Look> look;
  Evidence evidence;
};

// How the query may be turned before it is compared.
enum class Turn { kNone, kMirrored, kNegated };

// A view of the query in one turn.
struct Turned {
  LocalFeatures features;
  Pyramid picture;
};

Turned turned(const Look::View& view, Turn turn) {
  switch (turn) {
    case Turn::kMirrored:
      return {mirrored(view.features), Pyramid(mirrored(view.picture))};
    case Turn::kNegated:
      return {negated(view.features), Pyramid(negated(view.picture))};
    case Turn::kNone:
      break;
  }
  return {view.features, Pyramid(view.picture)};
}

// From the middles of one picture's pixels to those of the other, if one is the whole of the other.
Affine stretch(int width, int height, int to_width, int to_height) {
  const double across = 1.0 * to_width / width, down = 1.0 * to_height / height;
  return {across, 0, (across - 1) / 2, 0, down, (down - 1) / 2};
}

Affine after(const Affine& second, const Affine& first) {
  return {second.xx * first.xx + second.xy * first.yx,
          second.xx * first.xy + second.xy * first.yy,
          second.xx * first.x0 + second.xy * first.y0 + second.x0,
          second.yx * first.xx + second.yy * first.yx,
          second.yx * first.xy + second.yy * first.yy,
          second.yx * first.x0 + second.yy * first.y0 + second.y0};
}

// The part of `picture` that a query of this size shows; map: pixels of the picture → the query's.
Region shown_part(const Grey& picture, const Affine& map, int width, int height) {
  const Affine back = map.inverse();
  double left = 1, top = 1, right = 0, bottom = 0;
  for (const double u : {-0.5, width - 0.5})
    for (const double v : {-0.5, height - 0.5}) {
      const double x = (back.xx * u + back.xy * v + back.x0 + 0.5) / picture.width;
      const double y = (back.yx * u + back.yy * v + back.y0 + 0.5) / picture.height;
      left = std::min(left, x), right = std::max(right, x);
      top = std::min(top, y), bottom = std::max(bottom, y);
    }
  left = std::clamp(left, 0.0, 1.0), top = std::clamp(top, 0.0, 1.0);
  return {left, top, std::clamp(right, left, 1.0) - left, std::clamp(bottom, top, 1.0) - top};
}

void consider(const Evidence& evidence, Candidate& candidate) {
  if (!candidate.evidence.is_aligned || evidence.score() > candidate.evidence.score())
    candidate.evidence = evidence;
}

void compare_to(const Turned& query, Candidate& candidate) {
  const Look::View& whole = candidate.look->views.front();
  const Grey& kept = whole.picture;
  const int width = query.picture.width(), height = query.picture.height();
  consider(
      {.agreement = compare(kept, query.picture, stretch(kept.width, kept.height, width, height)),
       .is_aligned = true},
      candidate);
  if (candidate.evidence.is_same_picture()) return;
  const auto alignment = align(query.features, whole.features);
  if (!alignment || alignment->inliers < kAlignedInliers) return;
  // Features of a kept picture were found in a larger one than that which was kept.
  const Affine to_query =
      after(stretch(query.features.width, query.features.height, width, height),
            after(alignment->map.inverse(),
                  stretch(kept.width, kept.height, whole.features.width, whole.features.height)));
  consider({.agreement = compare(kept, query.picture, to_query),
            .is_aligned = true,
            .shown = shown_part(kept, to_query, width, height)},
           candidate);
}

// The best of the query's views and of the images' in each vector index.
class Candidates {
 public:
  Candidates(const Searchable& searchable, const SimilarOptions& options)
      : searchable_(searchable), options_(options) {}

  void add(std::span<const float> vector, int limit) {
    for (const Hit& hit :
         searchable_.index->search(vector, {.limit = limit, .filter = options_.wanted()}))
      note(hit.id, hit.similarity);
    if (!searchable_.parts || searchable_.parts->size() == 0) return;
    const auto wanted = options_.wanted();
    const SearchOptions parts{.limit = kPartCandidates, .filter = [&](int64_t part) {
                                return !wanted || wanted(image_of_part(part));
                              }};
    for (const Hit& hit : searchable_.parts->search(vector, parts)) {
      const ImageId id = image_of_part(hit.id);
      // An image that has gone may have left parts behind, until the next look.
      if (best_.contains(id) || !searchable_.index->row(id).empty()) note(id, hit.similarity);
    }
  }

  // Nearest first.
  std::vector<Candidate> take() {
    std::vector<Candidate> all;
    for (const auto& [id, cosine] : best_) all.push_back({.id = id, .cosine = cosine});
    std::sort(all.begin(), all.end(), [](const Candidate& a, const Candidate& b) {
      return a.cosine != b.cosine ? a.cosine > b.cosine : a.id < b.id;
    });
    return all;
  }

 private:
  void note(ImageId id, float cosine) {
    float& best = best_[id];
    best = std::max(best, cosine);
  }

  const Searchable& searchable_;
  const SimilarOptions& options_;
  std::unordered_map<ImageId, float> best_;
};

// Whether any is at least of the query's template.
bool compare_all(const Look& look, Turn turn, std::span<Candidate> candidates) {
  std::vector<Turned> views;
  for (const Look::View& view : look.views)
    if (!view.picture.pixels.empty()) views.push_back(turned(view, turn));
  bool found = false;
  for (Candidate& candidate : candidates) {
    if (!candidate.look) continue;
    for (const Turned& view : views)
      if (!candidate.evidence.is_same_picture()) compare_to(view, candidate);
    found = found || candidate.evidence.is_same_template();
  }
  return found;
}

Result<> fetch_looks(const Library& library, std::span<Candidate> candidates) {
  const auto store = library.features();
  if (!store) return {};
  std::vector<ImageId> ids;
  for (const Candidate& candidate : candidates)
    if (!candidate.look) ids.push_back(candidate.id);
  const std::vector<StoredFeatures> stored = TRY(store->get(ids));
  auto next = stored.begin();
  for (Candidate& candidate : candidates) {
    if (candidate.look || next == stored.end() || next->image != candidate.id) continue;
    candidate.look = TRY(to_look(*next++));
  }
  return {};
}

}  // namespace

float family_similarity(const Searchable& searchable) {
  return searchable.pca ? kFamilySimilarity : kFamilySimilarityRaw;
}

Result<std::vector<Hit>> match(const Library& library, const Query& query,
                               const SimilarOptions& options) {
  const auto searchable = library.searchable();
  if (!searchable || query.vector.empty()) return std::vector<Hit>{};
  if (static_cast<int>(query.vector.size()) != searchable->record.output_dim)
    return Error{ErrorCode::kConflict, "the projection changed under the query: try again"};
  const int limit = std::max(options.limit, kCandidates);
  Candidates by_vector(*searchable, options);
  by_vector.add(query.vector, limit);
  if (query.look)
    for (size_t i = 1; i < query.look->views.size(); ++i)
      by_vector.add(searchable->project(query.look->views[i].raw), kCandidates);
  std::vector<Candidate> all = by_vector.take();
  // Those that go into detail.
  const auto best = [&] { return std::span(all).first(std::min<size_t>(all.size(), kCandidates)); };
  if (query.look) {
    TRY(fetch_looks(library, best()));
    bool found = compare_all(*query.look, Turn::kNone, best());
    const auto nearest_few = best().first(std::min(best().size(), kMirroredCandidates));
    if (!found && compare_all(*query.look, Turn::kMirrored, nearest_few)) {
      compare_all(*query.look, Turn::kMirrored, best().subspan(nearest_few.size()));
      found = true;
    }
    if (!found && query.embed_negative) {
      Candidates again(*searchable, options);
      again.add(searchable->project(TRY(query.embed_negative())), kCandidates);
      std::vector<Candidate> more = again.take();
      if (more.size() > kCandidates) more.resize(kCandidates);
      TRY(fetch_looks(library, more));
      if (compare_all(*query.look, Turn::kNegated, more)) {
        std::unordered_map<ImageId, size_t> at;
        for (size_t i = 0; i < all.size(); ++i) at[all[i].id] = i;
        for (Candidate& candidate : more) {
          const auto known = at.find(candidate.id);
          if (known == at.end()) {
            all.push_back(std::move(candidate));
          } else {
            candidate.cosine = std::max(candidate.cosine, all[known->second].cosine);
            all[known->second] = std::move(candidate);
          }
        }
      }
    }
  }

  int same_pictures = 0;
  double best_quality = 0;  // of these
  for (const Candidate& candidate : all) {
    if (!candidate.evidence.is_same_picture()) continue;
    ++same_pictures;
    best_quality = std::max(best_quality, candidate.evidence.quality());
  }
  const float family = family_similarity(*searchable);
  std::vector<Hit> hits;
  for (const Candidate& candidate : all) {
    const Evidence& evidence = candidate.evidence;
    const auto quality = static_cast<float>(evidence.quality());
    const auto confidence = static_cast<float>(searchable->background.confidence(candidate.cosine));
    const bool is_certain = (evidence.agreement.coverage >= kWhole || same_pictures == 1) &&
                            evidence.quality() >= best_quality - kCopies;
    const bool is_compared = query.look && candidate.look;
    // 0..1 within a relation, mapped to its range of similarities.
    const auto within = [](float from, float to, float place) {
      return from + (to - from) * 0.999F * place;
    };
    Hit hit{.id = candidate.id, .similarity = within(0, kSameTemplateFrom, confidence)};
    if (candidate.id == query.image) {
      hit.similarity = 1;
    } else if (evidence.is_same_picture() && is_certain) {
      hit.similarity = kSamePictureFrom + (1 - kSamePictureFrom) * quality;
    } else if (!is_compared && candidate.cosine >= kSamePictureCosine) {
      hit.similarity = candidate.cosine;
    } else if (evidence.is_same_template()) {
      hit.similarity = within(kSameTemplateFrom, kSamePictureFrom, quality);
    } else if (!is_compared && candidate.cosine >= family) {
      hit.similarity =
          within(kSameTemplateFrom, kSamePictureFrom, (candidate.cosine - family) / (1 - family));
    }
    if (evidence.is_same_template() && evidence.shown.width * evidence.shown.height < kWhole)
      hit.part = evidence.shown;
    if (hit.similarity >= options.min_similarity) hits.push_back(hit);
  }
  // Of several that agree in every block, the nearest first: they come in that order.
  std::unordered_map<ImageId, size_t> place;
  for (const Hit& hit : hits) place.emplace(hit.id, place.size());
  std::sort(hits.begin(), hits.end(), [&](const Hit& a, const Hit& b) {
    return a.similarity != b.similarity ? a.similarity > b.similarity
                                        : place.at(a.id) < place.at(b.id);
  });
  if (std::cmp_greater(hits.size(), options.limit)) hits.resize(static_cast<size_t>(options.limit));
  return hits;
}

}  // namespace mimeme
