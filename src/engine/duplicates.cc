#include "engine/duplicates.h"

#include <algorithm>
#include <map>
#include <queue>
#include <set>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "engine/search.h"
#include "engine/stage.h"

namespace mimeme {
namespace {

using Pairs = std::set<std::pair<ImageId, ImageId>>;  // the lesser first

bool is_in(const Pairs& pairs, ImageId a, ImageId b) { return pairs.contains(std::minmax(a, b)); }

bool is_better(const ImageRecord& a, const ImageRecord& b) {
  const auto merits = [](const ImageRecord& image) {
    const bool is_lossless = image.info.format == "png" || image.info.format == "tiff";
    return std::tuple(int64_t{image.info.width} * image.info.height, image.info.frames, is_lossless,
                      image.bytes, -image.id);
  };
  return merits(a) > merits(b);
}

// Images that are joined, most alike first, unless that would bring two together that are apart.
class Groups {
 public:
  explicit Groups(const Pairs& apart) : apart_(apart) {}

  void join(ImageId a, ImageId b) {
    const int keep = group(a), goes = group(b);
    if (keep == goes) return;
    std::vector<ImageId>&kept = members_[keep], &going = members_[goes];
    if (!apart_.empty())
      for (const ImageId one : kept)
        for (const ImageId other : going)
          if (is_in(apart_, one, other)) return;
    for (const ImageId id : going) group_of_[id] = keep;
    kept.insert(kept.end(), going.begin(), going.end());
    going.clear();
  }

  // Of two images or more; sorted, and each by number.
  std::vector<std::vector<ImageId>> take() {
    std::vector<std::vector<ImageId>> groups;
    for (auto& [n, members] : members_) {
      if (members.size() < 2) continue;
      std::sort(members.begin(), members.end());
      groups.push_back(std::move(members));
    }
    std::sort(groups.begin(), groups.end());
    return groups;
  }

 private:
  int group(ImageId id) {
    const auto [at, is_new] = group_of_.try_emplace(id, next_);
    if (is_new) members_[next_++] = {id};
    return at->second;
  }

