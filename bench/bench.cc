// One harness for all that is measured. Ratios are taken in one run, the two sides in turn, because
// machines drift.
//     mimeme_bench ingest MIMEME PICTURES WORK [ROUNDS]
//         whole-process ingest against the bare ONNX Runtime session
//     mimeme_bench encoder FLOATS_MANIFEST PICTURES WORK [ROUNDS]
//         the image model of 8-bit integers against the same in floats
//     mimeme_bench search MIMEME PICTURES WORK
//         79 images: raw against reduced vectors, beside the original
//     mimeme_bench match MIMEME PICTURES WORK QUERIES
//         telling the same picture and template apart, against plain cosine: ingest and queries
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "core/metrics.h"
#include "engine/library.h"
#include "engine/look.h"
#include "engine/search.h"
#include "engine/words.h"
#include "media/scan.h"
#include "model/session.h"

namespace mimeme {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

[[noreturn]] void die(const Error& error) {
  std::fprintf(stderr, "bench: %s\n", error.message.c_str());
  std::exit(1);
}

template <typename T>
T need(Result<T> result) {
  if (!result) die(result.error());
  return *std::move(result);
}

// Runs a command to its end, its output thrown away.
struct Finished {
  double seconds = 0;
  double peak_mib = 0;
};
Finished run(const std::vector<std::string>& command) {
  const auto start = Clock::now();
  const pid_t pid = fork();
  if (pid == 0) {
    std::vector<char*> argv;
    for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    if (!std::freopen("/dev/null", "w", stdout)) _exit(127);
    execv(argv[0], argv.data());
    _exit(127);
  }
  int status = 0;
  rusage usage{};
  wait4(pid, &status, 0, &usage);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    die({ErrorCode::kInternal, command[0] + " " + command[1] + " failed"});
  return {seconds_since(start), static_cast<double>(usage.ru_maxrss) / 1024};
}

std::vector<std::string> pictures_below(const std::string& folder) {
  std::vector<std::string> paths;
  need(scan(folder, {}, [&](ScannedFile&& file) -> Result<> {
    paths.push_back(std::move(file.path));
    return {};
  }));
  return paths;
}

// So many of them, evenly.
std::vector<std::string> spread(const std::vector<std::string>& all, size_t count) {
  std::vector<std::string> some;
  for (size_t i = 0; i < std::min(count, all.size()); ++i)
    some.push_back(all[i * all.size() / std::min(count, all.size())]);
  return some;
}

void print_machine() {
  std::ifstream info("/proc/cpuinfo");
  std::string line, cpu = "?";
  while (std::getline(info, line))
    if (line.starts_with("model name")) cpu = line.substr(line.find(':') + 2);
  std::printf("machine: %s, %u threads; build: " MIMEME_BUILD_TYPE ", gcc " __VERSION__ "\n",
              cpu.c_str(), std::thread::hardware_concurrency());
}

std::unique_ptr<Session> open_bare(const Manifest& manifest, int threads) {
  return need(
      Session::open(manifest.file,
                    {.inputs = {{manifest.input.name,
                                 ElementType::kUint8,
                                 {-1, manifest.input.height, manifest.input.width, 3}}},
                     .output = {manifest.embedding, ElementType::kFloat32, {-1, manifest.dim}}},
                    threads));
}

void run_bare(const Session& session, const Manifest& manifest, std::span<const uint8_t> rgb) {
  std::vector<float> embedding(static_cast<size_t>(manifest.dim));
  const auto ran = session.run({{rgb, {1, manifest.input.height, manifest.input.width, 3}}},
                               embedding, {1, manifest.dim});
  if (!ran) die(ran.error());
}

// How often a second so many callers get through work(0), work(1) … work(runs - 1).
double rate(int callers, int runs, const std::function<void(size_t)>& work) {
  for (size_t i = 0; i < 4; ++i) work(i);  // the first runs allocate
  std::atomic<int> next = 0;
  const auto start = Clock::now();
  {
    std::vector<std::jthread> pool;
    for (int c = 0; c < callers; ++c)
      pool.emplace_back([&] {
        for (int i = next++; i < runs; i = next++) work(static_cast<size_t>(i));
      });
  }
  return runs / seconds_since(start);
}

// The limit: sessions that do nothing but run, on pixels that are there already. Images a second.
double bare_rate(const Manifest& manifest, const std::vector<std::vector<uint8_t>>& pictures,
                 int callers, int threads, int runs) {
  const auto session = open_bare(manifest, threads);
  return rate(callers, runs,
              [&](size_t i) { run_bare(*session, manifest, pictures[i % pictures.size()]); });
}

std::vector<uint8_t> decode_file(const std::string& path, const Manifest& manifest) {
  return need(decode(need(read_file(path, 1 << 30)).bytes, decode_target(manifest), {})).rgb;
}

// The same where each picture has to be read and decoded first.
double decoded_rate(const Manifest& manifest, const std::vector<std::string>& paths, int callers,
                    int runs) {
  const auto session = open_bare(manifest, 1);
  return rate(callers, runs, [&](size_t i) {
    run_bare(*session, manifest, decode_file(paths[i * 7 % paths.size()], manifest));
  });
}

Manifest built_in() { return need(Registry({MIMEME_BUILT_MODELS}).find("inception-v3")); }

// 32 pictures, as the model sees them.
std::vector<std::vector<uint8_t>> decode_some(const std::vector<std::string>& paths,
                                              const Manifest& manifest) {
  std::vector<std::vector<uint8_t>> pictures;
  for (const std::string& path : spread(paths, 32)) pictures.push_back(decode_file(path, manifest));
  return pictures;
}

// What a process that has a session already grows by when it opens this and runs it once. MiB.
double resident_mib(const Manifest& manifest, std::span<const uint8_t> picture) {
  int ends[2];
  if (pipe(ends) != 0) die({ErrorCode::kIo, "no pipe"});
  const pid_t pid = fork();
  if (pid == 0) {
    const auto resident = [] {
      int64_t size = 0, pages = 0;
      std::ifstream("/proc/self/statm") >> size >> pages;
      return static_cast<double>(pages * sysconf(_SC_PAGESIZE)) / (1 << 20);
    };
    const auto first = open_bare(built_in(), 1);  // from here on the runtime's own is there
    run_bare(*first, built_in(), picture);
    const double before = resident();
    const auto session = open_bare(manifest, 1);
    run_bare(*session, manifest, picture);
    const double grown = resident() - before;
    _exit(write(ends[1], &grown, sizeof grown) == sizeof grown ? 0 : 1);
  }
  close(ends[1]);
  double grown = 0;
  if (read(ends[0], &grown, sizeof grown) != sizeof grown) die({ErrorCode::kIo, "no answer"});
  waitpid(pid, nullptr, 0);
  close(ends[0]);
  return grown;
}

int encoder_bench(const std::string& floats_manifest, const std::string& folder, int rounds) {
  const Manifest integers = built_in(), floats = need(read_manifest(floats_manifest));
  const auto pictures = decode_some(pictures_below(folder), integers);
  const double floats_mib = resident_mib(floats, pictures[0]);
  const double integers_mib = resident_mib(integers, pictures[0]);
  std::printf("memory, MiB: floats %.0f, integers %.0f, ratio %.2f\n", floats_mib, integers_mib,
              floats_mib / integers_mib);
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  for (const auto& [callers, threads] : {std::pair(cores, 1), std::pair(1, cores)}) {
    std::vector<double> ratios;
    for (int round = 1; round <= rounds; ++round) {
      const double of_floats = bare_rate(floats, pictures, callers, threads, 100);
      const double of_integers = bare_rate(integers, pictures, callers, threads, 200);
      ratios.push_back(of_integers / of_floats);
      std::printf("%d callers, %d threads each, images/s: floats %.2f, integers %.2f\n", callers,
                  threads, of_floats, of_integers);
    }
    std::printf("median ratio: %.3f\n", quantile(ratios, 0.5));
  }
  return 0;
}

int ingest_bench(const std::string& mimeme, const std::string& folder, const std::string& work,
                 int rounds) {
  const Manifest manifest = built_in();
  const std::vector<std::string> paths = pictures_below(folder);
  const auto pictures = decode_some(paths, manifest);
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  const int n = static_cast<int>(paths.size()), runs = std::max(64, n / 4);
  const double joined = bare_rate(manifest, pictures, 1, cores, runs);
  const auto limits = [&] {
    return std::pair(bare_rate(manifest, pictures, cores, 1, runs),
                     decoded_rate(manifest, paths, cores, runs));
  };
  auto before = limits();
  std::printf(
      "bare session, images/s: %d callers with 1 thread %.2f, 1 caller with %d threads %.2f\n",
      cores, before.first, cores, joined);
  if (joined > before.first)
    std::printf("note: one caller is the faster; the ratio is to the slower\n");
  std::printf("ingest of %d pictures, whole process (start, scan, decode, embed, commit, index)\n",
              n);
  std::printf("round  bare  bare with decoding  ingest  ratio to each  peak MiB\n");
  std::vector<double> to_bare, to_decoded;
  for (int round = 1; round <= rounds; ++round) {
    const std::string library = work + "/ingest";
    fs::remove_all(library);
    const Finished finished =
        run({mimeme, "add", folder, "--library", library, "--no-words", "--quiet"});
    const double ingest = n / finished.seconds;
    const auto after = limits();
    const double bare = (before.first + after.first) / 2;
    const double decoded = (before.second + after.second) / 2;
    to_bare.push_back(ingest / bare);
    to_decoded.push_back(ingest / decoded);
    std::printf("%5d  %5.2f  %18.2f  %6.2f  %5.3f  %5.3f  %8.0f\n", round, bare, decoded, ingest,
                to_bare.back(), to_decoded.back(), finished.peak_mib);
    std::fflush(stdout);
    before = after;
  }
  std::printf("median ratio: %.3f to the bare session, %.3f to it with decoding\n",
              quantile(to_bare, 0.5), quantile(to_decoded, 0.5));
  return 0;
}

// p50 of searching (and of projecting a raw embedding first), in ms.
void time_search(Library& library, const char* name, int dim_bytes) {
  const auto searchable = library.searchable();
  const auto images = need(library.catalog().images(0, 1 << 20));
  std::vector<double> search_ms, project_ms;
  const std::vector<float> raw(static_cast<size_t>(searchable->record.input_dim), 0.5F);
  for (int round = 0; round < 20; ++round)
    for (const ImageRecord& image : images) {
      const Query query = need(query_by_id(library, image.id));
      const auto start = Clock::now();
      need(nearest(library, query, {.limit = 20}));
      search_ms.push_back(1000 * seconds_since(start));
      const auto middle = Clock::now();
      searchable->project(raw);
      project_ms.push_back(1000 * seconds_since(middle));
    }
  std::printf(
      "%-10s %5d dimensions  search p50 %.4f ms p99 %.4f ms  projecting a query %.4f ms  %6d bytes "
      "a vector\n",
      name, searchable->record.output_dim, quantile(search_ms, 0.5), quantile(search_ms, 0.99),
      quantile(project_ms, 0.5), dim_bytes);
}

int search_bench(const std::string& mimeme, const std::string& folder, const std::string& work) {
  const std::vector<std::string> all = pictures_below(folder);
  const std::string library_folder = work + "/search", pictures = work + "/79";
  fs::remove_all(library_folder);
  fs::remove_all(pictures);
  fs::create_directories(pictures);
  int n = 0;
  for (const fs::path from : spread(all, 79))
    fs::copy_file(from, fs::path(pictures) / (std::to_string(n++) + from.extension().string()));
  run({mimeme, "add", pictures, "--library", library_folder, "--no-words", "--quiet"});
  const auto library =
      need(Library::open({.directory = library_folder, .model_folders = {MIMEME_BUILT_MODELS}},
                         Library::Access::kWrite));
  std::printf(
      "79 images, search by an image of the library, in memory (the original: 206 ms at 2048-d in "
      "16,440 bytes, "
      "10 ms at 200-d in 2,104 bytes)\n");
  const int dim = library->searchable()->record.output_dim;
  time_search(*library, "raw", 2 * dim);
  need(library->fit_pca({}));
  time_search(*library, "PCA 99 %", 2 * library->searchable()->record.output_dim);
  return 0;
}

// Two ways to answer a query, in turn.
struct Times {
  std::vector<double> plain_ms, match_ms;
  template <typename F>
  static double ms(const F& run) {
    const auto start = Clock::now();
    run();
    return 1000 * seconds_since(start);
  }
  void print(const char* name) {
    std::printf("%-24s p50 %8.2f p99 %8.2f ms   match p50 %8.2f p99 %8.2f ms   ratio of p50 %.2f\n",
                name, quantile(plain_ms, 0.5), quantile(plain_ms, 0.99), quantile(match_ms, 0.5),
                quantile(match_ms, 0.99), quantile(match_ms, 0.5) / quantile(plain_ms, 0.5));
  }
};

int match_bench(const std::string& mimeme, const std::string& folder, const std::string& work,
                const std::string& queries) {
  const std::string library_folder = work + "/match";
  fs::remove_all(library_folder);
  const Finished embedded =
      run({mimeme, "add", folder, "--library", library_folder, "--no-words", "--quiet"});
  // No reader, detector or text model: of learn_words(), only the look at details is left.
  LibraryOptions options{.directory = library_folder, .model_folders = {MIMEME_BUILT_MODELS}};
  options.reader = options.object_model = options.text_model = "none";
  options.open_labeller = [](const Manifest&, int) -> Result<std::unique_ptr<Labeller>> {
    return Error{ErrorCode::kNotFound, "none"};
  };
  const auto library = need(Library::open(options, Library::Access::kWrite));
  const auto start = Clock::now();
  const WordsSummary learnt = need(learn_words(*library, {.threads = 0}, {}));
  const double looked = seconds_since(start);
  std::printf("%lld images: embedded in %.1f s (whole process), details in %.1f s; ratio %.2f\n",
              static_cast<long long>(learnt.looked_at), embedded.seconds, looked,
              (embedded.seconds + looked) / embedded.seconds);

  Times by_id, by_file;
  const auto encoder = need(library->open_encoder({.threads = 0}));
  for (const ImageRecord& image : need(library->catalog().images(0, 200))) {
    by_id.plain_ms.push_back(Times::ms([&] {
      const Query query{.vector = *need(library->catalog().vector(image.id)), .image = image.id};
      need(nearest(*library, query, {.limit = 20}));
    }));
    by_id.match_ms.push_back(Times::ms(
        [&] { need(match(*library, need(query_by_id(*library, image.id)), {.limit = 20})); }));
  }
  by_id.print("image of the library");
  for (const std::string& path : spread(pictures_below(queries), 100)) {
    const FileBytes file = need(read_file(path, 1 << 30));
    by_file.plain_ms.push_back(Times::ms([&] {
      const Decoded input = need(decode(file.bytes, decode_target(encoder->manifest()), {}));
      const Query query{.vector = library->searchable()->project(need(encoder->encode(input.rgb)))};
      need(nearest(*library, query, {.limit = 20}));
    }));
    by_file.match_ms.push_back(Times::ms([&] {
      auto look = need(QueryLook::at(file.bytes, std::nullopt, {}, *encoder));
      need(match(*library, query_by_look(*library, std::move(look)), {.limit = 20}));
    }));
  }
  by_file.print("file");
  return 0;
}

}  // namespace
}  // namespace mimeme

int main(int argc, char** argv) {
  using namespace mimeme;
  std::setvbuf(stdout, nullptr, _IOLBF,
               0);  // what is left in it would be printed by each child too
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() < 4) {
    std::fprintf(stderr,
                 "usage: mimeme_bench ingest|encoder|search|match MIMEME|FLOATS PICTURES WORK "
                 "[ROUNDS|QUERIES]\n");
    return 2;
  }
  if (const auto started = init_media(); !started) die(started.error());
  print_machine();
  if (words[0] == "search") return search_bench(words[1], words[2], words[3]);
  if (words[0] == "match" && words.size() > 4)
    return match_bench(words[1], words[2], words[3], words[4]);
  const int rounds = words.size() > 4 ? std::atoi(words[4].c_str()) : 3;
  if (words[0] == "encoder") return encoder_bench(words[1], words[2], rounds);
  return ingest_bench(words[1], words[2], words[3], rounds);
}
