// The catalog: the durable truth of a library, in one DuckDB file or on a PostgreSQL server. Typed
// operations; no SQL leaves this layer.
//
// What it holds: files (paths on disk), images (contents, by SHA-256), models, raw embeddings (f16,
// the truth), and what is derived from them: the current projection (PCA or none) and the reduced
// vectors (FLOAT[n], for any SQL client). Schema: docs/format.md.
//
// Threads: every method may be called from any thread at the same time; each call leases a
// connection of its own. Durability: a method that returns without an error has its changes on disk
// (DuckDB commits with fsync, PostgreSQL as it is configured); one that returns an error has
// changed nothing.
//
// A file: after a commit that failed (kIo, a full disk) the catalog only reads, until it is opened
// again. Processes: one may open it kReadWrite, or several kReadOnly (DuckDB's own lock;
// engine/library says who holds it before it comes to that); once in a process. A process that has
// it open must not open and close the file by other means: that drops the lock (fcntl).
// A server: any number of processes may open it either way; those that write take turns. One that
// has gone is waited for, for ten seconds; then kUnavailable, also if nobody can say whether the
// change was done.
// Errors: kConflict for a catalog of a newer version, or of an older one when kReadOnly; kCorrupt;
// kBusy when another process has it; kIo (disk full too); kInvalidArgument for a write when
// kReadOnly; kNotFound where stated.
#ifndef MIMEME_STORE_CATALOG_H_
#define MIMEME_STORE_CATALOG_H_

#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "core/access_key.h"
#include "core/query.h"
#include "core/stored_features.h"
#include "core/text_store.h"
#include "core/types.h"

namespace mimeme {

using ModelId = int64_t;       // of a row of the models table; 0 means none
using ProjectionId = int64_t;  // of a row of the projections table; 0 means none

struct ImageRecord {
  ImageId id = 0;
  Sha256 sha256{};
  int64_t bytes = 0;
  ImageInfo info;
  int64_t added_at_us = 0;         // microseconds since 1970, UTC
  std::vector<std::string> paths;  // sorted; a picture that lies in two places has two
};

struct ModelRecord {
  ModelId id = 0;
  std::string name;
  std::string digest;  // what identifies its vectors: weights and preprocessing (model/registry.h)
  int dim = 0;
};

// A file to read: new, changed, or known under another model only.
struct Work {
  int64_t n = 0;  // position in the plan, 1-based
  std::string path;
  int64_t size = 0;
  int64_t mtime_ns = 0;
};

struct FailedFile {
  std::string path;
  std::string error;
};

struct PlanCounts {
  int64_t unchanged = 0;
  int64_t failed_before = 0;  // unchanged since they failed; not tried again
  int64_t todo = 0;
  int64_t gone = 0;  // known below the roots, no longer there
  // What the scan itself found wrong, and had not before; by path.
  std::vector<FailedFile> problems;
};

// The outcome of one file, as the ingest pipeline commits it.
struct IngestResult {
  int64_t n = 0;  // Work::n
  std::string path;
  int64_t size = 0;
  int64_t mtime_ns = 0;
  std::string error;       // not empty: failed, and why; the fields below do not count then
  bool transient = false;  // of an error: nothing about the file itself, so it is not recorded
  Sha256 sha256{};
  ImageInfo info;
  int64_t added_at_us = 0;      // when an import says so; 0: now
  std::vector<Half> embedding;  // raw, model's dim; empty if the image is known and has one
};

// How raw embeddings become the vectors that are searched.
struct ProjectionRecord {
  ProjectionId id = 0;
  ModelId model = 0;
  std::string kind;  // "none" (L2-normalised raw) or "pca"
  int input_dim = 0;
  int output_dim = 0;
  std::vector<float> mean;        // input_dim; empty for "none"
  std::vector<float> components;  // output_dim × input_dim, row-major; empty for "none"
  // Of every component found, falling; longer than output_dim.
  std::vector<float> explained_variance_ratio;
  int64_t fitted_on = 0;  // images
};

// A batch of rows: ids[i] belongs to rows[i*dim .. (i+1)*dim).
struct HalfRows {
  std::vector<ImageId> ids;
  std::vector<Half> rows;
};
struct FloatRows {
  std::vector<ImageId> ids;
  std::vector<float> rows;
  int64_t seq = 0;  // the last change among them
};

// Who described an image; a later one is believed over an earlier one, and never replaced by it.
enum class DescribedBy { kLabels, kVisionModel, kUser };

// What is known of an image in words.
struct ImageText {
  ImageId id = 0;
  int64_t seq = 0;              // of its last change
  std::vector<TextLine> lines;  // read in the picture, in reading order
  std::string description;      // the user's, else a vision model's, else the automatic one
  DescribedBy described_by = DescribedBy::kLabels;
  std::string category;            // what the user calls its family
  std::string suggested_category;  // waits for the user's answer
  std::vector<std::string> paths;  // sorted
};
struct TextPage {
  std::vector<ImageText> texts;
  int64_t seq = 0;  // the last change among them
};

struct CategorySuggestion {
  ImageId id = 0;
  std::string name;
  float similarity = 0;  // to the image that bears the name; 0..1
};

struct CatalogCounts {
  int64_t images = 0;
  int64_t files = 0;  // healthy ones
  int64_t failed_files = 0;
  int64_t embedded = 0;  // images with a raw embedding of the active model
  int64_t vectors = 0;   // rows of the reduced table
  int64_t bytes = 0;     // of all images' originals
  ImageId newest = 0;    // the greatest id
};

// Of images.
struct WordCounts {
  int64_t read = 0;
  int64_t described = 0;  // in words, by whomever
  int64_t described_by_user = 0;
  int64_t with_category = 0;
  int64_t with_suggestion = 0;
};

// The images of one category.
struct Family {
  std::string name;
  int64_t images = 0;          // of which the user said so
  int64_t suggested = 0;       // that wait for an answer
  std::vector<ImageId> cover;  // a few of them, the user's own first
};

class Catalog {
 public:
  enum class Access { kReadWrite, kReadOnly };

