// An open library: its directory, its lock, the catalog (the truth), and what is derived from it
// and searched.
//
// Layout of the directory: docs/format.md. Threads: every method may be called from any thread;
// refresh(), fit_pca() and rebuild() are meant for one thread at a time (they wait for one
// another, but for the fit itself), searches go on beside them.
#ifndef MIMEME_ENGINE_LIBRARY_H_
#define MIMEME_ENGINE_LIBRARY_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "core/background.h"
#include "core/pca.h"
#include "engine/access_keys.h"
#include "engine/details.h"
#include "engine/followed_index.h"
#include "engine/library_lock.h"
#include "index/feature_store.h"
#include "index/text_index.h"
#include "index/vector_index.h"
#include "media/decode.h"
#include "model/image_encoder.h"
#include "model/labels.h"
#include "model/objects.h"
#include "model/ocr.h"
#include "model/registry.h"
#include "model/text_encoder.h"
#include "store/catalog.h"

namespace mimeme {

// A library is first projected by PCA when it holds this many images; below that too few directions
// are known.
inline constexpr int64_t kPcaMinImages = 256;

struct LibraryOptions {
  std::string directory;
  std::string catalog;  // the address of a PostgreSQL server; empty: a file in `directory`
  std::string replica;  // of `catalog`, which answers what is read: Catalog::open(); empty: none
  std::string uploads;  // where pictures are kept that are sent; empty: "uploads" in `directory`
  std::vector<std::string> model_folders;      // see model/registry.h
  std::string default_model = "inception-v3";  // of a library that has no vectors yet
  std::string text_model = "minilm-l6-v2";     // what texts mean
  std::string reader = "ppocr-v4";             // reads the words in a picture
  std::string object_model = "coco-ssd";       // finds people and things
  // How models are opened; tests put ones here that fail on demand.
  std::function<Result<std::unique_ptr<ImageEncoder>>(const Manifest&, const EncoderOptions&)>
      open_encoder = open_image_encoder;
  std::function<Result<std::unique_ptr<TextEncoder>>(const Manifest&, const EncoderOptions&)>
      open_text_encoder = mimeme::open_text_encoder;
  std::function<Result<std::unique_ptr<Ocr>>(const std::string& manifest_path, int threads)>
      open_ocr = mimeme::open_ocr;
  std::function<Result<std::unique_ptr<Labeller>>(const Manifest&, int threads)> open_labeller =
      mimeme::open_labeller;
  std::function<Result<std::unique_ptr<ObjectDetector>>(const std::string& manifest_path,
                                                        int threads)>
      open_object_detector = mimeme::open_object_detector;
  MergeOptions merge;  // of the vector indexes
  // Where it is searched: in indexes in its directory, or, of a catalog on a server, in tables
  // there. kNowhere: it is not, and has nothing in its directory, which then need not be its own.
  enum class SearchIn { kFolder, kDatabase, kNowhere } search_in = SearchIn::kFolder;
  // Told how far something derived is ("fitting", "projecting", "indexing"), or a comparison of it
  // ("reading vectors", "comparing"), on the thread that asked for it.
  std::function<void(const char* what, int64_t done, int64_t total)> progress =
      [](const char*, int64_t, int64_t) {};
};

// What a search compares with: immutable, published as a whole (the index inside takes additions).
struct Searchable {
  ProjectionRecord record;
  std::optional<Pca> pca;  // none: raw vectors, L2-normalised
  std::shared_ptr<VectorIndex> index;
  std::shared_ptr<VectorIndex> parts;  // of images, by part_id(); null if there is no FeatureStore
  Background background;               // of `index`

  // raw: n × input_dim, as the encoder gave them → n × output_dim, L2-normalised.
  std::vector<float> project(std::span<const float> raw) const;

  // The vector of a text in the model's own space (input_dim) → what the index is asked with.
  //
  // The index holds y = C(x − m), normalised: C the components, x an image, m the images' mean.
  // Of the text t only C t is taken. m says nothing about texts: joint models put them elsewhere
  // than images, and C(t − m) would mostly be that gap, the same for all texts. And dot(C(x − m),
  // C t) is dot(x, t) less the same amount for every image, as far as C keeps x. But y's
  // normalisation favours images near the mean: so this finds candidates, and their raw embeddings
  // decide.
  std::vector<float> project_text(std::span<const float> text) const;
};

// What a search by words compares with.
struct Words {
  std::shared_ptr<TextIndex> text;
  // Of what the texts mean, as LibraryOptions::text_model has it; null as long as that model is not
  // installed or has embedded nothing.
  std::shared_ptr<VectorIndex> meaning;
  ModelId text_model = 0;  // of `meaning`
};

class Library {
 public:
  enum class Access {
    kRead,    // beside other readers; for a moment alone if something derived is left to be done
    kWrite,   // alone
    kCreate,  // the same; makes the library if it is not there
  };

  // kNotFound: no library there. kBusy: says who holds it. kConflict: made by a newer version.
  // kInvalidArgument: a path that DuckDB cannot take. On return everything derived is up to date.
  static Result<std::unique_ptr<Library>> open(LibraryOptions options, Access access);

