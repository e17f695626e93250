// Measures search by words in a whole library, and the stages that learn them.
//     mimeme_words_bench queries WORK [IMAGES]    IMAGES: default 100000
//         made-up texts in a real catalog, WORK/words-IMAGES (made if it is not there), or in an
//         empty database that MIMEME_CATALOG names; what the parts of a search cost, with the real
//         text model
//     mimeme_words_bench stages WORK
//         reading, labelling and embedding the pictures of WORK/memes, with the real models
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string_view>
#include <thread>

#include "bench/captions.h"
#include "core/half.h"
#include "core/metrics.h"
#include "core/sha256.h"
#include "engine/documents.h"
#include "engine/ingest.h"
#include "engine/word_search.h"
#include "engine/words.h"
#include "media/scan.h"

namespace mimeme {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBatch = 1000;    // images in one transaction
constexpr int kImageDim = 256;     // of the made-up picture embeddings: about what PCA leaves
constexpr size_t kMeanings = 400;  // texts that are embedded for real; the others lie around them
// Of what a made-up vector differs by, to the vector it lies around: cosines of 0.8 between them.
constexpr float kSpread = 0.5F;

// Of an empty database on a PostgreSQL server; not set: catalogs are files.
std::string catalog_on_server() {
  const char* const address = std::getenv("MIMEME_CATALOG");
  return address ? address : "";
}

LibraryOptions options_for(const std::string& directory) {
  return {.directory = directory,
          .catalog = catalog_on_server(),
          .model_folders = {MIMEME_BUILT_MODELS}};
}

void print_load() {
  std::array<double, 1> load{};
  if (getloadavg(load.data(), 1) == 1) std::printf("load average %.1f\n", load[0]);
  std::fflush(stdout);
}

double megabytes(const std::string& path) {
  std::error_code missing;
  const auto bytes = fs::file_size(path, missing);
  return missing ? 0 : static_cast<double>(bytes) / 1e6;
}

// ---- queries

// A picture of a family: eight words on it, three that describe it, one that it is called.
struct Described {
  Strings caption;
  std::string read, description, name, format;
};

std::vector<Described> describe_all(size_t count) {
  Random random(8);
  const Language language(stamp_words(), 50'000, random);
  constexpr std::array<const char*, 10> kFormats = {"jpeg", "jpeg", "jpeg", "jpeg", "jpeg",
                                                    "jpeg", "jpeg", "webp", "png",  "gif"};
  std::vector<Described> all;
  for (size_t i = 0; i < count; ++i) {
    Strings words;
    while (words.size() < 12) words.push_back(language.word(random));
    all.push_back({.caption = {words.begin(), words.begin() + 8},
                   .read = {},
                   .description = words[8] + ", " + words[9] + ", " + words[10],
                   .name = words[11],
                   .format = kFormats[below(random, kFormats.size())]});
    all.back().read = misread(sentence(all.back().caption), 0.03, random);
  }
  return all;
}

void put_images(Catalog& catalog, ModelId model, const std::vector<Described>& all) {
  Random random(9);
  std::normal_distribution<float> normal;
  std::vector<std::array<float, kImageDim>> families(kMeanings);
  for (auto& family : families)
    for (float& v : family) v = normal(random);
  std::vector<IngestResult> batch;
  for (size_t i = 0; i < all.size(); ++i) {
    std::vector<float> embedding(kImageDim);
    const auto& family = families[below(random, families.size())];
    for (size_t d = 0; d < embedding.size(); ++d)
      embedding[d] = family[d] + kSpread * normal(random);
    const std::string n = std::to_string(i);
    batch.push_back(
        {.path = "/memes/" + n.substr(0, 2) + "/" + all[i].name + "-" + n + "." + all[i].format,
         .size = 60'000 + static_cast<int64_t>(i),
         .mtime_ns = static_cast<int64_t>(i),
         .sha256 = sha256(n.data(), n.size()),
         .info = {.format = all[i].format, .width = 700, .height = 600, .frames = 1},
         .embedding = to_half(embedding)});
    if (batch.size() < kBatch && i + 1 < all.size()) continue;
    need(catalog.commit(batch, model));
    batch.clear();
  }
}

void put_words(Catalog& catalog, const std::vector<Described>& all) {
  size_t i = 0;  // images have their ids in the order in which they were committed
  while (i < all.size()) {
    std::vector<Catalog::Reading> readings;
    std::vector<Catalog::Description> descriptions;
    const size_t end = std::min(i + kBatch, all.size());
    for (; i < end; ++i) {
      const auto id = static_cast<ImageId>(i + 1);
      const std::string& text = all[i].read;
      const size_t middle = std::min(text.find(' ', text.size() / 2), text.size());
      const Quad above = {{{10, 10}, {690, 10}, {690, 60}, {10, 60}}};
      const Quad below = {{{10, 540}, {690, 540}, {690, 590}, {10, 590}}};
      readings.push_back(
          {.id = id,
           .lines = {{text.substr(0, middle), 0.95F, above},
                     {text.substr(std::min(middle + 1, text.size())), 0.95F, below}}});
      descriptions.push_back({.id = id, .text = all[i].description});
    }
    need(catalog.put_readings("bench", readings));
    need(catalog.put_descriptions(DescribedBy::kLabels, "bench", descriptions));
  }
}

// Vectors around those of real texts: 100,000 inferences would take half an hour.
void put_meanings(Catalog& catalog, const TextEncoder& encoder) {
  const Manifest& manifest = encoder.manifest();
  const ModelId model = need(catalog.register_model(
      {.name = manifest.name, .digest = manifest.digest(), .dim = manifest.dim}));
  Random random(10);
  std::normal_distribution<float> normal(0, kSpread / std::sqrt(static_cast<float>(manifest.dim)));
  std::vector<float> real;
  for (int64_t seq = 0;;) {
    const TextPage page = need(catalog.texts_without_embedding(model, seq, kBatch));
    if (page.texts.empty()) break;
    seq = page.seq;
    if (real.empty()) {
      Strings texts;
      for (const ImageText& text : page.texts)
        if (texts.size() < kMeanings) texts.push_back(meaning_text(text));
      real = need(encoder.encode(texts));
    }
    const auto dim = static_cast<size_t>(manifest.dim);
    std::vector<Catalog::TextEmbedding> embeddings;
    for (const ImageText& text : page.texts) {
      const size_t at = below(random, real.size() / dim) * dim;
      std::vector<float> vector(real.begin() + static_cast<ptrdiff_t>(at),
                                real.begin() + static_cast<ptrdiff_t>(at + dim));
      for (float& v : vector) v += normal(random);
      l2_normalise(vector, manifest.dim);
      embeddings.push_back({.id = text.id, .text_seq = text.seq, .vector = to_half(vector)});
    }
    need(catalog.put_text_embeddings(model, embeddings));
  }
}

void make_library(const std::string& folder, const std::vector<Described>& all) {
  const std::string unfinished = folder + ".new";
  fs::remove_all(unfinished);
  fs::create_directories(unfinished);
  const auto timed = [](const char* what, const std::function<void()>& run) {
    const auto start = Clock::now();
    const double cpu = process_cpu_ms();
    run();
    std::printf("  %-36s %6.1f s, CPU %6.1f s\n", what, ms_since(start) / 1000,
                (process_cpu_ms() - cpu) / 1000);
    std::fflush(stdout);
  };
  {
    const std::string server = catalog_on_server();
    const auto catalog = need(Catalog::open(
        server.empty() ? unfinished + "/catalog.duckdb" : server, Catalog::Access::kReadWrite));
    const ModelId model =
        need(catalog->register_model({.name = "made-up", .digest = "bench", .dim = kImageDim}));
    need(catalog->set_active_model(model));
    const auto encoder = need(open_text_encoder(
        need(Registry({MIMEME_BUILT_MODELS}).find(LibraryOptions().text_model)), {.threads = 0}));
    timed("images in the catalog", [&] { put_images(*catalog, model, all); });
    timed("readings, descriptions", [&] { put_words(*catalog, all); });
    timed("text embeddings", [&] { put_meanings(*catalog, *encoder); });
  }
  timed("first opening: PCA and all indexes",
        [&] { need(Library::open(options_for(unfinished), Library::Access::kWrite)); });
  fs::rename(unfinished, folder);
}

// p50 and p99 of `times`, in ms.
std::string shown(std::vector<double>& times) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%6.2f /%6.2f", quantile(times, 0.5),
                quantile(times, 0.99));
  return text.data();
}