  // `where`: a file, or the address of a PostgreSQL server (sql::Database::open). Creates the file
  // or the tables if they are not there (kReadWrite), and runs the migrations that they lack.
  // ":memory:" for tests. kNotFound if there is none (kReadOnly). A reader also sees what a killed
  // writer left in the write-ahead log.
  // `replica`: the address of a standby of that server, which then answers what is read, as soon as
  // it has all that was written or read here before: nobody sees less than he saw, or what he wrote
  // missing. Else, and while it is away, the primary answers.
  static Result<std::unique_ptr<Catalog>> open(const std::string& where, Access access,
                                               const std::string& replica = {});
  // The address of a PostgreSQL server: "postgresql://…" or "postgres://…".
  static bool is_server(std::string_view where);
  ~Catalog();

  // Which catalog on a server this is, never the same for two; empty: one in a file.
  Result<std::string> id();

  // Differs once anything has changed that indexes follow. From then on a replica is not behind
  // what the primary had by now.
  struct Version {
    int64_t change = 0, text = 0, details = 0;
    ProjectionId projection = 0;
    bool operator==(const Version&) const = default;
  };
  Result<Version> version();

  // ---- folders that were added, so that they can be scanned again
  Result<std::vector<std::string>> roots();
  Result<> add_root(const std::string& path);

  // ---- models
  // The id of the model with this digest; a row is made on first sight.
  Result<ModelId> register_model(const ModelRecord& model);
  // The model with this digest, if it was ever registered.
  Result<std::optional<ModelRecord>> find_model(const std::string& digest);
  // The model whose vectors are searched; nullopt in a new library.
  Result<std::optional<ModelRecord>> active_model();
  // Makes `id` the active model: its predecessors' embeddings, the projection and the vectors go,
  // in one transaction.
  Result<> set_active_model(ModelId id);

