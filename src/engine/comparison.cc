#include "engine/comparison.h"

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

bool is_better(const ImageRecord& a, const ImageRecord& b) {
  const auto merits = [](const ImageRecord& image) {
    const bool is_lossless = image.info.format == "png" || image.info.format == "tiff";
    return std::tuple(int64_t{image.info.width} * image.info.height, image.info.frames, is_lossless,
                      image.bytes, -image.id);
  };
  return merits(a) > merits(b);
}

// How many an image may find. A larger family may come as several groups.
constexpr int kMost = 200;

// What `links`, which are by number, say of an image; 0: nothing.
float similarity_to(const std::vector<Link>& links, ImageId id) {
  const auto at = std::ranges::lower_bound(links, id, {}, &Link::id);
  return at == links.end() || at->id != id ? 0 : at->similarity;
}

}  // namespace

Result<std::vector<ImageId>> Comparison::waiting() const {
  const auto searchable = library_.searchable();
  if (!searchable) return std::vector<ImageId>{};
  std::vector<ImageId> all = TRY(library_.catalog().images_matching({}));
  std::unordered_map<ImageId, Depth> done;
  {
    Lock lock(mu_);
    if (found_.generation == searchable->record.id) done = found_.seen;
  }
  // Those of which more has come to be known since.
  const auto drop_if_more_is_known = [&](Depth depth, const auto& next_page) -> Result<> {
    constexpr int kPage = 10'000;
    if (std::none_of(done.begin(), done.end(), [&](const auto& one) { return one.second < depth; }))
      return {};
    for (ImageId after = 0;;) {
      const std::vector<ImageId> page = TRY(next_page(after, kPage));
      if (page.empty()) return {};
      for (const ImageId id : page)
        if (const auto at = done.find(id); at != done.end() && at->second < depth) done.erase(at);
      after = page.back();
    }
  };
  if (const Details* const details = library_.details()) {
    TRY(drop_if_more_is_known(
        Depth::kDetails, [&](ImageId after, int limit) { return details->images(after, limit); }));
    TRY(drop_if_more_is_known(Depth::kWords, [&](ImageId after, int limit) {
      return details->images_read(after, limit);
    }));
  }
  std::erase_if(all, [&](ImageId id) { return done.contains(id); });
  return searchable->index->known(all);
}

Result<int64_t> Comparison::count_waiting() const { return std::ssize(TRY(waiting())); }

int64_t Comparison::count_rough() const {
  Lock lock(mu_);
  return std::count_if(found_.seen.begin(), found_.seen.end(),
                       [](const auto& one) { return one.second == Depth::kEmbedding; });
}

Result<> Comparison::compare(const CompareOptions& options) {
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

Result<> Comparison::compare_waiting(const CompareOptions& options, ProjectionId generation) {
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
        for (const Link& hit : at->second)
          if (!compared.contains(hit.id)) again.insert(hit.id);
  }
  const std::vector<ImageId> others(again.begin(), again.end());
  TRY(compare(others, options, std::ssize(ids), std::ssize(ids) + std::ssize(others)));
  return ids.empty() ? Result<>() : settle(options.stop);
}

// match() does not say that a part of a picture is the same picture, if it may be a part of
// several. If these are all one picture, it is asked for the likeliest alone.
Result<> Comparison::settle(const std::stop_token& stop) {
  std::unordered_map<ImageId, ImageId> picture;  // by image: the first one that is the same
  const Links same = TRY(mutual(kSamePictureFrom));
  for (const auto& members : join_linked(same, {}))
    for (const ImageId id : members) picture[id] = members.front();
  const auto picture_of = [&](ImageId id) {
    const auto at = picture.find(id);
    return at == picture.end() ? id : at->second;
  };

  Links finders;  // of an image that did not find them
  {
    Lock lock(mu_);
    for (const auto& [id, hits] : found_.hits)
      for (const Link& hit : hits) {
        if (hit.similarity < kSamePictureFrom) continue;
        const auto back = found_.hits.find(hit.id);
        if (back == found_.hits.end() || similarity_to(back->second, id) < kSamePictureFrom)
          finders[hit.id].push_back({.id = id, .similarity = hit.similarity});
      }
  }
  for (const auto& [id, by] : finders) {
    if (stop.stop_requested()) return Error{ErrorCode::kCancelled, "stopped"};
    const ImageId whole = picture_of(by.front().id);
    if (whole == picture_of(id) ||
        std::ranges::any_of(by, [&](const Link& hit) { return picture_of(hit.id) != whole; }))
      continue;
    const auto query = query_by_id(library_, id);
    if (!query) continue;  // it has gone
    const ImageId likeliest = std::ranges::max(by, {}, &Link::similarity).id;
    const std::vector<Hit> hits = TRY(
        match(library_, *query, {.min_similarity = kSamePictureFrom, .filter = [&](ImageId other) {
                                   return other == likeliest;
                                 }}));
    if (hits.empty()) continue;
    Lock lock(mu_);
    const Link found{.id = likeliest, .similarity = hits.front().similarity};
    std::vector<Link>& known = found_.hits[id];
    const auto at = std::ranges::lower_bound(known, likeliest, {}, &Link::id);
    if (at != known.end() && at->id == likeliest)
      *at = found;
    else
      known.insert(at, found);
  }
  return {};
}

