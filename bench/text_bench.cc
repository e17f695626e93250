// Measures the text index: does it find what people remember, and how long does that take?
//     mimeme_text_bench WORK [DOCUMENTS]      WORK: a folder to write in; DOCUMENTS: default 100000
// If MIMEME_TEST_POSTGRESQL is the address of a server (tools/postgres run), also how long it takes
// there, in an empty database. The captions are random words of the Tux Paint stamps' descriptions,
// as text recognition would read them; queries are two to four words of the caption that follow one
// another.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>

#include "bench/captions.h"
#include "core/metrics.h"
#include "index/text_index.h"
#include "store/catalog.h"

namespace mimeme {
namespace {

// How often the first hit, and one of the first ten, is a document whose caption has the phrase.
void quality(const std::string& path, const Strings& text, double rate) {
  constexpr size_t kDocuments = 2000, kQueries = 1000;
  Random random(7);
  const auto index = need(TextIndex::create(path));
  std::vector<Strings> captions;
  std::vector<TextDocument> documents;
  for (size_t i = 0; i < kDocuments; ++i) {
    Strings caption;
    for (size_t n = 8 + below(random, 9); caption.size() < n;)
      caption.push_back(text[below(random, text.size())]);
    documents.push_back(
        {.id = static_cast<ImageId>(i + 1), .ocr = misread(sentence(caption), rate, random)});
    captions.push_back(std::move(caption));
  }
  need(index->upsert(documents, 1));
  for (const bool is_mistyped : {false, true})
    for (const size_t length : {2, 3, 4}) {
      int first = 0, ten = 0, asked = 0;
      while (asked < static_cast<int>(kQueries)) {
        Phrase phrase = phrase_of(captions[below(random, kDocuments)], length, random);
        if (is_mistyped && !mistype(phrase.words, random)) continue;
        ++asked;
        const auto hits =
            need(index->search(need(parse_query(sentence(phrase.words))), {.limit = 10}));
        const auto is_right = [&](const TextHit& hit) {
          return (" " + sentence(captions[static_cast<size_t>(hit.id - 1)]) + " ")
                     .find(" " + phrase.clean + " ") != std::string::npos;
        };
        const bool in_ten = std::any_of(hits.begin(), hits.end(), is_right);
        first += in_ten && is_right(hits[0]) ? 1 : 0;
        ten += in_ten ? 1 : 0;
      }
      std::printf("misread %.1f %%  %s  %zu words  R@1 %.3f  R@10 %.3f\n", 100 * rate,
                  is_mistyped ? "one letter wrong" : "as it is        ", length,
                  static_cast<double>(first) / kQueries, static_cast<double>(ten) / kQueries);
    }
}

using Open = std::function<std::unique_ptr<TextIndex>()>;

// create() and open() the same index.
void speed(const Open& create, const Open& open, const Strings& text, size_t count) {
  constexpr int kQueries = 500;
  Random random(8);
  const Language language(text, 50'000, random);
  std::vector<Strings> captions;
  {
    const auto index = create();
    const auto start = Clock::now();
    std::vector<TextDocument> batch;
    for (size_t i = 1; i <= count; ++i) {
      Strings words;
      while (words.size() < 12) words.push_back(language.word(random));
      const Strings caption(words.begin(), words.begin() + 8);
      batch.push_back({.id = static_cast<ImageId>(i),
                       .ocr = misread(sentence(caption), 0.03, random),
                       .description = words[8] + ' ' + words[9] + ' ' + words[10],
                       .name = words[11]});
      captions.push_back(caption);
      if (batch.size() < 1000 && i < count) continue;
      need(index->upsert(batch, static_cast<int64_t>(i)));
      batch.clear();
    }
    const double seconds = ms_since(start) / 1000;
    std::printf("%zu documents of 12 words: built in %.1f s (%.0f a second)\n", count, seconds,
                static_cast<double>(count) / seconds);
  }
  const auto index = open();
  const auto measure = [&](const char* name, const auto& make) {
    std::vector<double> times, cpu;
    for (int i = 0; i < kQueries; ++i) {
      const TextQuery query = need(parse_query(make()));
      const auto start = Clock::now();
      const double cpu_start = cpu_ms();
      need(index->search(query, {.limit = 20}));
      times.push_back(ms_since(start));
      cpu.push_back(cpu_ms() - cpu_start);
    }
    std::printf("%-24s p50 %6.2f ms  p90 %6.2f ms  p99 %6.2f ms  CPU p50 %6.2f ms\n", name,
                quantile(times, 0.5), quantile(times, 0.9), quantile(times, 0.99),
                quantile(cpu, 0.5));
  };
  const auto some = [&](size_t length) {
    return phrase_of(captions[below(random, captions.size())], length, random);
  };
  measure("1 word", [&] { return some(1).clean; });
  measure("2 words", [&] { return some(2).clean; });
  measure("3 words", [&] { return some(3).clean; });
  measure("3 words, one mistyped", [&] {
    Phrase phrase = some(3);
    mistype(phrase.words, random);
    return sentence(phrase.words);
  });
  measure("3 words of 3 captions",
          [&] { return some(1).clean + ' ' + some(1).clean + ' ' + some(1).clean; });
  measure("\"3 words\"", [&] { return '"' + some(3).clean + '"'; });
  measure("8 words", [&] { return some(8).clean; });
}

}  // namespace
}  // namespace mimeme

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: mimeme_text_bench WORK [DOCUMENTS]\n");
    return 2;
  }
  const std::string path = std::string(argv[1]) + "/text.db";
  const auto text = mimeme::stamp_words();
  for (const double rate : {0.0, 0.02, 0.05}) mimeme::quality(path, text, rate);
  const size_t count = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 100'000;
  using mimeme::need, mimeme::TextIndex, mimeme::Catalog;
  mimeme::speed([&] { return need(TextIndex::create(path)); },
                [&] { return need(TextIndex::open(path)); }, text, count);
  std::printf("file %.1f MB\n", static_cast<double>(std::filesystem::file_size(path)) / 1e6);
  const char* const server = std::getenv("MIMEME_TEST_POSTGRESQL");
  if (server == nullptr) return 0;
  const auto catalog = need(Catalog::open(server, Catalog::Access::kReadWrite));
  const mimeme::Open tables = [&] { return TextIndex::over(need(catalog->text_store())); };
  std::printf("on the server\n");
  mimeme::speed(tables, tables, text, count);
  std::printf("server %.1f MB\n", static_cast<double>(need(catalog->bytes_on_disk())) / 1e6);
}