  // ---- ingest
  // Compares what a scan found with what is known. One plan at a time in a catalog. The scan's rows
  // live in a temporary table (spilling to disk), so memory does not grow with the folder.
  class Plan {
   public:
    virtual ~Plan() = default;
    // What the scan found. `problem` not empty: recorded as failed by finish().
    struct Found {
      std::string path;
      int64_t size = 0;
      int64_t mtime_ns = 0;
      std::string problem;
      // With a problem: it could not be looked at, so what is known of it and below it stands.
      bool unseen = false;
      bool doubtful = false;  // and if nothing is known of it, it is no matter
    };
    virtual Result<> add(std::span<const Found> found) = 0;
    // Ends the scan of `roots` (folders or files, absolute): records the problems as failed files,
    // and says what is to do. An image of which `model` has no embedding yet is to do again even
    // though its file is unchanged; so is a file with a problem once the problem is over. Nothing
    // counts as gone below a folder that has a problem.
    virtual Result<PlanCounts> finish(std::span<const std::string> roots, ModelId model) = 0;
    // The work after position `after`, at most `limit`. Empty at the end.
    virtual Result<std::vector<Work>> next(int64_t after, int limit) = 0;
    // Puts all of it into the queue's stage kEmbed instead. kUnsupported in a file.
    virtual Result<> enqueue() = 0;
    // Forgets the files that are gone, and the images left without any file. Returns how many
    // images went.
    virtual Result<int64_t> remove_gone() = 0;
  };
  Result<std::unique_ptr<Plan>> start_plan();

  // One path per image that has no embedding of `model` yet (by image id, after `after`), for
  // re-embedding; Work::n is the image id here.
  Result<std::vector<Work>> images_without_embedding(ModelId model, ImageId after, int limit);
  Result<int64_t> count_images_without_embedding(ModelId model);

  // The image with these bytes, if it is known and has an embedding of `model`.
  Result<std::optional<ImageId>> find_embedded(const Sha256& sha256, ModelId model);

  // Commits a batch in one transaction: new images, known ones seen under a new path, changed files
  // (the old content goes if no other file has it), failures. Two results of the same content in a
  // batch make one image; the last of two results for a path counts. A result without embedding
  // whose image has gone meanwhile is passed over: the next plan finds the file again.
  Result<> commit(std::span<const IngestResult> batch, ModelId model);

  // ---- the queue: work that any number of processes share. kUnsupported in a file.
  // What is in a stage waits, or is leased to a worker until a moment, is done (commit(),
  // put_details(), put_readings(), put_descriptions() and finish() take it out), or is put off.
  // What was leased kMostTries times to no end is set aside, until retry(), or Plan::enqueue() of
  // the same file.
  static constexpr int kMostTries = 3;
  static constexpr const char* kEmbed = "embed";  // files; Work::n is the queue's own
  // Images; Work::n is the image.
  static constexpr const char* kLook = "look";
  static constexpr const char* kRead = "read";
  static constexpr const char* kLabel = "label";
  static constexpr const char* kAsk = "ask";
  // Passes over what is there already, and over images that have gone.
  Result<> enqueue(const std::string& stage, std::span<const Work> work);
  // Up to `limit` that wait, by n; they are the worker's for `seconds`. kAlone: the first of those
  // that have their last try, so that nothing else is blamed for it, should the worker end.
  enum class Tries { kAny, kAlone };
  Result<std::vector<Work>> lease(const std::string& stage, const std::string& worker,
                                  int64_t seconds, int limit, Tries tries = Tries::kAny);
  Result<bool> has_waiting(const std::string& stage);
  // From now on; passes over what is no longer the worker's.
  Result<> renew(const std::string& stage, std::span<const int64_t> leased,
                 const std::string& worker, int64_t seconds);
  Result<> finish(const std::string& stage, std::span<const int64_t> done);
  // It has failed: others may try in `seconds`, times how often it was tried.
  Result<> put_off(const std::string& stage, int64_t n, const std::string& worker,
                   const std::string& error, int64_t seconds);
  Result<> give_back(const std::string& worker);  // all that it has, as if it had never had it
  struct SetAside {
    Work work;
    std::string error;  // empty: whoever had it ended
  };
  Result<std::vector<SetAside>> set_aside(const std::string& stage, int limit);
  // Files that their workers ended with have failed, of which no image is known; returns those.
  Result<std::vector<std::string>> fail_deadly_files(const std::string& error);
  Result<> retry();  // what is set aside
  struct QueueCounts {
    std::string stage;
    int64_t waiting = 0, leased = 0, set_aside = 0;
    int64_t workers = 0;  // that have something leased
  };
  Result<std::vector<QueueCounts>> queue();  // of stages that have something, by name