void time_opening(const std::string& folder) {
  std::vector<double> library_ms, search_ms;
  for (int i = 0; i < 7; ++i) {
    auto start = Clock::now();
    const auto library = need(Library::open(options_for(folder), Library::Access::kRead));
    library_ms.push_back(ms_since(start));
    start = Clock::now();
    need(WordSearch::open(*library));
    search_ms.push_back(ms_since(start));
  }
  std::printf("opening, p50 of 7: the library %.0f ms, the text model %.0f ms\n",
              quantile(library_ms, 0.5), quantile(search_ms, 0.5));
}

int queries(const std::string& work, size_t count) {
  constexpr int kQueries = 300, kWarm = 20;
  const std::string folder = work + "/words-" + std::to_string(count);
  const std::vector<Described> all = describe_all(count);
  std::printf("%zu images, described by 12 words each\n", count);
  if (!fs::exists(folder)) make_library(folder, all);
  std::printf("  MB:");
  for (const char* const file :
       {"catalog.duckdb", "index/text.db", "index/meaning.bin", "index/vectors.bin"})
    std::printf("  %s %.1f", file, megabytes(folder + "/" + file));
  std::printf("\n");
  time_opening(folder);

  const auto library = need(Library::open(options_for(folder), Library::Access::kRead));
  const auto search = need(WordSearch::open(*library));
  Random random(11);
  const auto some = [&](size_t length) {
    return phrase_of(all[below(random, all.size())].caption, length, random);
  };
  std::printf("ms, p50 / p99 of %d      %15s%15s%15s%15s%15s%15s%15s%15s\n", kQueries, "total",
              "CPU", "filter", "text", "encode", "meaning", "fuse", "explain 20");
  const auto measure = [&](const char* name, const std::function<std::string()>& make) {
    std::array<std::vector<double>, 8> times;
    for (int i = -kWarm; i < kQueries; ++i) {
      const TextQuery query = need(parse_query(make()));
      WordSearchTimes took;
      const double cpu = process_cpu_ms();
      const auto hits = need(search->search(query, {.limit = 20}, &took));
      const double cpu_took = process_cpu_ms() - cpu;
      const auto start = Clock::now();
      need(search->explain(hits));
      if (i < 0) continue;
      const double values[] = {took.total_ms,  cpu_took,        took.filter_ms, took.text_ms,
                               took.encode_ms, took.meaning_ms, took.fuse_ms,   ms_since(start)};
      for (size_t part = 0; part < times.size(); ++part) times[part].push_back(values[part]);
    }
    std::printf("%-24s", name);
    for (auto& part : times) std::printf("%15s", shown(part).c_str());
    std::printf("\n");
    std::fflush(stdout);
  };
  measure("1 word", [&] { return some(1).clean; });
  measure("3 words", [&] { return some(3).clean; });
  measure("3 words, one mistyped", [&] {
    Phrase phrase = some(3);
    mistype(phrase.words, random);
    return sentence(phrase.words);
  });
  measure("\"3 words\"", [&] { return '"' + some(3).clean + '"'; });
  measure("3 words type:png", [&] { return some(3).clean + " type:png"; });
  print_load();
  return 0;
}

