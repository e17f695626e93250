#include "engine/words.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <random>
#include <set>
#include <utility>

#include "base/log.h"
#include "core/half.h"
#include "core/sha256.h"
#include "engine/documents.h"
#include "engine/look.h"
#include "engine/original.h"
#include "engine/stage.h"
#include "media/encode.h"

namespace mimeme {
namespace {

using Stage = WordsProgress::Stage;

constexpr int kReadingSide = 1600;  // more finds no more words (docs/decisions/0006)
constexpr int kObjectsSide = 600;   // the detector sees 300 × 300
constexpr int kTextBatch = 32;      // texts in one inference
// What vision-language models take: more pixels are scaled down by them, at the user's cost.
constexpr int kAskedSide = 1024, kAskedQuality = 85;
constexpr int kAskedBatch = 4;      // answers, which took seconds each, in one commit
constexpr int kMaxUnavailable = 3;  // pictures in a row that the server has not answered for

class Learner {
 public:
  Learner(Library& library, const WordsOptions& options, const WordsEvents& events)
      : library_(library), catalog_(library.catalog()), options_(options), events_(events) {}

  Result<WordsSummary> run() {
    const auto start = std::chrono::steady_clock::now();
    TRY(look());
    TRY(read());
    TRY(label());
    TRY(embed(0));
    if (options_.describer.model) {
      TRY(ask(*options_.describer.model));
      TRY(embed(0));
    }
    summary_.cancelled = options_.stop.stop_requested();
    summary_.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return std::move(summary_);
  }

  // Texts that changed after `seq`.
  Result<> embed(int64_t seq) {
    const std::string consequence = "what texts mean is not searched";
    auto manifest = library_.registry().find(library_.options().text_model, kTextEmbedding);
    if (!manifest) return leave_out(consequence, manifest.error());
    const ModelId model = TRY(catalog_.register_model(
        {.name = manifest->name, .digest = manifest->digest(), .dim = manifest->dim}));
    const auto turn = TRY(catalog_.take_turn(Catalog::Task::kEmbeddingTexts));
    if (!turn) return {};  // another process does them all: it takes a moment
    const int64_t total = TRY(catalog_.count_texts_without_embedding(model));
    if (total == 0) return {};
    // All cores for one inference: the texts of a batch are short.
    const auto encoder = library_.options().open_text_encoder(*manifest, {.threads = 0});
    if (!encoder) return leave_out(consequence, encoder.error());
    for (int64_t done = 0; !options_.stop.stop_requested();) {
      const TextPage page = TRY(catalog_.texts_without_embedding(model, seq, kTextBatch));
      if (page.texts.empty()) break;
      seq = page.seq;
      TRY(catalog_.put_text_embeddings(model, TRY(embed(**encoder, page.texts))));
      done += static_cast<int64_t>(page.texts.size());
      events_.progress({.stage = Stage::kEmbedding, .done = done, .total = total});
      summary_.embedded += static_cast<int64_t>(page.texts.size());
    }
    return library_.refresh_words();
  }

  const WordsSummary& summary() const { return summary_; }

 private:
  // What one picture came to; on an error only that and the path count.
  struct Read {
    Catalog::Reading reading;
    TextMask mask;
    std::string path, error;
  };
  struct Described {
    Catalog::Description description;
    std::string path, error;
    bool is_left = false;  // neither done nor failed: for the next run
  };

  // A model that cannot be used leaves its stage out, and says so once; the others go on.
  Result<> leave_out(const std::string& consequence, const Error& why) {
    std::string sentence = consequence + ": " + why.message;
    if (std::find(summary_.left_out.begin(), summary_.left_out.end(), sentence) ==
        summary_.left_out.end())
      summary_.left_out.push_back(std::move(sentence));
    return {};
  }

  // Makes of all that is lacking what this process is to do of it; false: nothing.
  Result<bool> share(const char* stage, WorkSource& source) const {
    if (!options_.leases) return true;
    const bool any = TRY(options_.leases->has_work(stage, source));
    source = options_.leases->source(stage, source);
    return any;
  }