  // ---- reading
  Result<CatalogCounts> counts();
  Result<ImageRecord> image(ImageId id);  // kNotFound
  enum class Order { kOldest, kNewest };
  // By id, which is the order in which they were added: those that come after `after` in this
  // order; 0: from its beginning.
  Result<std::vector<ImageRecord>> images(ImageId after, int limit, Order order = Order::kOldest);
  // Which bytes they are, by id, after `after`.
  struct ImageHash {
    ImageId id = 0;
    Sha256 sha256{};
  };
  Result<std::vector<ImageHash>> image_hashes(ImageId after, int limit);
  // Of images(), the ones with a file of this name in any folder.
  Result<std::vector<ImageRecord>> images_named(const std::string& name, ImageId after, int limit,
                                                Order order = Order::kOldest);
  // In the order of ids; unknown ones left out.
  Result<std::vector<ImageRecord>> images_by_id(std::span<const ImageId> ids);
  Result<std::optional<ImageId>> image_by_path(const std::string& path);
  // Of these paths, the ones that images are known under.
  Result<std::unordered_set<std::string>> known_files(std::span<const std::string> paths);
  Result<std::vector<FailedFile>> failed_files(int limit);  // by path

  // Healthy and failed files that are `path` or lie below it.
  Result<int64_t> count_files_below(const std::string& path);
  // Forgets that files at or below `path` failed, so that the next plan tries them again.
  Result<> forget_failed(const std::string& path);

  // Forgets files: exactly `path`, or everything below it, and the added folders among them. Images
  // left without a file go with their vectors. Returns how many images went; the originals on disk
  // are never touched.
  Result<int64_t> remove_path(const std::string& path);
  Result<> remove_images(std::span<const ImageId> ids);

  // ---- raw embeddings
  Result<std::optional<std::vector<Half>>> embedding(ImageId id, ModelId model);
  // By image id, after `after`, at most `limit` rows. kWithoutVector: those that have no row in
  // vectors yet.
  enum class Which { kAll, kWithoutVector };
  Result<HalfRows> embeddings(ModelId model, Which which, ImageId after, int limit);
  // Of these images, in any order; those that have none are left out.
  Result<HalfRows> embeddings(ModelId model, std::span<const ImageId> ids);

  // ---- derived: projection and reduced vectors
  // Of the processes that share a catalog one at a time does such a task: until this goes. Null:
  // another does.
  struct Turn {
    virtual ~Turn() = default;
  };
  // The last four: bringing that table of a search inside the server up to date.
  enum class Task { kProjecting, kEmbeddingTexts, kPictures, kParts, kMeanings, kTexts };
  Result<std::unique_ptr<Turn>> take_turn(Task task);
  Result<std::optional<ProjectionRecord>> projection();
  // Starts a new generation of vectors beside the current one, which commit_projection puts in its
  // place, in one transaction; one that was never committed vanishes on the next open or begin.
  Result<ProjectionId> begin_projection(const ProjectionRecord& projection);
  // Appends vectors to the current generation, or to the one that was begun; replaces those that
  // are there. Images that have no embedding (any more) are passed over. Here and in
  // commit_projection, kConflict: another generation has taken the place of this one.
  Result<> add_vectors(ProjectionId generation, const FloatRows& rows);
  Result<> commit_projection(ProjectionId begun);
  // Vectors changed after `seq` (0: all), in order of seq, at most `limit`. Here and in
  // removals_since, kConflict if `generation` is given and not the current one (any more).
  Result<FloatRows> vectors_since(int64_t seq, int limit, ProjectionId generation = 0);
  Result<std::optional<std::vector<float>>> vector(ImageId id);
  // Images whose vectors went after `seq` and did not come back, and the newest change of either
  // kind. To catch up from p: removals_since(p) first, then vectors_since(p) to the end; the new p
  // is Removals::seq. Another projection() is another set of vectors: start from 0 then.
  struct Removals {
    std::vector<ImageId> ids;
    int64_t seq = 0;
  };
  Result<Removals> removals_since(int64_t seq, ProjectionId generation = 0);

  // ---- words: what a picture says, shows and is called
  struct Reading {
    ImageId id = 0;
    std::vector<TextLine> lines;
  };
  // One path per image that `reader` (the digest of a model that reads) has not read yet, as
  // images_without_embedding.
  Result<std::vector<Work>> images_unread(const std::string& reader, ImageId after, int limit);
  Result<int64_t> count_images_unread(const std::string& reader);
  // Replaces what another reader read. Images that have gone are passed over.
  Result<> put_readings(const std::string& reader, std::span<const Reading> readings);
  // Of those among the images that have been read; in no order.
  Result<std::vector<Reading>> readings(std::span<const ImageId> ids);

