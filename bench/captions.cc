#include "bench/captions.h"

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>

namespace mimeme {
namespace {

namespace fs = std::filesystem;

double clock_ms(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return 1e3 * static_cast<double>(now.tv_sec) + 1e-6 * static_cast<double>(now.tv_nsec);
}

}  // namespace

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}
double cpu_ms() { return clock_ms(CLOCK_THREAD_CPUTIME_ID); }
double process_cpu_ms() { return clock_ms(CLOCK_PROCESS_CPUTIME_ID); }

bool chance(Random& random, double p) {
  return std::uniform_real_distribution(0.0, 1.0)(random) < p;
}
size_t below(Random& random, size_t n) { return random() % n; }

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

Language::Language(const Strings& text, size_t count, Random& random) {
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

const std::string& Language::word(Random& random) const {
  const double at = std::uniform_real_distribution(0.0, sums_.back())(random);
  return words_[static_cast<size_t>(std::lower_bound(sums_.begin(), sums_.end(), at) -
                                    sums_.begin())];
}

std::string sentence(const Strings& words) {
  std::string out;
  for (const std::string& word : words) (out += out.empty() ? "" : " ") += word;
  return out;
}

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

Phrase phrase_of(const Strings& caption, size_t length, Random& random) {
  const size_t from = below(random, caption.size() - length + 1);
  Phrase phrase;
  phrase.words.assign(caption.begin() + static_cast<ptrdiff_t>(from),
                      caption.begin() + static_cast<ptrdiff_t>(from + length));
  phrase.clean = sentence(phrase.words);
  return phrase;
}

}  // namespace mimeme