  Result<> settle(const char* stage, int64_t n, const std::string& error) const {
    if (!options_.leases) return {};
    if (!error.empty()) return options_.leases->failed(stage, n, error);
    options_.leases->done(stage, n);
    return {};
  }

  int ahead() const { return options_.leases ? Leases::kAhead : StageOptions().ahead; }

  // What a stage has not come to is for others.
  Result<> give_back(Result<> result) const {
    if (options_.leases) options_.leases->give_back();
    return result;
  }

  struct Looked {
    StoredFeatures stored;
    std::string path, error;
  };

  Result<> look() {
    const auto active = TRY(catalog_.active_model());
    const auto store = library_.features();
    // On a server the catalog has them, for all who follow it.
    const bool on_server = Catalog::is_server(library_.options().catalog);
    if (!active || (!store && !on_server)) return {};
    std::vector<ImageId> ids;
    if (!on_server) ids = TRY(settle(*store, active->id));
    WorkSource source = each_of(ids);
    WorkSource lacking = [&](int64_t after, int limit) {
      return catalog_.images_without_details(active->id, after, limit);
    };
    if (on_server) source = lacking;
    if (!TRY(share(Catalog::kLook, source))) return {};
    WordsProgress progress{.stage = Stage::kLooking,
                           .total = on_server
                                        ? TRY(catalog_.count_images_without_details(active->id))
                                        : std::ssize(ids)};
    if (progress.total == 0 && !options_.leases) return {};
    const auto encoder = library_.open_encoder({.threads = 1});
    if (!encoder)
      return leave_out("the same picture is not told from one that is alike", encoder.error());
    events_.progress(progress);
    return give_back(run_stage<Looked>(
        source, [&](const Work& work) { return look_at_picture(**encoder, work.n); },
        [&](std::span<const Looked> batch) -> Result<> {
          std::vector<StoredFeatures> done;
          for (const Looked& out : batch) {
            if (!count(out.path, out.error, progress)) continue;
            done.push_back(out.stored);
          }
          if (on_server) {
            TRY(catalog_.put_details(done, active->id));
            for (const Looked& out : batch)
              TRY(settle(Catalog::kLook, out.stored.image, out.error));
          } else {
            TRY(add_text_masks(catalog_, done));
            TRY(store->put(done, active->id));
          }
          summary_.looked_at += static_cast<int64_t>(done.size());
          events_.progress(progress);
          return library_.refresh_pictures();
        },
        {.threads = options_.threads, .ahead = ahead(), .stop = options_.stop}));
  }

  Looked look_at_picture(const ImageEncoder& encoder, ImageId id) const {
    Looked out{.stored = {.image = id}};
    const auto look = [&]() -> Result<> {
      const ImageRecord image = TRY(catalog_.image(id));
      if (!image.paths.empty()) out.path = image.paths.front();
      const std::vector<uint8_t> bytes = TRY(read_original(image, options_.limits));
      out.stored = to_stored(TRY(look_at_details(bytes, options_.limits, encoder)));
      out.stored.image = id;
      out.stored.sha256 = image.sha256;
      return {};
    };
    if (const auto done = look(); !done) out.error = done.error().message;
    return out;
  }

  // The images that have to be looked at, by id. What is kept of images that the library has no
  // more is forgotten.
  Result<std::vector<ImageId>> settle(FeatureStore& store, ModelId model) const {
    constexpr int kPage = 10'000;
    constexpr ImageId kEnd = std::numeric_limits<ImageId>::max();
    std::vector<ImageId> todo;
    for (ImageId after = 0; after < kEnd;) {
      const auto images = TRY(catalog_.image_hashes(after, kPage));
      const ImageId last = std::ssize(images) < kPage ? kEnd : images.back().id;
      const auto known = TRY(store.known(after, last));
      std::vector<ImageId> gone;
      auto next = known.begin();
      for (const auto& [id, sha256] : images) {
        for (; next != known.end() && next->image < id; ++next) gone.push_back(next->image);
        const bool is_known = next != known.end() && next->image == id;
        if (!is_known || next->sha256 != sha256 || next->model != model) todo.push_back(id);
        if (is_known) ++next;
      }
      for (; next != known.end(); ++next) gone.push_back(next->image);
      if (!gone.empty()) TRY(store.remove(gone));
      after = last;
    }
    return todo;
  }