  // The user's description; an empty text takes it back. kNotFound.
  Result<> describe(ImageId id, const std::string& text);
  struct Description {
    ImageId id = 0;
    std::string text;  // may be empty: there was nothing to say
  };
  // One path per image that `describer` (the digest of a model and of how it is asked) has not
  // described yet, and nobody who is believed more, as images_without_embedding.
  Result<std::vector<Work>> images_undescribed(DescribedBy by, const std::string& describer,
                                               ImageId after, int limit);
  Result<int64_t> count_images_undescribed(DescribedBy by, const std::string& describer);
  // Replaces what that kind of model said before. Images that have gone are passed over.
  Result<> put_descriptions(DescribedBy by, const std::string& describer,
                            std::span<const Description> descriptions);

  // An empty name takes it away. Settles a suggestion. If it was the last image of the name it had,
  // what is suggested after it goes. kNotFound.
  Result<> set_category(ImageId id, const std::string& name);
  // Gives the name to those of these images that have no category, and settles their suggestions;
  // passes over the others, and what is no image. Returns which have got it, by id. REQUIRES: the
  // name is not empty.
  Result<std::vector<ImageId>> name_unnamed(std::span<const ImageId> ids, const std::string& name);
  // For images without a category; a name that was refused for an image is passed over, a newer
  // suggestion replaces an older one. Returns how many images have got one.
  Result<int64_t> suggest_categories(std::span<const CategorySuggestion> suggestions);
  enum class Answer { kAccept, kRefuse };
  // kNotFound if nothing is suggested for the image.
  Result<> answer_suggestion(ImageId id, Answer answer);

  // Answers all that suggest this category; returns how many.
  Result<int64_t> answer_suggestions(const std::string& category, Answer answer);

  // By name.
  Result<std::vector<Family>> families();
  Result<WordCounts> word_counts();
  struct ImageCategory {
    ImageId id = 0;
    std::string name;
  };
  Result<std::vector<ImageCategory>> categories();  // of the images that have one; by id
  // By id; only those of `category` unless it is empty.
  Result<std::vector<ImageId>> images_with_suggestion(const std::string& category = "");

  Result<std::vector<ImageText>> texts(std::span<const ImageId> ids);  // in their order; unknown
                                                                       // ones left out
  // To catch up from p, as with vectors: text_removals_since(p) first, then texts_since(p) to the
  // end; the new p is Removals::seq. Every image has a text, if only its file's name.
  Result<TextPage> texts_since(int64_t seq, int limit);
  Result<int64_t> text_seq();  // of the newest change of any text or its embedding
  Result<Removals> text_removals_since(int64_t seq);

  // Those whose text, as it is now, has no embedding of `model` (a text model's row).
  Result<TextPage> texts_without_embedding(ModelId model, int64_t after_seq, int limit);
  Result<int64_t> count_texts_without_embedding(ModelId model);
  // Replaces what was there. Passed over: texts that have changed since they were read. A vector is
  // model's dim, or empty for a text that says nothing.
  struct TextEmbedding {
    ImageId id = 0;
    int64_t text_seq = 0;  // ImageText::seq of what was embedded
    std::vector<Half> vector;
  };
  Result<> put_text_embeddings(ModelId model, std::span<const TextEmbedding> embeddings);
  // As vectors_since; the removals that go with it are text_removals_since(). A text that says
  // nothing any more has a row of zeros.
  Result<FloatRows> text_vectors_since(ModelId model, int64_t seq, int limit);

  // By id: the images that pass the query's filters; its words are the caller's. Categories are
  // compared without regard to case and accents; a suggested one counts until it is refused.
  Result<std::vector<ImageId>> images_matching(const TextQuery& query);

