// Captions and queries of any number, made up but for their words, and what the benches measure
// with. The same seed gives the same texts.
#ifndef MIMEME_BENCH_CAPTIONS_H_
#define MIMEME_BENCH_CAPTIONS_H_

#include <chrono>
#include <random>
#include <string>
#include <vector>

#include "bench/need.h"

namespace mimeme {

using Clock = std::chrono::steady_clock;
using Strings = std::vector<std::string>;
using Random = std::mt19937;

double ms_since(Clock::time_point start);
// Of this thread, so that what else the machine does counts less; of all threads of the process.
double cpu_ms();
double process_cpu_ms();

bool chance(Random& random, double p);
size_t below(Random& random, size_t n);

// Every word of the Tux Paint stamps' English descriptions, as often as it is there, in a fixed
// order.
Strings stamp_words();

// Zipf's law over `count` words: the stamps' by how common they are, then made-up ones.
class Language {
 public:
  Language(const Strings& text, size_t count, Random& random);
  const std::string& word(Random& random) const;

 private:
  Strings words_;
  std::vector<double> sums_;
};

std::string sentence(const Strings& words);

// What text recognition reads: `rate` of the letters that have a double are taken for it, `rate` of
// the spaces are missing, a fifth of that are too many.
std::string misread(const std::string& text, double rate, Random& random);

// One letter wrong, missing, too many or swapped with the next, in a word of at least four; false
// if there is none.
bool mistype(Strings& words, Random& random);

// Words that follow one another in a caption.
struct Phrase {
  Strings words;
  std::string clean;
};
Phrase phrase_of(const Strings& caption, size_t length, Random& random);

}  // namespace mimeme

#endif  // MIMEME_BENCH_CAPTIONS_H_