  Result<> read() {
    const std::string consequence = "the words in pictures are not read";
    const auto manifest = library_.registry().manifest_path(library_.options().reader);
    if (!manifest) return leave_out(consequence, manifest.error());
    const std::string reader = to_hex(TRY(sha256_file(*manifest)));
    WorkSource source = [&](int64_t after, int limit) {
      return catalog_.images_unread(reader, after, limit);
    };
    if (!TRY(share(Catalog::kRead, source))) return {};
    WordsProgress progress{.stage = Stage::kReading,
                           .total = TRY(catalog_.count_images_unread(reader))};
    if (progress.total == 0 && !options_.leases) return {};
    const auto ocr = library_.options().open_ocr(*manifest, 1);
    if (!ocr) return leave_out(consequence, ocr.error());
    events_.progress(progress);
    return give_back(run_stage<Read>(
        source,
        [&](const Work& work) {
          Read out{.reading = {.id = work.n}, .path = work.path};
          if (const auto done = read_picture(**ocr, out); !done) out.error = done.error().message;
          return out;
        },
        [&](std::span<const Read> batch) -> Result<> {
          std::vector<Catalog::Reading> readings;
          std::vector<FeatureStore::Words> masks;
          for (const Read& out : batch) {
            if (!count(out.path, out.error, progress)) continue;
            readings.push_back(out.reading);
            masks.push_back({out.reading.id, out.mask});
          }
          // First, for what the catalog says is read is not read again.
          if (const auto store = library_.features()) TRY(store->put_words(masks));
          TRY(catalog_.put_readings(reader, readings));
          for (const Read& out : batch) TRY(settle(Catalog::kRead, out.reading.id, out.error));
          summary_.read += static_cast<int64_t>(readings.size());
          events_.progress(progress);
          return library_.refresh_words();
        },
        {.threads = options_.threads, .ahead = ahead(), .stop = options_.stop}));
  }

  // Either will do; both are better.
  struct Labelling {
    std::unique_ptr<Labeller> labeller;
    std::unique_ptr<ObjectDetector> detector;
    ModelId model = 0;  // of the embeddings that the labeller takes
  };

  Result<> label() {
    const auto active = TRY(catalog_.active_model());
    if (!active) return {};
    Labelling by{.model = active->id};
    const LibraryOptions& with = library_.options();
    // A damaged model leaves the stage out, for without it what was told before would be told anew,
    // and less. One that there is not, or that has no labels we know, is done without.
    const std::string consequence = "what pictures show is not told";
    auto labeller = with.open_labeller(TRY(library_.model()), 1);
    if (!labeller && labeller.error().code != ErrorCode::kNotFound &&
        labeller.error().code != ErrorCode::kUnsupported)
      return leave_out(consequence, labeller.error());
    if (const auto path = library_.registry().manifest_path(with.object_model)) {
      auto detector = with.open_object_detector(*path, 1);
      if (!detector) return leave_out(consequence, detector.error());
      by.detector = *std::move(detector);
    }
    if (!labeller && !by.detector) return leave_out(consequence, labeller.error());
    if (labeller) by.labeller = *std::move(labeller);
    const auto label_one = [&](const Work& work) {
      Described out{.description = {.id = work.n, .text = {}}, .path = work.path};
      auto text = labels_of(by, work.n);
      if (text) {
        out.description.text = *std::move(text);
      } else {
        out.error = text.error().message;
      }
      return out;
    };
    const std::string digests = (by.labeller ? by.labeller->digest() : "") + '\n' +
                                (by.detector ? by.detector->digest() : "");
    return describe(DescribedBy::kLabels, to_hex(sha256(digests.data(), digests.size())),
                    Stage::kLabelling, label_one,
                    {.threads = options_.threads, .ahead = ahead(), .stop = options_.stop});
  }

