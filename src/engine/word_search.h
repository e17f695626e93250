// Words → the images that say, show, mean or are called that. Three legs, run side by side and
// fused by rank (core/fuse.h): the full-text index; the meaning of the query against that of each
// image's texts; and, if the library's image model is half of a joint model, the query against the
// pictures themselves (docs/decisions/0011).
#ifndef MIMEME_ENGINE_WORD_SEARCH_H_
#define MIMEME_ENGINE_WORD_SEARCH_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/query.h"
#include "engine/library.h"
#include "engine/search.h"

namespace mimeme {

// Measured: docs/decisions/0010.
struct WordSearchOptions {
  int limit = 20;  // up to 1000; beyond, the text leg has no more
  float min_similarity = 0;
  double text_weight = 1, meaning_weight = 0.2;  // of the legs
  double picture_weight = 0.2;                   // not measured: as the meaning's
  double k = 1;                                  // FuseOptions::k
  float min_coverage = 0.3F;  // coverages below are a common word or two of a longer query
  float min_meaning = 0.35F;  // cosines below say nothing: unlike texts are as near
};

// Why an image is a hit: of each leg, 0 if it did not find it.
struct WordHit {
  ImageId id = 0;
  float similarity = 0;              // 0..1: the best leg's
  float text = 0;                    // TextHit::score
  float meaning = 0;                 // cosine
  float picture = 0;                 // cosine of the query and the raw embedding
  float like = 0;                    // how alike it is to the pictures that were asked with
  std::optional<Relation> relation;  // to the picture, if one was asked with, and nothing else
  std::optional<Region> part;        // Hit::part, likewise
  std::vector<TextMatch> matches;    // where, in the texts of to_document()
};

// A match in words, for people.
struct ExplainedMatch {
  TextField field = TextField::kOcr;
  MatchKind kind = MatchKind::kExact;
  std::string context;          // the line that was read, or the whole field
  size_t begin = 0, end = 0;    // bytes of the context: what matched
  std::optional<Quad> corners;  // in the picture, of what was read there
};
struct ExplainedHit {
  ImageRecord image;
  WordHit hit;
  std::string description, category;
  bool is_suggested = false;  // the category: it waits for the user's answer
  std::vector<ExplainedMatch> matches;
};

// How long the parts of a search took. The legs run side by side.
struct WordSearchTimes {
  double filter_ms = 0;
  double text_ms = 0;
  double encode_ms = 0, meaning_ms = 0;
  double picture_encode_ms = 0, picture_ms = 0;
  double fuse_ms = 0, total_ms = 0;
};

class WordSearch {
 public:
  // Which models are loaded: those that have embedded anything by now, or, for one that outlives
  // the next `add`, those that will.
  enum class Load { kOfUseNow, kOfUseLater };
  // Loads the text model, and the one that is joint with the library's image model, if there are
  // such. REQUIRES: the library outlives it.
  static Result<std::unique_ptr<WordSearch>> open(Library& library, Load load = Load::kOfUseNow);

  // Best first. A query without words but with filters lists what passes them, newest first, with
  // similarity 1. Thread-safe. kInvalidArgument: neither words nor filters; kNotFound: the words'
  // index could not be made.
  Result<std::vector<WordHit>> search(const TextQuery& query, const WordSearchOptions& options,
                                      WordSearchTimes* times = nullptr) const;

  // Whether an image passes the query's filters and excluded terms, whatever its words; empty if
  // all do. Thread-safe.
  Result<IdFilter> filter(const TextQuery& query) const;

  // In the same order; an image that has gone meanwhile is left out. Thread-safe.
  Result<std::vector<ExplainedHit>> explain(std::span<const WordHit> hits) const;

 private:
  // Half of a joint model; the other half embeds the images.
  struct Tower {
    std::unique_ptr<TextEncoder> encoder;  // null: that leg is left out
    ModelId images = 0;                    // the other half
  };

  WordSearch(Library& library, std::unique_ptr<TextEncoder> encoder, Tower tower)
      : library_(library), encoder_(std::move(encoder)), tower_(std::move(tower)) {}

  static Result<Tower> open_tower(Library& library);
  Result<std::vector<Hit>> find_pictures(const std::string& words, const SearchOptions& options,
                                         WordSearchTimes& took) const;

  Library& library_;
  const std::unique_ptr<TextEncoder> encoder_;  // null: that leg is left out
  const Tower tower_;
};

}  // namespace mimeme

#endif  // MIMEME_ENGINE_WORD_SEARCH_H_
