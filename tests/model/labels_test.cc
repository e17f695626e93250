// The real labeller is right about the Tux Paint stamps, by the words of their captions.
#include "model/labels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <thread>

#include "media/decode.h"
#include "model/image_encoder.h"

namespace mimeme {
namespace {

namespace fs = std::filesystem;

constexpr char kInception[] = MIMEME_BUILT_MODELS "/inception-v3/manifest.json";
constexpr char kStamps[] = "/usr/share/tuxpaint/stamps";

// Letters and digits in lower case, words apart ("Strawberry2's" → " strawberry 2s "); a space at
// both ends.
std::string plain(const std::string& text) {
  std::string words = " ";
  unsigned char before = ' ';
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '\'' || text.compare(i, 3, "’") == 0) {
      if (c != '\'') i += 2;
      continue;
    }
    const bool new_word = std::isalnum(c) == 0 || (std::islower(before) && std::isupper(c)) ||
                          (std::isalpha(before) && std::isdigit(c));
    if (new_word && words.back() != ' ') words += ' ';
    if (std::isalnum(c)) words += static_cast<char>(std::tolower(c));
    before = c;
  }
  return words.back() == ' ' ? words : words + ' ';
}

struct Stamp {
  fs::path file;
  std::string words;

  bool has(const std::string& word) const {
    const std::string start = " " + plain(word).substr(1, plain(word).size() - 2);
    return words.find(start + " ") != words.npos || words.find(start + "s ") != words.npos;
  }
};

Stamp stamp(const fs::path& file) {
  std::string name = file.stem();
  if (const size_t at = name.find("_mirror"); at != name.npos) name.erase(at);
  std::string caption;
  std::ifstream in(file.parent_path() / (name + ".txt"));
  std::getline(in, caption);
  if (file.parent_path().filename() == "cartoon") caption += " / cartoon";
  return {file, plain(caption + " / " + name)};
}

// Every second one, in order of their paths: the half on which the threshold was not chosen.
std::vector<Stamp> second_half() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(kStamps))
    if (entry.path().extension() == ".png") files.push_back(entry.path());
  std::sort(files.begin(), files.end(),
            [](const auto& a, const auto& b) { return a.native() < b.native(); });
  std::vector<Stamp> stamps;
  for (size_t i = 1; i < files.size(); i += 2) stamps.push_back(stamp(files[i]));
  return stamps;
}

// tests/data/stamp_labels.txt says how it is read.
std::map<std::string, std::vector<std::string>> narrower_words() {
  std::map<std::string, std::vector<std::string>> all;
  std::ifstream in(MIMEME_TEST_DATA "/stamp_labels.txt");
  for (std::string line; std::getline(in, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with('#') || colon == line.npos) continue;
    auto& words = all[line.substr(0, colon)];
    for (size_t at = colon; at != line.npos; at = line.find(", ", at + 2))
      words.push_back(line.substr(at + 2, line.find(", ", at + 2) - (at + 2)));
  }
  return all;
}

std::vector<float> embed(const ImageEncoder& encoder, const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(in), {}};
  const Manifest::Input& input = encoder.manifest().input;
  const auto picture =
      decode(bytes, {.width = input.width, .height = input.height, .fit = Fit::kStretch}, {});
  EXPECT_TRUE(picture) << file << ": " << picture.error().message;
  auto embedding = encoder.encode(picture->rgb);
  EXPECT_TRUE(embedding) << file << ": " << embedding.error().message;
  return *std::move(embedding);
}

std::vector<float> embed(const ImageEncoder& encoder, const std::vector<Stamp>& stamps) {
  const auto dim = static_cast<size_t>(encoder.manifest().dim);
  std::vector<float> all(stamps.size() * dim);
  std::atomic<size_t> next = 0;
  std::vector<std::jthread> threads;
  for (unsigned t = 0; t < std::max(std::thread::hardware_concurrency(), 1U); ++t)
    threads.emplace_back([&] {
      for (size_t i = next++; i < stamps.size(); i = next++) {
        const auto one = embed(encoder, stamps[i].file);
        std::copy(one.begin(), one.end(), all.begin() + static_cast<ptrdiff_t>(i * dim));
      }
    });
  threads.clear();
  return all;
}