  Result<std::string> labels_of(const Labelling& by, ImageId id) const {
    std::vector<std::string> names;
    const auto say = [&](const std::string& name) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    };
    if (by.labeller) {
      if (const auto embedding = TRY(catalog_.embedding(id, by.model)))
        for (const auto& labels = TRY(by.labeller->label(to_float(*embedding)));
             const Label& label : labels.front())
          say(label.name);
    }
    if (by.detector) {
      const Decoded picture = TRY(decode_inside(id, kObjectsSide));
      const auto objects = TRY(by.detector->detect(picture.rgb, picture.width, picture.height));
      for (const DetectedObject& object : objects) say(object.name);
    }
    std::string text;
    for (const std::string& name : names) (text += text.empty() ? "" : ", ") += name;
    return text;
  }

  Result<> ask(const VisionModel& model) {
    // The user's stop, or that the model is of no use now.
    std::stop_source stop;
    const std::stop_callback link(options_.stop, [&] { stop.request_stop(); });
    Mutex mu;
    std::string last;  // why a picture was left for the next run
    int64_t left = 0;
    std::atomic<int> unavailable = 0;  // in a row
    const auto ask_one = [&](const Work& work) {
      Described out{.description = {.id = work.n, .text = {}}, .path = work.path};
      auto text = ask_about(model, work.n, stop.get_token());
      if (text) {
        out.description.text = *std::move(text);
        unavailable = 0;
        return out;
      }
      out.error = text.error().message;
      const ErrorCode code = text.error().code;
      out.is_left = code == ErrorCode::kUnavailable || code == ErrorCode::kInvalidArgument ||
                    code == ErrorCode::kCancelled;
      if (!out.is_left || code == ErrorCode::kCancelled) return out;
      Lock lock(mu);
      ++left;
      last = out.error;
      if (code == ErrorCode::kInvalidArgument || ++unavailable >= kMaxUnavailable)
        stop.request_stop();
      return out;
    };
    TRY(describe(DescribedBy::kVisionModel, options_.describer.digest, Stage::kAsking, ask_one,
                 {.threads = options_.describer.concurrency,
                  .ahead = ahead(),
                  .commit_batch = kAskedBatch,
                  .stop = stop.get_token()}));
    Lock lock(mu);
    if (left > 0)
      return leave_out("not all pictures are described, the next `mimeme add` goes on",
                       {.message = last});
    return {};
  }

  Result<std::string> ask_about(const VisionModel& model, ImageId id, std::stop_token stop) const {
    const Decoded picture = TRY(decode_inside(id, kAskedSide));
    return model.describe(
        TRY(encode_jpeg(picture.rgb, picture.width, picture.height, kAskedQuality)),
        std::move(stop));
  }

  // Each run asks from another picture on: a few that the server cannot do must not stand at the
  // head of the queue for ever.
  static ImageId anywhere(ImageId newest) {
    std::random_device random;
    return std::uniform_int_distribution<ImageId>(0, newest)(random);
  }

  // The work after `start`, then that before it.
  static WorkSource from(ImageId start, WorkSource source) {
    return [start, source = std::move(source), is_second = start == 0](
               int64_t after, int limit) mutable -> Result<std::vector<Work>> {
      std::vector<Work> page = TRY(source(is_second ? after : std::max(after, start), limit));
      if (page.empty() && !is_second) {
        is_second = true;
        page = TRY(source(0, limit));
      }
      if (is_second && start > 0)
        std::erase_if(page, [&](const Work& work) { return work.n > start; });
      return page;
    };
  }

