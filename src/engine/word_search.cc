#include "engine/word_search.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <numeric>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/log.h"
#include "base/utf8.h"
#include "core/fuse.h"
#include "core/half.h"
#include "engine/documents.h"

namespace mimeme {
namespace {

using Clock = std::chrono::steady_clock;
using Ids = std::unordered_set<ImageId>;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// What is asked, as a sentence; and what only the full-text leg can see to.
struct Asked {
  std::string words;
  std::vector<TextTerm> excluded;
  bool has_phrase = false;
  bool has_filter = false;
};

Asked read(const TextQuery& query) {
  Asked asked;
  for (const TextTerm& term : query.terms) {
    if (term.is_excluded) {
      asked.excluded.push_back(term);
      continue;
    }
    (asked.words += asked.words.empty() ? "" : " ") += term.text;
    asked.has_phrase = asked.has_phrase || term.is_phrase;
  }
  asked.has_filter = !(query == TextQuery{.terms = query.terms});
  return asked;
}

// The images with a word or phrase that is not wanted.
Result<Ids> excluded_of(const Words& words, const Asked& asked) {
  const auto ids = TRY(words.text->containing(asked.excluded));
  return Ids(ids.begin(), ids.end());
}

std::vector<WordHit> newest(const std::vector<ImageId>& ids, const Ids& excluded, int limit) {
  std::vector<WordHit> hits;
  for (auto id = ids.rbegin(); id != ids.rend() && hits.size() < static_cast<size_t>(limit); ++id)
    if (!excluded.contains(*id)) hits.push_back({.id = *id, .similarity = 1, .matches = {}});
  return hits;
}

size_t characters(std::string_view utf8) {
  return static_cast<size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](char c) { return !continues_character(c); }));
}

// The part of a line's box where bytes begin..end of its text stand, all letters being about as
// wide.
Quad part_of(const TextLine& line, size_t begin, size_t end) {
  const auto whole = static_cast<float>(std::max<size_t>(1, characters(line.text)));
  const std::string_view text = line.text;
  const float from = static_cast<float>(characters(text.substr(0, begin))) / whole;
  const float to = static_cast<float>(characters(text.substr(0, end))) / whole;
  const auto between = [](const Point& a, const Point& b, float t) {
    return Point{.x = a.x + (b.x - a.x) * t, .y = a.y + (b.y - a.y) * t};
  };
  const auto& [top_left, top_right, bottom_right, bottom_left] = line.corners;
  return {between(top_left, top_right, from), between(top_left, top_right, to),
          between(bottom_left, bottom_right, to), between(bottom_left, bottom_right, from)};
}

// False if the field has changed meanwhile.
bool stands_in(std::string_view field, size_t begin, size_t end) {
  return begin < end && end <= field.size() && !continues_character(field[begin]) &&
         (end == field.size() || !continues_character(field[end]));
}

// A match in the ocr field may go over several lines: one for each.
void explain_lines(const ImageText& text, const TextMatch& match, std::vector<ExplainedMatch>& to) {
  size_t start = 0;
  for (const TextLine& line : text.lines) {
    const size_t stop = start + line.text.size();
    const size_t begin = std::max(match.begin, start), end = std::min(match.end, stop);
    if (begin < end && stands_in(line.text, begin - start, end - start))
      to.push_back({.field = match.field,
                    .kind = match.kind,
                    .context = line.text,
                    .begin = begin - start,
                    .end = end - start,
                    .corners = part_of(line, begin - start, end - start)});
    start = stop + 1;
  }
}

// Null, and said, if it does not open: its leg is left out.
std::unique_ptr<TextEncoder> opened_or_left_out(Library& library, const Manifest& manifest,
                                                const std::string& consequence) {
  auto encoder = library.options().open_text_encoder(manifest, {.threads = 1});
  if (encoder) return *std::move(encoder);
  log(LogLevel::kWarning, consequence + ": " + encoder.error().message);
  return nullptr;
}

}  // namespace

Result<std::unique_ptr<WordSearch>> WordSearch::open(Library& library, Load load) {
  std::unique_ptr<TextEncoder> encoder;
  const auto manifest = library.registry().find(library.options().text_model, kTextEmbedding);
  const auto words = library.words();
  if (manifest && (load == Load::kOfUseLater || (words && words->meaning)))
    encoder =
        opened_or_left_out(library, *manifest, "only the letters are searched, not the meaning");
  return std::unique_ptr<WordSearch>(
      new WordSearch(library, std::move(encoder), TRY(open_tower(library))));
}