  const std::string& directory() const { return options_.directory; }
  const LibraryOptions& options() const { return options_; }
  std::string uploads() const;
  Catalog& catalog() const { return *catalog_; }
  AccessKeys& access_keys() const { return *access_keys_; }
  Registry registry() const { return Registry(options_.model_folders); }

  // The model that is searched with; the default one in a library without vectors. kNotFound;
  // kConflict if the library's vectors are of another model than the files that are there now.
  Result<Manifest> model() const;
  // An encoder of that model; opened anew on each call, so keep it.
  Result<std::unique_ptr<ImageEncoder>> open_encoder(const EncoderOptions& options) const;

  // What is searched now; null while the library has no vectors.
  std::shared_ptr<const Searchable> searchable() const { return searchable_.get(); }

  // What the images look like in their details; null if the file is neither there nor can be made.
  const Details* details() const { return details_.get(); }
  // That file, to write to; null if there is none, or it is searched in the database.
  std::shared_ptr<FeatureStore> features() const { return features_; }

  // The same for words; null if the full-text index is neither there nor can be made (a read-only
  // disk, another process at work).
  std::shared_ptr<const Words> words() const { return words_.get(); }

  // Brings everything derived up to the catalog: fits the projection when it is due, projects what
  // has no vector yet, and brings the indexes up to date, in memory and on disk. Nothing is decoded
  // or embedded.
  Result<> refresh();
  // Takes over what other processes have changed in a catalog on a server: indexes and keys. Cheap
  // if nothing has changed; for one thread at a time.
  Result<> catch_up();
  // The words' indexes only, or those of pictures.
  Result<> refresh_words();
  Result<> refresh_pictures();

  // Fits a new PCA on all raw embeddings and re-projects them, without decoding anything. Others
  // may refresh() while it is fitted, not while it re-projects. kInvalidArgument as PcaFitter::fit;
  // kCancelled: a stop was requested before it was fitted; kConflict: another projection took the
  // place of the old one meanwhile. Then nothing has changed.
  Result<ProjectionRecord> fit_pca(const PcaTarget& target, const std::stop_token& stop = {});

  // Throws an index file away and makes it again from the catalog.
  enum class Index { kVectors, kText, kMeaning };
  Result<> rebuild(Index index);

 private:
  explicit Library(LibraryOptions options) : options_(std::move(options)) {}
  bool is_in_database() const { return options_.search_in == LibraryOptions::SearchIn::kDatabase; }

  Result<> reopen(Access access);
  bool is_stale();
  Result<ProjectionRecord> fit(ModelId model, const PcaTarget& target,
                               const std::stop_token& stop) const;
  // REQUIRES of these: derive_mu_ is held.
  Result<> refresh_vectors();
  Result<> derive_vectors();
  Result<> project(const ProjectionRecord& record, Catalog::Which which);
  Result<> publish();
  Result<> publish_projection();
  Result<> follow_details(ModelId model);
  Result<std::shared_ptr<VectorIndex>> follow_parts(const Searchable& by);
  Result<> claim_indexes();
  void open_details();
  void open_followed();
  Result<> publish_words();
  bool are_tables_stale(const std::optional<ProjectionRecord>& projection);
  Result<std::optional<ModelRecord>> text_model() const;
  Result<std::unique_ptr<TextIndex>> load_text_index();
  Result<std::shared_ptr<TextIndex>> open_text_index();
  Result<std::shared_ptr<TextIndex>> create_text_index();
  Result<std::unique_ptr<Catalog::Turn>> take_text_turn();
  Result<> follow_texts(TextIndex& index);
  Result<> replace_projection(ProjectionRecord record);
  std::string text_path() const { return options_.directory + "/index/text.db"; }

  const LibraryOptions options_;
  std::optional<LibraryLock> lock_;
  std::unique_ptr<Catalog> catalog_;         // constant after open()
  std::unique_ptr<AccessKeys> access_keys_;  // constant after open()
  bool writable_ = false;                    // constant after open()
  Catalog::Version followed_;                // catch_up()'s own, as is the next
  std::chrono::steady_clock::time_point mended_;
  Mutex derive_mu_;  // one derivation at a time
  Snapshot<Searchable> searchable_;
  Snapshot<Words> words_;
  // Constant after open(), but for what they point to.
  std::unique_ptr<FollowedIndex> vectors_ PT_GUARDED_BY(derive_mu_),
      parts_ PT_GUARDED_BY(derive_mu_), meaning_ PT_GUARDED_BY(derive_mu_);
  std::atomic<bool> is_behind_ = false;     // another process was making a table
  std::shared_ptr<FeatureStore> features_;  // constant after open(), as is the next
  std::unique_ptr<const Details> details_;
};

// A model's input as the decoder's target.
Target decode_target(const Manifest& manifest);

}  // namespace mimeme

#endif  // MIMEME_ENGINE_LIBRARY_H_