  // Describes what `digest` has not described yet.
  Result<> describe(DescribedBy by, const std::string& digest, Stage stage,
                    const std::function<Described(const Work&)>& describe_one,
                    const StageOptions& options) {
    const bool asks = by == DescribedBy::kVisionModel;
    const char* const in_queue = asks ? Catalog::kAsk : Catalog::kLabel;
    WorkSource source =
        from(asks ? anywhere(TRY(catalog_.counts()).newest) : 0, [&](int64_t after, int limit) {
          return catalog_.images_undescribed(by, digest, after, limit);
        });
    if (!TRY(share(in_queue, source))) return {};
    WordsProgress progress{.stage = stage,
                           .total = TRY(catalog_.count_images_undescribed(by, digest))};
    if (progress.total == 0 && !options_.leases) return {};
    events_.progress(progress);
    return give_back(run_stage<Described>(
        source, describe_one,
        [&](std::span<const Described> batch) -> Result<> {
          std::vector<Catalog::Description> descriptions;
          for (const Described& out : batch)
            if (!out.is_left && count(out.path, out.error, progress))
              descriptions.push_back(out.description);
          TRY(catalog_.put_descriptions(by, digest, descriptions));
          for (const Described& out : batch)
            if (!out.is_left) TRY(settle(in_queue, out.description.id, out.error));
          summary_.described += static_cast<int64_t>(descriptions.size());
          events_.progress(progress);
          return library_.refresh_words();
        },
        options));
  }

  Result<> read_picture(const Ocr& ocr, Read& out) const {
    const Decoded picture = TRY(decode_inside(out.reading.id, kReadingSide));
    auto lines = TRY(ocr.read(picture.rgb, picture.width, picture.height));
    out.mask = text_mask(lines, picture.width, picture.height);
    const float across = static_cast<float>(picture.info.width) / static_cast<float>(picture.width);
    const float down = static_cast<float>(picture.info.height) / static_cast<float>(picture.height);
    for (TextLine& line : lines)
      for (Point& corner : line.corners) corner = {corner.x * across, corner.y * down};
    out.reading.lines = std::move(lines);
    return {};
  }

  // The image's original, no side longer than `side`.
  Result<Decoded> decode_inside(ImageId id, int side) const {
    return decode(TRY(read_original(TRY(catalog_.image(id)), options_.limits)),
                  {.width = side, .height = side, .fit = Fit::kInside}, options_.limits);
  }

  // Counts one picture; false, and said, if it failed.
  bool count(const std::string& path, const std::string& error, WordsProgress& progress) {
    ++progress.done;
    if (error.empty()) return true;
    ++progress.failed;
    // A file that is gone fails every stage, and is named once.
    if (named_.insert(path + '\n' + error).second) {
      ++summary_.failed;
      events_.failed({.path = path, .error = error});
    }
    return false;
  }

  static Result<std::vector<Catalog::TextEmbedding>> embed(const TextEncoder& encoder,
                                                           std::span<const ImageText> texts) {
    std::vector<Catalog::TextEmbedding> embeddings;
    std::vector<std::string> meanings;
    for (const ImageText& text : texts) {
      embeddings.push_back({.id = text.id, .text_seq = text.seq, .vector = {}});
      meanings.push_back(meaning_text(text));
    }
    std::vector<std::string> said;
    for (const std::string& meaning : meanings)
      if (!meaning.empty()) said.push_back(meaning);
    if (said.empty()) return embeddings;
    const std::vector<Half> rows = to_half(TRY(encoder.encode(said)));
    const auto dim = static_cast<ptrdiff_t>(rows.size() / said.size());
    auto row = rows.begin();
    for (size_t i = 0; i < embeddings.size(); ++i) {
      if (meanings[i].empty()) continue;
      embeddings[i].vector.assign(row, row + dim);
      row += dim;
    }
    return embeddings;
  }

  Library& library_;
  Catalog& catalog_;
  const WordsOptions& options_;
  const WordsEvents& events_;
  std::set<std::string> named_;  // what failed
  WordsSummary summary_;
};

}  // namespace

Result<WordsSummary> learn_words(Library& library, const WordsOptions& options,
                                 const WordsEvents& events) {
  return Learner(library, options, events).run();
}

Result<int64_t> embed_texts(Library& library, int64_t seq) {
  const WordsOptions options;
  const WordsEvents events{.progress = [&](const WordsProgress& p) {
    library.options().progress("embedding texts", p.done, p.total);
  }};
  TRY(library.refresh_words());  // the letters first: they need no model
  Learner learner(library, options, events);
  TRY(learner.embed(seq));
  for (const std::string& why : learner.summary().left_out) log(LogLevel::kDebug, why);
  return learner.summary().embedded;
}

}  // namespace mimeme