Result<> Comparison::compare(std::span<const ImageId> ids, const CompareOptions& options,
                             int64_t before, int64_t total) {
  struct Compared {
    ImageId id = 0;
    Depth depth = Depth::kEmbedding;
    bool has_gone = false;
    Result<std::vector<Hit>> hits;
  };
  int64_t done = before;
  TRY(run_stage<Compared>(
      each_of(ids),
      [&](const Work& work) -> Compared {
        const auto query = query_by_id(library_, work.n);
        if (!query)
          return {.id = work.n,
                  .has_gone = query.error().code == ErrorCode::kNotFound,
                  .hits = query.error()};
        return {.id = work.n,
                .depth = !query->look                    ? Depth::kEmbedding
                         : query->look->glance().is_read ? Depth::kWords
                                                         : Depth::kDetails,
                .hits = match(
                    library_, *query,
                    {.limit = kMost, .min_similarity = kSameTemplateFrom, .exclude = {work.n}})};
      },
      [&](std::span<const Compared> batch) -> Result<> {
        for (const Compared& compared : batch) {
          options.progress(++done, total);
          if (compared.has_gone) continue;
          if (!compared.hits) return compared.hits.error();
          Lock lock(mu_);
          found_.seen[compared.id] = compared.depth;
          if (compared.hits->empty()) {
            found_.hits.erase(compared.id);
          } else {
            std::vector<Link>& hits = found_.hits[compared.id];
            hits.clear();
            for (const Hit& hit : *compared.hits)
              hits.push_back({.id = hit.id, .similarity = hit.similarity});
            std::ranges::sort(hits, {}, &Link::id);
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

Result<Links> Comparison::mutual(float least) const {
  const auto searchable = library_.searchable();
  Links mutual;
  if (!searchable) return mutual;
  std::vector<ImageId> all;
  {
    Lock lock(mu_);
    for (const auto& [id, hits] : found_.hits)
      if (std::ranges::any_of(hits, [&](const Link& hit) { return hit.similarity >= least; }))
        all.push_back(id);
  }
  const auto known = TRY(searchable->index->known(all));
  const std::unordered_set<ImageId> are_there(known.begin(), known.end());
  Lock lock(mu_);
  if (found_.generation != searchable->record.id) return mutual;
  for (const auto& [id, hits] : found_.hits) {
    if (!are_there.contains(id)) continue;
    for (const Link& hit : hits) {
      const auto back = found_.hits.find(hit.id);
      if (hit.id < id || back == found_.hits.end()) continue;  // a pair is met twice
      const float similarity = std::min(hit.similarity, similarity_to(back->second, id));
      if (similarity < least || !are_there.contains(hit.id)) continue;
      mutual[id].push_back({.id = hit.id, .similarity = similarity});
      mutual[hit.id].push_back({.id = id, .similarity = similarity});
    }
  }
  return mutual;
}

Result<ImagePairs> Comparison::apart() const {
  ImagePairs apart;
  for (const auto& [a, b] : TRY(library_.catalog().not_duplicates())) apart.emplace(a, b);
  return apart;
}

namespace {

// Of each of `members`, its similarity to `best` by the way whose least one is greatest.
std::unordered_map<ImageId, float> similarities(const Links& mutual,
                                                const std::vector<ImageId>& members, ImageId best,
                                                const ImagePairs& apart) {
  std::unordered_map<ImageId, float> reached;
  const std::unordered_set<ImageId> wanted(members.begin(), members.end());
  std::priority_queue<std::pair<float, ImageId>> ways;
  ways.emplace(1.0F, best);
  while (!ways.empty()) {
    const auto [similarity, id] = ways.top();
    ways.pop();
    if (!reached.emplace(id, similarity).second) continue;
    for (const Link& hit : mutual.at(id))
      if (wanted.contains(hit.id) && !is_in(apart, id, hit.id))
        ways.emplace(std::min(similarity, hit.similarity), hit.id);
  }
  return reached;
}

// The groups after `after`, at most `limit`; group_of(members, their records) makes each.
template <typename Page>
Result<Page> page_of(Catalog& catalog, const Groups& all, ImageId after, int limit,
                     const auto& group_of) {
  Page page{.groups = {}, .total = std::ssize(all)};
  auto members =
      std::ranges::find_if(all, [&](const auto& group) { return group.front() > after; });
  for (; members != all.end() && std::ssize(page.groups) < limit; ++members) {
    page.next = members->front();
    std::vector<ImageRecord> images = TRY(catalog.images_by_id(*members));
    if (images.size() < 2) continue;  // they went just now
    page.groups.push_back(group_of(*members, std::move(images)));
  }
  if (members == all.end()) page.next = 0;
  return page;
}

}  // namespace

Result<DuplicatePage> Comparison::duplicates(ImageId after, int limit) const {
  const ImagePairs apart = TRY(this->apart());
  const Links mutual = TRY(this->mutual(kSamePictureFrom));
  const auto group_of = [&](const std::vector<ImageId>& members, std::vector<ImageRecord> images) {
    std::sort(images.begin(), images.end(), is_better);
    const auto alike = similarities(mutual, members, images.front().id, apart);
    DuplicateGroup group;
    for (ImageRecord& image : images) {
      const float similarity = alike.at(image.id);
      group.images.push_back({.image = std::move(image), .similarity = similarity});
    }
    return group;
  };
  return page_of<DuplicatePage>(library_.catalog(), join_linked(mutual, apart), after, limit,
                                group_of);
}

Result<Groups> Comparison::families() const {
  std::unordered_map<ImageId, ImageId> picture;  // by image that has copies: the first of them
  for (const auto& copies : join_linked(TRY(mutual(kSamePictureFrom)), TRY(apart())))
    for (const ImageId id : copies) picture[id] = copies.front();
  Groups families = join_close(TRY(mutual(kSameTemplateFrom)));
  std::erase_if(families, [&](const std::vector<ImageId>& members) {
    const auto first = picture.find(members.front());
    return first != picture.end() && std::ranges::all_of(members, [&](ImageId id) {
             const auto at = picture.find(id);
             return at != picture.end() && at->second == first->second;
           });
  });
  return families;
}

Result<std::vector<ImageId>> Comparison::family_of(ImageId id) const {
  const Groups families = TRY(this->families());
  for (const std::vector<ImageId>& members : families)
    if (std::ranges::binary_search(members, id)) return members;
  return std::vector<ImageId>{};
}

Result<UnnamedPage> Comparison::unnamed_families(ImageId after, int limit) const {
  Groups all = TRY(families());
  std::unordered_map<ImageId, std::string> categories;
  for (auto& [id, name] : TRY(library_.catalog().categories())) categories[id] = std::move(name);
  std::erase_if(all, [&](const std::vector<ImageId>& members) {
    return std::ranges::all_of(members, [&](ImageId id) { return categories.contains(id); });
  });
  const auto group_of = [&](const std::vector<ImageId>&, std::vector<ImageRecord> images) {
    std::ranges::sort(images, {}, &ImageRecord::id);
    UnnamedFamily family;
    std::map<std::string, int> bearers;
    for (ImageRecord& image : images) {
      const auto named = categories.find(image.id);
      const std::string category = named == categories.end() ? "" : named->second;
      if (!category.empty()) ++bearers[category];
      family.images.push_back({.image = std::move(image), .category = category});
    }
    for (const auto& [name, n] : bearers)
      if (family.name.empty() || n > bearers[family.name]) family.name = name;
    return family;
  };
  return page_of<UnnamedPage>(library_.catalog(), all, after, limit, group_of);
}

}  // namespace mimeme