  // ---- what pictures look like in their details. Derived; kUnsupported in a file, beside which
  // index/features.db has it. On a server they are here for all who follow it.
  // One path per image of which there is nothing by this model, as images_without_embedding.
  Result<std::vector<Work>> images_without_details(ModelId model, ImageId after, int limit);
  Result<int64_t> count_images_without_details(ModelId model);
  // Replaces what was there, but for `words`, which follow from readings(). Images that have gone
  // are passed over.
  Result<> put_details(std::span<const StoredFeatures> details, ModelId model);
  // As texts_since and text_removals_since; what is read in a picture counts as a change.
  struct DetailsPage {
    std::vector<StoredFeatures> details;
    int64_t seq = 0;  // the last change among them
  };
  // kParts: without what else they hold, for an index of the parts.
  enum class Whole { kYes, kParts };
  Result<DetailsPage> details_since(int64_t seq, int limit, ModelId model,
                                    Whole whole = Whole::kYes);
  Result<Removals> detail_removals_since(int64_t seq);
  // The images that details_since() has after `seq`.
  Result<std::vector<ImageId>> details_changed_since(int64_t seq);
  // In the order of ids; unknown ones left out. Without parts and words.
  Result<std::vector<StoredFeatures>> details(std::span<const ImageId> ids);
  Result<std::vector<StoredPart>> detail_parts(ImageId id, ModelId model);
  // By id, after `after`: of which there are some; which were read, too.
  enum class Details { kAny, kRead };
  Result<std::vector<ImageId>> images_with_details(Details which, ImageId after, int limit);

  // ---- the full-text index, beside the catalog. Derived; kUnsupported in a file, beside which
  // index/text.db has it. The catalog outlives the store. Nothing follows the catalog's changes by
  // itself: whoever changes the store takes turns with others (take_turn). Opened for writing, its
  // tables are made if they are not there or of another version; kForbidden if the server lacks
  // pg_trgm and does not let us have it. kReadOnly: kNotFound, kCorrupt (another version).
  Result<std::unique_ptr<TextStore>> text_store();
  Result<> clear_text_store();  // it shows change 0 then; others see it empty

  // ---- what the user says are two pictures, though they look like one
  // None of `others` is the same picture as `id`. kNotFound: one of them is no image;
  // kInvalidArgument: one of them is `id`.
  Result<> say_not_duplicates(ImageId id, std::span<const ImageId> others);
  // Takes that back; passes over what nobody said.
  Result<> unsay_not_duplicates(ImageId id, std::span<const ImageId> others);
  struct ImagePair {
    ImageId a = 0, b = 0;  // a < b
    auto operator<=>(const ImagePair&) const = default;
  };
  Result<std::vector<ImagePair>> not_duplicates();  // sorted

  // ---- who may do what (engine/access_keys.h)
  Result<std::vector<AccessKey>> access_keys();   // sessions too, also those that are over; by name
  Result<> add_access_key(const AccessKey& key);  // kConflict: there is one of this name
  // With the name and scope of the key of this hash; drops sessions that are over, and the key's
  // oldest beyond `most`. kNotFound: there is no such key.
  Result<> add_session(AccessKey session, const Sha256& key, int most);
  Result<> remove_access_key(const std::string& name);  // with its sessions. kNotFound
  Result<> remove_session(const Sha256& hash);          // passes over what is not there

  // ---- check and repair
  // Every broken invariant, one sentence each; derived ones are mended when the catalog is writable
  // and say so.
  Result<std::vector<std::string>> check();
  // What a catalog holds that is not derived, a table at a time: how many rows, and a checksum of
  // all of them that does not depend on where it is kept.
  struct TableDigest {
    std::string table;
    int64_t rows = 0;
    Sha256 sha256{};
    bool operator==(const TableDigest&) const = default;
  };
  using Progress = std::function<void(const std::string& table, int64_t done, int64_t total)>;
  Result<std::vector<TableDigest>> digests(const Progress& progress);
  // Copies all that into `to`, in one transaction; what is derived is made there anew. Returns the
  // digests of what was read. kConflict: `to` is not empty. kCancelled: nothing was copied.
  Result<std::vector<TableDigest>> copy_to(Catalog& to, const Progress& progress,
                                           const std::stop_token& stop = {});

  // A copy of the catalog as of one moment, while others read and write:
  // sql::Database::write_copy().
  Result<std::string> write_copy();
  // What it takes on disk, but for the write-ahead log.
  Result<int64_t> bytes_on_disk();
  // Folds the write-ahead log into the file.
  Result<> checkpoint();

  struct Impl;  // opaque; in the .cc
  explicit Catalog(std::unique_ptr<Impl> impl);

 private:
  friend class VectorTable;

  std::unique_ptr<Impl> impl_;
};

}  // namespace mimeme

#endif  // MIMEME_STORE_CATALOG_H_