Result<WordSearch::Tower> WordSearch::open_tower(Library& library) {
  // An image model that has gone or changed is no reason to find no words.
  const auto images = library.model();
  if (!images) return Tower{};
  const auto embedded = TRY(library.catalog().find_model(images->digest()));
  if (!embedded) return Tower{};
  const auto joint = library.registry().find_joint(*images);
  if (!joint) {
    if (joint.error().code != ErrorCode::kNotFound)
      log(LogLevel::kWarning, "pictures are not compared with words: " + joint.error().message);
    return Tower{};
  }
  return Tower{
      .encoder = opened_or_left_out(library, *joint, "pictures are not compared with words"),
      .images = embedded->id};
}

// Candidates by the index, then the raw embeddings' word: only of their cosines does a model know
// which say something.
Result<std::vector<Hit>> WordSearch::find_pictures(const std::string& words,
                                                   const SearchOptions& options,
                                                   WordSearchTimes& took) const {
  std::vector<Hit> hits;
  const auto searchable = library_.searchable();
  if (!tower_.encoder || !searchable || searchable->record.model != tower_.images) return hits;
  auto began = Clock::now();
  std::vector<float> text = TRY(tower_.encoder->encode({&words, 1}));
  took.picture_encode_ms = ms_since(began);

  began = Clock::now();
  const int dim = searchable->record.input_dim;
  l2_normalise(text, dim);
  std::vector<ImageId> candidates;
  const auto near = TRY(searchable->index->search(searchable->project_text(text), options));
  for (const Hit& hit : near) candidates.push_back(hit.id);
  const HalfRows raw = TRY(library_.catalog().embeddings(tower_.images, candidates));
  std::vector<float> rows = to_float(raw.rows);
  l2_normalise(rows, dim);
  for (size_t i = 0; i < raw.ids.size(); ++i) {
    const float cosine = std::inner_product(text.begin(), text.end(),
                                            rows.begin() + static_cast<ptrdiff_t>(i) * dim, 0.0F);
    if (cosine >= tower_.encoder->manifest().joint.min_similarity)
      hits.push_back({raw.ids[i], std::min(cosine, 1.0F)});
  }
  std::sort(hits.begin(), hits.end(), [](const Hit& a, const Hit& b) {
    return a.similarity != b.similarity ? a.similarity > b.similarity : a.id < b.id;
  });
  took.picture_ms = ms_since(began);
  return hits;
}

Result<std::vector<WordHit>> WordSearch::search(const TextQuery& query,
                                                const WordSearchOptions& options,
                                                WordSearchTimes* times) const {
  const auto start = Clock::now();
  WordSearchTimes ignored;
  WordSearchTimes& took = times ? *times : ignored;
  const Asked asked = read(query);
  if (asked.words.empty() && asked.excluded.empty() && !asked.has_filter)
    return Error{ErrorCode::kInvalidArgument, "say what to look for"};
  const auto words = library_.words();
  if (!words)
    return Error{ErrorCode::kNotFound, library_.directory() +
                                           " has no text index and none can be made there now: "
                                           "run `mimeme check`"};

  // Begun first: it needs nothing of what the other thread finds out meanwhile.
  std::future<Result<std::vector<float>>> encoding;
  if (encoder_ && words->meaning && !asked.words.empty())
    encoding = std::async(std::launch::async, [&] {
      auto vector = encoder_->encode({&asked.words, 1});
      took.encode_ms = ms_since(start);
      return vector;
    });

  const Ids excluded = TRY(excluded_of(*words, asked));
  Ids passed;
  std::shared_ptr<const std::vector<ImageId>> passed_by_id;
  if (asked.has_filter || asked.words.empty()) {
    passed_by_id =
        std::make_shared<std::vector<ImageId>>(TRY(library_.catalog().images_matching(query)));
    passed.insert(passed_by_id->begin(), passed_by_id->end());
  }
  took.filter_ms = ms_since(start);
  if (asked.words.empty()) return newest(*passed_by_id, excluded, options.limit);

  const int each = std::max(100, 4 * options.limit);  // hits of a leg
  const auto find_text = [&]() -> Result<std::vector<TextHit>> {
    const auto began = Clock::now();
    TextSearchOptions search{.limit = each};
    if (asked.has_filter) search.filter = [&](ImageId id) { return passed.contains(id); };
    auto hits = TRY(words->text->search(query, search));
    std::erase_if(hits, [&](const TextHit& hit) { return hit.coverage < options.min_coverage; });
    took.text_ms = ms_since(began);
    return hits;
  };
  // What holds for the other two legs; a phrase is the text index's to know.
  Ids with_phrase;
  IdFilter filter;
  if (asked.has_filter || asked.has_phrase || !excluded.empty())
    filter = {[&](ImageId id) {
                return (!asked.has_filter || passed.contains(id)) &&
                       (!asked.has_phrase || with_phrase.contains(id)) && !excluded.contains(id);
              },
              passed_by_id};
  const auto find_meaning = [&]() -> Result<std::vector<Hit>> {
    if (!encoding.valid()) return std::vector<Hit>{};
    const std::vector<float> vector = TRY(encoding.get());
    const auto began = Clock::now();
    auto hits = TRY(words->meaning->search(
        vector, {.limit = each, .min_similarity = options.min_meaning, .filter = filter}));
    took.meaning_ms = ms_since(began);
    return hits;
  };

  std::vector<TextHit> text;
  if (asked.has_phrase) {
    text = TRY(find_text());
    for (const TextHit& hit : text) with_phrase.insert(hit.id);
    filter.among = std::make_shared<std::vector<ImageId>>(with_phrase.begin(), with_phrase.end());
  }
  auto meaning_beside = std::async(std::launch::async, find_meaning);
  auto pictures_beside = std::async(std::launch::async, [&] {
    return find_pictures(asked.words, {.limit = each, .filter = filter}, took);
  });
  if (!asked.has_phrase) text = TRY(find_text());
  const std::vector<Hit> meaning = TRY(meaning_beside.get()), pictures = TRY(pictures_beside.get());

  const auto began = Clock::now();
  std::vector<Hit> text_leg;
  std::unordered_map<ImageId, TextHit*> text_by_id;
  for (TextHit& hit : text) {
    text_leg.push_back({hit.id, hit.score});
    text_by_id[hit.id] = &hit;
  }
  const RankedLeg legs[] = {{text_leg, options.text_weight},
                            {meaning, options.meaning_weight},
                            {pictures, options.picture_weight}};
  std::vector<WordHit> hits;
  for (const FusedHit& fused : fuse(legs, {.k = options.k})) {
    if (hits.size() == static_cast<size_t>(options.limit)) break;
    WordHit hit{.id = fused.id,
                .text = fused.legs[0].similarity,
                .meaning = fused.legs[1].similarity,
                .picture = fused.legs[2].similarity,
                .matches = {}};
    hit.similarity = std::max({hit.text, hit.meaning, hit.picture});
    if (hit.similarity < options.min_similarity) continue;
    if (const auto at = text_by_id.find(hit.id); at != text_by_id.end())
      hit.matches = std::move(at->second->matches);
    hits.push_back(std::move(hit));
  }
  took.fuse_ms = ms_since(began);
  took.total_ms = ms_since(start);
  return hits;
}

