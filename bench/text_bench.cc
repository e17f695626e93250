// Measures the text index: does it find what people remember, and how long does that take?
//     mimeme_text_bench WORK [DOCUMENTS]      WORK: a folder to write in; DOCUMENTS: default 100000
// The captions are random words of the Tux Paint stamps' descriptions, as text recognition would
// read them; queries are two to four words of the caption that follow one another.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <sstream>

#include "core/metrics.h"
#include "index/text_index.h"

namespace mimeme {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using Strings = std::vector<std::string>;
using Random = std::mt19937;

template <typename T>
T need(Result<T> result) {
  if (result.ok()) return std::move(result).value();
  std::fprintf(stderr, "text_bench: %s\n", result.error().message.c_str());
  std::exit(1);
}
void need(Result<> result) {
  need(result.ok() ? Result<bool>(true) : Result<bool>(std::move(result).error()));
}

// Of this thread, so that what else the machine does counts less.
double cpu_ms() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e3 * static_cast<double>(now.tv_sec) + 1e-6 * static_cast<double>(now.tv_nsec);
}

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

bool chance(Random& random, double p) {
  return std::uniform_real_distribution(0.0, 1.0)(random) < p;
}
size_t below(Random& random, size_t n) { return random() % n; }

// Every word of the stamps' English descriptions, as often as it is there, in a fixed order.
Strings stamp_words() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator("/usr/share/tuxpaint/stamps"))
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  Strings words;
  for (const fs::path& path : files) {
    std::ifstream file(path);
    std::string line, word;
    std::getline(file, line);
    for (const char c : line + ' ') {
      const auto small = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
      if (small >= 'a' && small <= 'z') {
        word += small;
      } else if (!word.empty()) {
        words.push_back(std::exchange(word, {}));
      }
    }
  }
  return words;
}

// Zipf's law over `count` words: the stamps' by how common they are, then made-up ones.
class Language {
 public:
  Language(const Strings& text, size_t count, Random& random) {
    std::map<std::string, int> counts;
    for (const std::string& word : text) ++counts[word];
    for (const auto& [word, n] : counts) words_.push_back(word);
    std::stable_sort(words_.begin(), words_.end(), [&](const std::string& a, const std::string& b) {
      return counts[a] > counts[b];
    });
    constexpr std::string_view kOnsets = "bcdfghjklmnprstvw", kVowels = "aeiou";
    while (words_.size() < count) {
      std::string word;
      for (size_t i = 0, n = 2 + below(random, 3); i < n; ++i) {
        word += kOnsets[below(random, kOnsets.size())];
        word += kVowels[below(random, kVowels.size())];
      }
      if (chance(random, 0.5)) word += kOnsets[below(random, kOnsets.size())];
      words_.push_back(word);
    }
    double sum = 0;
    for (size_t i = 0; i < words_.size(); ++i)
      sums_.push_back(sum += 1 / (static_cast<double>(i) + 1));
  }
  const std::string& word(Random& random) const {
    const double at = std::uniform_real_distribution(0.0, sums_.back())(random);
    return words_[static_cast<size_t>(std::lower_bound(sums_.begin(), sums_.end(), at) -
                                      sums_.begin())];
  }

 private:
  Strings words_;
  std::vector<double> sums_;
};

std::string sentence(const Strings& words) {
  std::string out;
  for (const std::string& word : words) (out += out.empty() ? "" : " ") += word;
  return out;
}

// What text recognition reads: `rate` of the letters that have a double are taken for it, `rate` of
// the spaces are missing, a fifth of that are too many.
std::string misread(const std::string& text, double rate, Random& random) {
  static const std::map<char, Strings> kDoubles = {
      {'o', {"0"}}, {'l', {"1", "i"}}, {'i', {"1", "l", "!"}}, {'s', {"5"}},
      {'b', {"8"}}, {'m', {"rn"}},     {'w', {"vv"}}};
  std::string out;
  for (const char c : text) {
    const auto doubles = kDoubles.find(c);
    if (c == ' ') {
      if (!chance(random, rate)) out += c;
    } else if (doubles != kDoubles.end() && chance(random, rate)) {
      out += doubles->second[below(random, doubles->second.size())];
    } else {
      out += c;
      if (chance(random, rate / 5)) out += ' ';
    }
  }
  return out;
}

// One letter wrong, missing, too many or swapped with the next, in a word of at least four; false
// if there is none.
bool mistype(Strings& words, Random& random) {
  std::vector<size_t> long_ones;
  for (size_t i = 0; i < words.size(); ++i)
    if (words[i].size() >= 4) long_ones.push_back(i);
  if (long_ones.empty()) return false;
  std::string& word = words[long_ones[below(random, long_ones.size())]];
  const std::string before = word;
  while (word == before) {
    const size_t at = below(random, word.size());
    const char letter = static_cast<char>('a' + below(random, 26));
    switch (below(random, 4)) {
      case 0:
        word[at] = letter;
        break;
      case 1:
        word.erase(at, 1);
        break;
      case 2:
        word.insert(at, 1, letter);
        break;
      default:
        if (at + 1 < word.size()) std::swap(word[at], word[at + 1]);
    }
  }
  return true;
}

struct Phrase {
  Strings words;
  std::string clean;
};

Phrase phrase_of(const Strings& caption, size_t length, Random& random) {
  const size_t from = below(random, caption.size() - length + 1);
  Phrase phrase;
  phrase.words.assign(caption.begin() + static_cast<ptrdiff_t>(from),
                      caption.begin() + static_cast<ptrdiff_t>(from + length));
  phrase.clean = sentence(phrase.words);
  return phrase;
}

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

void speed(const std::string& path, const Strings& text, size_t count) {
  constexpr int kQueries = 500;
  Random random(8);
  const Language language(text, 50'000, random);
  std::vector<Strings> captions;
  {
    const auto index = need(TextIndex::create(path));
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
  const auto index = need(TextIndex::open(path));
  std::printf("file %.1f MB\n", static_cast<double>(fs::file_size(path)) / 1e6);
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
  mimeme::speed(path, text, argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 100'000);
}