  const Pairs& apart_;
  int next_ = 0;
  std::unordered_map<ImageId, int> group_of_;
  std::map<int, std::vector<ImageId>> members_;
};

}  // namespace

Result<std::vector<ImageId>> Duplicates::waiting() const {
  const auto searchable = library_.searchable();
  if (!searchable) return std::vector<ImageId>{};
  std::vector<ImageId> all = TRY(library_.catalog().images_matching({}));
  std::unordered_map<ImageId, bool> seen;
  {
    Lock lock(mu_);
    if (found_.generation == searchable->record.id) seen = found_.seen;
  }
  // Those whose details have come to be known since.
  std::unordered_set<ImageId> detailed;
  const auto store = library_.features();
  if (store && std::any_of(seen.begin(), seen.end(), [](const auto& one) { return !one.second; })) {
    constexpr int kPage = 10'000;
    for (ImageId after = 0;;) {
      const std::vector<ImageId> page = TRY(store->images(after, kPage));
      if (page.empty()) break;
      detailed.insert(page.begin(), page.end());
      after = page.back();
    }
  }
  std::erase_if(all, [&](ImageId id) {
    const auto at = seen.find(id);
    return (at != seen.end() && (at->second || !detailed.contains(id))) ||
           searchable->index->row(id).empty();
  });
  return all;
}

Result<int64_t> Duplicates::count_waiting() const { return std::ssize(TRY(waiting())); }

int64_t Duplicates::count_rough() const {
  Lock lock(mu_);
  return std::count_if(found_.seen.begin(), found_.seen.end(),
                       [](const auto& one) { return !one.second; });
}

Result<> Duplicates::compare(const CompareOptions& options) {
  for (;;) {
    const auto searchable = library_.searchable();
    if (!searchable) return {};
    const Result<> compared = compare_waiting(options, searchable->record.id);
    const auto now = library_.searchable();
    if (now && now->record.id == searchable->record.id) return compared;
    // Projected anew meanwhile: all over again.
    if (!compared && compared.error().code != ErrorCode::kConflict) return compared;
  }
}

Result<> Duplicates::compare_waiting(const CompareOptions& options, ProjectionId generation) {
  const std::vector<ImageId> ids = TRY(waiting());
  {
    Lock lock(mu_);
    if (found_.generation != generation)
      found_ = {.generation = generation, .hits = {}, .seen = {}};
  }
  TRY(compare(ids, options, 0, std::ssize(ids)));
  // What was found says so of the new ones, too.
  const std::unordered_set<ImageId> compared(ids.begin(), ids.end());
  std::set<ImageId> again;
  {
    Lock lock(mu_);
    for (const ImageId id : ids)
      if (const auto at = found_.hits.find(id); at != found_.hits.end())
        for (const Hit& hit : at->second)
          if (!compared.contains(hit.id)) again.insert(hit.id);
  }
  const std::vector<ImageId> others(again.begin(), again.end());
  TRY(compare(others, options, std::ssize(ids), std::ssize(ids) + std::ssize(others)));
  return ids.empty() ? Result<>() : settle(options.stop);
}

// match() does not say that a part of a picture is the same picture, if it may be a part of
// several. If these are all one picture, it is asked for the likeliest alone.
Result<> Duplicates::settle(const std::stop_token& stop) {
  const Pairs none;
  Groups joined(none);
  for (const auto& [id, hits] : mutual())
    for (const Hit& hit : hits) joined.join(id, hit.id);
  std::unordered_map<ImageId, ImageId> picture;  // by image: the first one that is the same
  for (const auto& members : joined.take())
    for (const ImageId id : members) picture[id] = members.front();
  const auto picture_of = [&](ImageId id) {
    const auto at = picture.find(id);
    return at == picture.end() ? id : at->second;
  };

  Graph finders;  // of an image that did not find them
  {
    Lock lock(mu_);
    for (const auto& [id, hits] : found_.hits)
      for (const Hit& hit : hits) {
        const auto back = found_.hits.find(hit.id);
        if (back == found_.hits.end() ||
            std::ranges::none_of(back->second, [&](const Hit& h) { return h.id == id; }))
          finders[hit.id].push_back({.id = id, .similarity = hit.similarity});
      }
  }
  for (const auto& [id, by] : finders) {
    if (stop.stop_requested()) return Error{ErrorCode::kCancelled, "stopped"};
    const ImageId whole = picture_of(by.front().id);
    if (whole == picture_of(id) ||
        std::ranges::any_of(by, [&](const Hit& hit) { return picture_of(hit.id) != whole; }))
      continue;
    const auto query = query_by_id(library_, id);
    if (!query) continue;  // it has gone
    const ImageId likeliest = std::ranges::max(by, {}, &Hit::similarity).id;
    const std::vector<Hit> hits = TRY(
        match(library_, *query, {.min_similarity = kSamePictureFrom, .filter = [&](ImageId other) {
                                   return other == likeliest;
                                 }}));
    if (hits.empty()) continue;
    Lock lock(mu_);
    found_.hits[id].push_back(hits.front());
  }
  return {};
}

Result<> Duplicates::compare(std::span<const ImageId> ids, const CompareOptions& options,
                             int64_t before, int64_t total) {
  struct Compared {
    ImageId id = 0;
    bool in_detail = false, has_gone = false;
    Result<std::vector<Hit>> hits;
  };
  int64_t done = before;
  TRY(run_stage<Compared>(
      [&](int64_t after, int limit) -> Result<std::vector<Work>> {
        std::vector<Work> page;
        for (auto id = std::ranges::upper_bound(ids, after);
             id != ids.end() && std::ssize(page) < limit; ++id)
          page.push_back({.n = *id});
        return page;
      },
      [&](const Work& work) -> Compared {
        const auto query = query_by_id(library_, work.n);
        if (!query)
          return {.id = work.n,
                  .has_gone = query.error().code == ErrorCode::kNotFound,
                  .hits = query.error()};
        return {.id = work.n,
                .in_detail = query->look != nullptr,
                .hits = match(library_, *query,
                              {.min_similarity = kSamePictureFrom, .exclude = {work.n}})};
      },
      [&](std::span<const Compared> batch) -> Result<> {
        for (const Compared& compared : batch) {
          options.progress(++done, total);
          if (compared.has_gone) continue;
          if (!compared.hits) return compared.hits.error();
          Lock lock(mu_);
          found_.seen[compared.id] = compared.in_detail;
          if (compared.hits->empty()) {
            found_.hits.erase(compared.id);
          } else {
            found_.hits[compared.id] = *compared.hits;
          }
        }
        return {};
      },
      {.threads = options.threads,
       .commit_batch = 64,
       .commit_seconds = 0.2,
       .stop = options.stop}));
  if (options.stop.stop_requested()) return Error{ErrorCode::kCancelled, "stopped"};
  return {};
}

Duplicates::Graph Duplicates::mutual() const {
  const auto searchable = library_.searchable();
  Graph mutual;
  if (!searchable) return mutual;
  Lock lock(mu_);
  if (found_.generation != searchable->record.id) return mutual;
  for (const auto& [id, hits] : found_.hits) {
    if (searchable->index->row(id).empty()) continue;
    for (const Hit& hit : hits) {
      const auto back = found_.hits.find(hit.id);
      if (hit.id < id || back == found_.hits.end()) continue;  // a pair is met twice
      for (const Hit& other : back->second) {
        if (other.id != id || searchable->index->row(hit.id).empty()) continue;
        const float similarity = std::min(hit.similarity, other.similarity);
        mutual[id].push_back({.id = hit.id, .similarity = similarity});
        mutual[hit.id].push_back({.id = id, .similarity = similarity});
      }
    }
  }
  return mutual;
}

namespace {

// Of each of `members`, its similarity to `best` by the way whose least one is greatest.
std::unordered_map<ImageId, float> similarities(
    const std::unordered_map<ImageId, std::vector<Hit>>& mutual,
    const std::vector<ImageId>& members, ImageId best, const Pairs& apart) {
  std::unordered_map<ImageId, float> reached;
  const std::unordered_set<ImageId> wanted(members.begin(), members.end());
  std::priority_queue<std::pair<float, ImageId>> ways;
  ways.emplace(1.0F, best);
  while (!ways.empty()) {
    const auto [similarity, id] = ways.top();
    ways.pop();
    if (!reached.emplace(id, similarity).second) continue;
    for (const Hit& hit : mutual.at(id))
      if (wanted.contains(hit.id) && !is_in(apart, id, hit.id))
        ways.emplace(std::min(similarity, hit.similarity), hit.id);
  }
  return reached;
}

}  // namespace

Result<DuplicatePage> Duplicates::groups(ImageId after, int limit) const {
  Pairs apart;
  for (const auto& [a, b] : TRY(library_.catalog().not_duplicates())) apart.emplace(a, b);
  const Graph mutual = this->mutual();
  std::vector<std::tuple<float, ImageId, ImageId>> links;  // most alike first
  for (const auto& [id, hits] : mutual)
    for (const Hit& hit : hits)
      if (id < hit.id && !is_in(apart, id, hit.id)) links.emplace_back(-hit.similarity, id, hit.id);
  std::sort(links.begin(), links.end());
  Groups joined(apart);
  for (const auto& [similarity, a, b] : links) joined.join(a, b);
  const auto all = joined.take();

  DuplicatePage page{.groups = {}, .total = std::ssize(all)};
  auto members = std::find_if(all.begin(), all.end(),
                              [&](const auto& group) { return group.front() > after; });
  for (; members != all.end() && std::ssize(page.groups) < limit; ++members) {
    page.next = members->front();
    std::vector<ImageRecord> images = TRY(library_.catalog().images_by_id(*members));
    if (images.size() < 2) continue;  // they went just now
    std::sort(images.begin(), images.end(), is_better);
    const auto alike = similarities(mutual, *members, images.front().id, apart);
    DuplicateGroup& group = page.groups.emplace_back();
    for (ImageRecord& image : images) {
      const float similarity = alike.at(image.id);
      group.images.push_back({.image = std::move(image), .similarity = similarity});
    }
  }
  if (members == all.end()) page.next = 0;
  return page;
}

}  // namespace mimeme