// ---- stages

using Stage = WordsProgress::Stage;

// As engine/words.cc has them.
constexpr int kReadingSide = 1600, kObjectsSide = 600;
constexpr size_t kTextBatch = 32;

// How long one thread takes for a part, of all pictures.
class Part {
 public:
  explicit Part(const char* name) : name_(name) {}
  template <typename Run>
  auto operator()(const Run& run) {
    const auto start = Clock::now();
    const double cpu = cpu_ms();
    auto result = need(run());
    ms_ += ms_since(start);
    cpu_ms_ += cpu_ms() - cpu;
    return result;
  }
  void print(size_t pictures) const {
    const auto n = static_cast<double>(pictures);
    std::printf("  %-28s %8.2f ms a picture, CPU %8.2f ms: %8.1f a second\n", name_, ms_ / n,
                cpu_ms_ / n, 1000 * n / ms_);
  }

 private:
  const char* const name_;
  double ms_ = 0, cpu_ms_ = 0;
};

Decoded decode_inside(const std::string& path, int side) {
  const FileBytes file = need(read_file(path, DecodeLimits().max_bytes));
  return need(decode(file.bytes, {.width = side, .height = side, .fit = Fit::kInside}, {}));
}

// Each part alone, one after another on one thread.
void parts(Library& library, const std::vector<ImageRecord>& images) {
  const LibraryOptions& with = library.options();
  const Registry registry = library.registry();
  const auto ocr = need(open_ocr(need(registry.manifest_path(with.reader)), 1));
  const auto detector =
      need(open_object_detector(need(registry.manifest_path(with.object_model)), 1));
  const auto labeller = need(open_labeller(need(library.model()), 1));
  const auto encoder =
      need(open_text_encoder(need(registry.find(with.text_model, kTextEmbedding)), {.threads = 1}));
  const ModelId model = need(library.catalog().active_model())->id;

  Part large("reading: decode"), read("reading: OCR"), small("labelling: decode"),
      detect("labelling: objects"), label("labelling: labels"), embed("text embedding");
  size_t lines = 0;
  Strings texts;
  for (const ImageRecord& image : images) {
    const std::string& path = image.paths.front();
    const auto picture = large([&] { return Result<Decoded>(decode_inside(path, kReadingSide)); });
    const auto text = read([&] { return ocr->read(picture.rgb, picture.width, picture.height); });
    lines += text.size();
    std::string said;
    for (const TextLine& line : text) said += line.text + ' ';
    texts.push_back(said);
    const auto less = small([&] { return Result<Decoded>(decode_inside(path, kObjectsSide)); });
    detect([&] { return detector->detect(less.rgb, less.width, less.height); });
    const auto embedding = need(library.catalog().embedding(image.id, model));
    label([&] { return labeller->label(to_float(*embedding)); });
  }
  for (size_t i = 0; i < texts.size(); i += kTextBatch)
    embed([&] {
      return encoder->encode(std::span(texts).subspan(i, std::min(kTextBatch, texts.size() - i)));
    });
  std::printf("one thread, %zu pictures, %.1f lines each:\n", images.size(),
              static_cast<double>(lines) / static_cast<double>(images.size()));
  for (const Part* part : {&large, &read, &small, &detect, &label, &embed})
    part->print(images.size());
  std::fflush(stdout);
}