Result<IdFilter> WordSearch::filter(const TextQuery& query) const {
  const Asked asked = read(query);
  const auto words = library_.words();
  if (!words || (asked.excluded.empty() && !asked.has_filter)) return IdFilter();
  Ids excluded = TRY(excluded_of(*words, asked)), passed;
  std::shared_ptr<const std::vector<ImageId>> among;
  if (asked.has_filter) {
    among = std::make_shared<std::vector<ImageId>>(TRY(library_.catalog().images_matching(query)));
    passed.insert(among->begin(), among->end());
  }
  return IdFilter(
      [excluded = std::move(excluded), passed = std::move(passed), has_filter = asked.has_filter](
          ImageId id) { return !excluded.contains(id) && (!has_filter || passed.contains(id)); },
      std::move(among));
}

Result<std::vector<ExplainedHit>> WordSearch::explain(std::span<const WordHit> hits) const {
  std::vector<ImageId> ids;
  for (const WordHit& hit : hits) ids.push_back(hit.id);
  std::unordered_map<ImageId, ImageRecord> images;
  for (ImageRecord& image : TRY(library_.catalog().images_by_id(ids)))
    images.emplace(image.id, std::move(image));
  std::unordered_map<ImageId, ImageText> texts;
  for (ImageText& text : TRY(library_.catalog().texts(ids)))
    texts.emplace(text.id, std::move(text));

  std::vector<ExplainedHit> explained;
  for (const WordHit& hit : hits) {
    const auto image = images.find(hit.id);
    const auto known = texts.find(hit.id);
    if (image == images.end() || known == texts.end()) continue;
    const ImageText& text = known->second;
    const TextDocument document = to_document(text);
    ExplainedHit out{.image = image->second,
                     .hit = hit,
                     .description = document.description,
                     .category = document.category,
                     .is_suggested = text.category.empty() && !document.category.empty(),
                     .matches = {}};
    for (const TextMatch& match : hit.matches) {
      if (match.field == TextField::kOcr) {
        explain_lines(text, match, out.matches);
        continue;
      }
      const std::string& field = match.field == TextField::kDescription ? document.description
                                 : match.field == TextField::kCategory  ? document.category
                                                                        : document.name;
      if (stands_in(field, match.begin, match.end))
        out.matches.push_back({.field = match.field,
                               .kind = match.kind,
                               .context = field,
                               .begin = match.begin,
                               .end = match.end,
                               .corners = std::nullopt});
    }
    explained.push_back(std::move(out));
  }
  return explained;
}

}  // namespace mimeme
