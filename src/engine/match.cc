// match(): which images are the same picture as the query, or of the same template.
//
// An embedding says what pictures show, so its neighbours are the candidates; it cannot tell one
// caption from another, and a picture's frame, mirror image or negative moves it. So the candidates
// are compared in detail: keypoints say how the query lies in the candidate, if it does, and then
// block by block whether the two show the same there. That one picture is simply the whole of the
// other is always tried, which small and blurred pictures need, as they have no keypoints.
#include <algorithm>
#include <cmath>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "core/half.h"
#include "core/parts.h"
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
// drawn background are alike, less does. Of those without words more must (docs/decisions/0020).
constexpr double kTemplateShare = 0.5, kTemplateLead = 0.3;
constexpr double kWordlessShare = 0.6, kWordlessLead = 0.5;
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

bool agree(const Blocks& blocks, double share, double lead) {
  return blocks.textured >= kMinTextured && blocks.share() >= share &&
         blocks.share() - blocks.conflicts() >= lead;
}

// How well a candidate stands the comparison.
struct Evidence {
  Agreement agreement;
  Region shown;  // of the candidate, by the query
  Region place;  // of the candidate, in the query
  double quality() const {
    return std::clamp(agreement.all.share() - agreement.all.conflicts(), 0.0, 1.0);
  }
  // Of a template others have other words.
  bool is_same_template() const {
    return agreement.coverage >= kMinCoverage &&
           (agree(agreement.all, kTemplateShare, kTemplateLead) ||
            agree(agreement.without_words, kWordlessShare, kWordlessLead));
  }
  bool is_same_picture() const {
    return agreement.coverage >= kPictureCoverage && agreement.all.textured >= kMinTextured &&
           agreement.all.share() >= kPictureShare && agreement.all.conflicts() <= kPictureConflicts;
  }
  // The better it is, the more it tells.
  auto rank() const {
    return std::tuple(is_same_picture(), is_same_template(),
                      agreement.all.agreeing - 2 * agreement.all.conflicting);
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

Turned turned(const Grey& picture, const LocalFeatures& features, Turn turn) {
  switch (turn) {
    case Turn::kMirrored:
      return {mirrored(features), Pyramid(mirrored(picture))};
    case Turn::kNegated:
      return {negated(features), Pyramid(negated(picture))};
    case Turn::kNone:
      break;
  }
  return {features, Pyramid(picture)};
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

// Where a picture of this size lies in another one, inside of it; map: pixels of the one → pixels
// of the other.
Region place_of(int width, int height, const Affine& map, int in_width, int in_height) {
  double left = 1, top = 1, right = 0, bottom = 0;
  for (const double u : {-0.5, width - 0.5})
    for (const double v : {-0.5, height - 0.5}) {
      const double x = (map.xx * u + map.xy * v + map.x0 + 0.5) / in_width;
      const double y = (map.yx * u + map.yy * v + map.y0 + 0.5) / in_height;
      left = std::min(left, x), right = std::max(right, x);
      top = std::min(top, y), bottom = std::max(bottom, y);
    }
  left = std::clamp(left, 0.0, 1.0), top = std::clamp(top, 0.0, 1.0);
  return {left, top, std::clamp(right, left, 1.0) - left, std::clamp(bottom, top, 1.0) - top};
}

double area(const Region& region) { return region.width * region.height; }

bool covers(const Region& region, const Region& part) {
  constexpr double kNearly = 0.9;
  const double across = std::min(region.left + region.width, part.left + part.width) -
                        std::max(region.left, part.left);
  const double down =
      std::min(region.top + region.height, part.top + part.height) - std::max(region.top, part.top);
  return across > 0 && down > 0 && across * down >= kNearly * area(part);
}

void consider(const Evidence& evidence, Candidate& candidate) {
  if (evidence.rank() > candidate.evidence.rank()) candidate.evidence = evidence;
}

// If one is the whole of the other.
void compare_whole(const Turned& query, Candidate& candidate) {
  const Grey& kept = candidate.look->views.front().picture;
  consider({.agreement = compare(
                kept, query.picture,
                stretch(kept.width, kept.height, query.picture.width(), query.picture.height()),
                kTemplateShare)},
           candidate);
}

// As their keypoints say that one lies in the other.
void compare_aligned(const Turned& query, Candidate& candidate) {
  const Look::View& whole = candidate.look->views.front();
  const Grey& kept = whole.picture;
  const int width = query.picture.width(), height = query.picture.height();
  const auto alignment = align(query.features, whole.features);
  if (!alignment || alignment->inliers < kAlignedInliers) return;
  // Features of a kept picture were found in a larger one than that which was kept.
  const Affine to_query =
      after(stretch(query.features.width, query.features.height, width, height),
            after(alignment->map.inverse(),
                  stretch(kept.width, kept.height, whole.features.width, whole.features.height)));
  consider({.agreement = compare(kept, query.picture, to_query, kTemplateShare),
            .shown = place_of(width, height, to_query.inverse(), kept.width, kept.height),
            .place = place_of(kept.width, kept.height, to_query, width, height)},
           candidate);
}

// Each step is left out of what is the same picture already.
void compare_with(std::span<const Turned> views, Candidate& candidate) {
  if (!candidate.look) return;
  for (const Turned& view : views) {
    if (!candidate.evidence.is_same_picture()) compare_whole(view, candidate);
    if (!candidate.evidence.is_same_picture()) compare_aligned(view, candidate);
  }
}

void compare_all(std::span<const Turned> views, std::span<Candidate> candidates) {
  for (Candidate& candidate : candidates) compare_with(views, candidate);
}

bool any(std::span<const Candidate> candidates, bool (Evidence::*is)() const) {
  return std::any_of(candidates.begin(), candidates.end(),
                     [&](const Candidate& candidate) { return (candidate.evidence.*is)(); });
}

// Which parts may be hits, if these images may.
IdFilter of_parts(const IdFilter& images) {
  IdFilter parts([passes = images.passes](int64_t part) { return passes(image_of_part(part)); });
  if (!images.among) return parts;
  auto among = std::make_shared<std::vector<ImageId>>();
  for (const ImageId id : *images.among)
    for (size_t n = 0; n < kMaxParts; ++n) among->push_back(part_id(id, n));
  parts.among = std::move(among);
  return parts;
}

// The images nearest to any of several vectors, themselves or with a part.
class Candidates {
 public:
  Candidates(const Library& library, const Searchable& searchable, const SimilarOptions& options)
      : library_(library), searchable_(searchable), options_(options) {}

  Result<> add(std::span<const float> vector, int limit) {
    if (std::cmp_not_equal(vector.size(), searchable_.record.output_dim))
      return {};  // of a part whose details are damaged: `mimeme check` finds it
    const IdFilter wanted = options_.wanted();
    const auto hits = TRY(searchable_.index->search(vector, {.limit = limit, .filter = wanted}));
    for (const Hit& hit : hits) note(hit.id, hit.similarity);
    if (!searchable_.parts || searchable_.parts->size() == 0) return {};
    SearchOptions options{.limit = kPartCandidates};
    if (wanted) options.filter = of_parts(wanted);
    const auto parts = TRY(searchable_.parts->search(vector, options));
    // An image that has gone may have left parts behind, until the next look.
    std::vector<ImageId> others;
    for (const Hit& hit : parts)
      if (const ImageId id = image_of_part(hit.id); !at_.contains(id)) others.push_back(id);
    const auto known = TRY(searchable_.index->known(others));
    const std::unordered_set<ImageId> are_there(known.begin(), known.end());
    for (const Hit& hit : parts)
      if (const ImageId id = image_of_part(hit.id); at_.contains(id) || are_there.contains(id))
        note(id, hit.similarity);
    return {};
  }

  // Nearest first.
  std::vector<Candidate>& all() {
    std::sort(all_.begin(), all_.end(), [](const Candidate& a, const Candidate& b) {
      return a.cosine != b.cosine ? a.cosine > b.cosine : a.id < b.id;
    });
    for (size_t i = 0; i < all_.size(); ++i) at_[all_[i].id] = i;
    return all_;
  }

  // Those that go into detail, with what is known of it; nearest first.
  Result<std::span<Candidate>> best() {
    const std::span<Candidate> best =
        std::span(all()).first(std::min<size_t>(all_.size(), kCandidates));
    if (const Details* const details = library_.details()) {
      std::vector<ImageId> ids;
      for (const Candidate& candidate : best)
        if (!candidate.look) ids.push_back(candidate.id);
      const std::vector<StoredFeatures> stored = TRY(details->get(ids));
      auto next = stored.begin();
      for (Candidate& candidate : best)
        if (!candidate.look && next != stored.end() && next->image == candidate.id)
          if (auto look = to_look(*next++)) candidate.look = *std::move(look);
    }
    return best;
  }

  // Takes what another way to look at the query has found out.
  void take(std::span<Candidate> others) {
    for (Candidate& other : others) {
      note(other.id, other.cosine);
      Candidate& candidate = all_[at_[other.id]];
      other.cosine = candidate.cosine;
      candidate = std::move(other);
    }
  }

 private:
  void note(ImageId id, float cosine) {
    const auto [known, is_new] = at_.emplace(id, all_.size());
    if (is_new) all_.push_back({.id = id, .cosine = cosine});
    float& best = all_[known->second].cosine;
    best = std::max(best, cosine);
  }

  const Library& library_;
  const Searchable& searchable_;
  const SimilarOptions& options_;
  std::vector<Candidate> all_;
  std::unordered_map<ImageId, size_t> at_;  // in all_
};

// Whether as much can be seen in a copy as in the query.
bool is_as_good(const Look& copy, const Look& query) {
  constexpr double kNearly = 0.8;
  constexpr size_t kEnough = 100;  // keypoints
  const LocalFeatures& features = copy.views.front().features;
  return features.keypoints.size() >= kEnough &&
         features.width >= kNearly * query.views.front().picture.width;
}

// Parts of an image that is kept have no picture.
void append_turned(const std::vector<Look::View>& parts, Turn turn, std::vector<Turned>& views) {
  for (const Look::View& part : parts)
    if (!part.picture.pixels.empty()) views.push_back(turned(part.picture, part.features, turn));
}

// The query as it is. What costs more is only done if what costs less has not told what it is:
// first the picture as a whole, then its keypoints, then its parts.
Result<> compare_as_it_is(const Library& library, const Searchable& searchable,
                          const QueryLook& look, Candidates& candidates) {
  const std::span<const Look::View> glance = look.glance().views;
  std::vector<Turned> views{{.features = {}, .picture = Pyramid(glance.front().picture)}};
  std::span<Candidate> best = TRY(candidates.best());
  const Candidate* copy = nullptr;
  for (Candidate& candidate : best) {
    if (!candidate.look) continue;
    compare_whole(views.front(), candidate);
    if (candidate.evidence.is_same_picture() &&
        (!copy || candidate.evidence.rank() > copy->evidence.rank()))
      copy = &candidate;
  }
  // Those of a copy of the whole are in the same places, if it is as large.
  views.front().features = copy && !look.is_kept() && is_as_good(*copy->look, look.glance())
                               ? copy->look->views.front().features
                               : *look.features();
  std::unordered_set<ImageId> compared;
  for (Candidate& candidate : best) {
    compared.insert(candidate.id);
    if (candidate.look && !candidate.evidence.is_same_picture())
      compare_aligned(views.front(), candidate);
  }

  if (glance.size() == 1) return {};
  const auto has_all_parts = [&](const Candidate& one) {
    return one.evidence.is_same_picture() &&
           std::all_of(glance.begin() + 1, glance.end(), [&](const Look::View& part) {
             return covers(one.evidence.place, part.region);
           });
  };
  const auto known = std::find_if(best.begin(), best.end(), has_all_parts);
  std::vector<StoredPart> known_parts;
  bool are_known = false;
  if (known != best.end() && !look.is_kept()) {
    known_parts = TRY(library.details()->parts(known->id, searchable.record.model));
    // A part is the copy itself, or one of its parts.
    const auto inner = std::count_if(glance.begin() + 1, glance.end(), [&](const Look::View& part) {
      return !covers(part.region, known->evidence.place);
    });
    are_known = std::ssize(known_parts) >= inner;
  }
  if (are_known) {
    // What is near to the parts is near to those of the copy.
    TRY(candidates.add(TRY(searchable.index->row(known->id)), kCandidates));
    for (const StoredPart& part : known_parts)
      TRY(candidates.add(searchable.project(to_float(part.embedding)), kCandidates));
  } else {
    const auto parts = TRY(look.parts());
    for (const Look::View& part : *parts)
      TRY(candidates.add(searchable.project(part.raw), kCandidates));
    append_turned(*parts, Turn::kNone, views);
  }
  best = TRY(candidates.best());
  for (Candidate& candidate : best)
    compare_with(std::span(views).subspan(compared.contains(candidate.id) ? 1 : 0), candidate);
  return {};
}

// The query with all of its parts.
Result<std::vector<Turned>> views_of(const QueryLook& look, Turn turn) {
  std::vector<Turned> views{turned(look.glance().views.front().picture, *look.features(), turn)};
  append_turned(*TRY(look.parts()), turn, views);
  return views;
}

Result<> compare_in_detail(const Library& library, const Searchable& searchable,
                           const QueryLook& look, const SimilarOptions& options,
                           Candidates& candidates) {
  TRY(compare_as_it_is(library, searchable, look, candidates));
  // A symmetric picture is of the template of its mirror image, but for the words.
  if (any(candidates.all(), &Evidence::is_same_picture)) return {};
  const bool is_of_a_template = any(candidates.all(), &Evidence::is_same_template);
  const std::span<Candidate> best = TRY(candidates.best());
  const std::vector<Turned> mirrored = TRY(views_of(look, Turn::kMirrored));
  const auto nearest_few = best.first(std::min(best.size(), kMirroredCandidates));
  compare_all(mirrored, nearest_few);
  if (any(nearest_few, is_of_a_template ? &Evidence::is_same_picture : &Evidence::is_same_template))
    compare_all(mirrored, best.subspan(nearest_few.size()));
  if (any(candidates.all(), &Evidence::is_same_template) || look.is_kept()) return {};
  Candidates of_negative(library, searchable, options);
  const auto negative = TRY(look.negative());
  TRY(of_negative.add(searchable.project(*negative), kCandidates));
  const std::span<Candidate> others = TRY(of_negative.best());
  const std::vector<Turned> negated = TRY(views_of(look, Turn::kNegated));
  compare_all(negated, others);
  if (any(others, &Evidence::is_same_template)) candidates.take(others);
  return {};
}

}  // namespace

float family_similarity(const Searchable& searchable) {
  return searchable.pca ? kFamilySimilarity : kFamilySimilarityRaw;
}

Result<std::vector<Hit>> match(const Library& library, const Query& query,
                               const SimilarOptions& options) {
  const auto searchable = query.space ? query.space : library.searchable();
  if (!searchable || query.vector.empty()) return std::vector<Hit>{};
  if (static_cast<int>(query.vector.size()) != searchable->record.output_dim)
    return Error{ErrorCode::kConflict, "the projection changed under the query: try again"};
  Candidates candidates(library, *searchable, options);
  TRY(candidates.add(query.vector, std::max(options.limit, kCandidates)));
  if (query.look) TRY(compare_in_detail(library, *searchable, *query.look, options, candidates));
  const std::vector<Candidate>& all = candidates.all();

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
    if (evidence.is_same_template() && area(evidence.shown) < kWhole) hit.part = evidence.shown;
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