int stages(const std::string& work) {
  const std::string folder = work + "/stages";
  fs::remove_all(folder);
  const auto library = need(Library::open(options_for(folder), Library::Access::kCreate));
  need(ingest(*library, {.roots = {work + "/memes"}}, {}));
  const auto images = need(library->catalog().images(0, 1 << 20));
  parts(*library, images);

  std::array<double, 4> ended{}, cpu_ended{};
  const auto start = Clock::now();
  const double cpu = process_cpu_ms();
  const WordsSummary summary =
      need(learn_words(*library, {}, {.progress = [&](const WordsProgress& now) {
        ended.at(static_cast<size_t>(now.stage)) = ms_since(start);
        cpu_ended.at(static_cast<size_t>(now.stage)) = process_cpu_ms() - cpu;
      }}));
  for (const std::string& why : summary.left_out) std::printf("  left out: %s\n", why.c_str());
  std::printf("as an ingest does it, %u threads, loading the models and the commits with it:\n",
              std::thread::hardware_concurrency());
  constexpr std::array<const char*, 3> kNames = {"reading", "labelling", "text embedding"};
  const auto n = static_cast<double>(images.size());
  for (size_t stage = 0; stage < kNames.size(); ++stage) {
    const double took = ended.at(stage) - (stage > 0 ? ended.at(stage - 1) : 0);
    const double cpu_took = cpu_ended.at(stage) - (stage > 0 ? cpu_ended.at(stage - 1) : 0);
    std::printf("  %-28s %8.2f s, CPU %8.2f s: %8.1f pictures a second\n", kNames.at(stage),
                took / 1000, cpu_took / 1000, 1000 * n / took);
  }
  std::printf("  %-28s %8.2f s: %8.1f pictures a second\n", "all", summary.seconds,
              n / summary.seconds);
  print_load();
  return 0;
}

}  // namespace
}  // namespace mimeme

int main(int argc, char** argv) {
  using namespace mimeme;
  const std::string mode = argc > 2 ? argv[1] : "";
  if (mode != "queries" && mode != "stages") {
    std::fprintf(stderr,
                 "usage: mimeme_words_bench queries WORK [IMAGES]\n"
                 "       mimeme_words_bench stages WORK\n");
    return 2;
  }
  need(init_media());
  if (mode == "stages") return stages(argv[2]);
  return queries(argv[2], argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 100'000);
}