TEST(Labels, NineOfTenAreRightAboutTheStamps) {
  ASSERT_TRUE(init_media());
  const auto manifest = read_manifest(kInception);
  ASSERT_TRUE(manifest) << manifest.error().message;
  const auto encoder = open_image_encoder(*manifest, {.threads = 1});
  ASSERT_TRUE(encoder) << encoder.error().message;
  const auto labeller = open_labeller(*manifest, 1);
  ASSERT_TRUE(labeller) << labeller.error().message;

  const std::vector<Stamp> stamps = second_half();
  const auto labels = (*labeller)->label(embed(**encoder, stamps));
  ASSERT_TRUE(labels) << labels.error().message;
  ASSERT_EQ(labels->size(), stamps.size());

  const auto narrower = narrower_words();
  size_t given = 0, right = 0, labelled = 0;
  for (size_t i = 0; i < stamps.size(); ++i) {
    const Stamp& stamp = stamps[i];
    labelled += labels->at(i).empty() ? 0 : 1;
    for (const Label& label : labels->at(i)) {
      EXPECT_LE(label.confidence, 1);
      const auto words = narrower.find(label.name);
      const bool is_right = stamp.has(label.name) ||
                            (words != narrower.end() &&
                             std::any_of(words->second.begin(), words->second.end(),
                                         [&](const std::string& word) { return stamp.has(word); }));
      ++given;
      right += is_right ? 1 : 0;
      if (!is_right)
        std::cout << label.name << ' ' << label.confidence << ": " << stamp.file.native() << '\n';
    }
  }
  const double precision = static_cast<double>(right) / static_cast<double>(given);
  const double coverage = static_cast<double>(labelled) / static_cast<double>(stamps.size());
  std::cout << right << " of " << given << " labels are right, " << labelled << " of "
            << stamps.size() << " stamps have one\n";
  EXPECT_GE(precision, 0.9);
  EXPECT_GE(coverage, 0.24);  // letters, signs and houses, of which ImageNet knows none, included
}

TEST(Labels, NarrowerWordsComeFirstAndBatchesChangeNothing) {
  ASSERT_TRUE(init_media());
  const auto manifest = read_manifest(kInception);
  ASSERT_TRUE(manifest) << manifest.error().message;
  const auto encoder = open_image_encoder(*manifest, {});
  ASSERT_TRUE(encoder) << encoder.error().message;
  const auto labeller = open_labeller(*manifest, 0);
  ASSERT_TRUE(labeller) << labeller.error().message;
  EXPECT_EQ((*labeller)->digest().size(), 64U);

  const auto lion = embed(**encoder, fs::path(kStamps) / "animals/mammals/cats/lion.png");
  const auto truck = embed(**encoder, fs::path(kStamps) / "vehicles/emergency/firetruck.png");
  std::vector<float> many;
  for (int i = 0; i < 75; ++i) many.insert(many.end(), lion.begin(), lion.end());
  many.insert(many.end(), truck.begin(), truck.end());
  const auto labels = (*labeller)->label(many);
  ASSERT_TRUE(labels) << labels.error().message;
  ASSERT_EQ(labels->size(), 76U);
  const auto names = [](const std::vector<Label>& all) {
    std::vector<std::string> out;
    for (const Label& label : all) out.push_back(label.name);
    return out;
  };
  EXPECT_EQ(names(labels->front()), (std::vector<std::string>{"lion", "animal"}));
  EXPECT_EQ(names(labels->at(74)), names(labels->front()));
  EXPECT_EQ(names(labels->back()), (std::vector<std::string>{"fire truck", "truck", "vehicle"}));
  EXPECT_TRUE((*labeller)->label({})->empty());
}

}  // namespace
}  // namespace mimeme
