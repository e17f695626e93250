#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <thread>

#include "base/must.h"
#include "index/vector_index.h"

namespace mimeme {
namespace {

namespace fs = std::filesystem;

constexpr int kDim = 32;
constexpr IndexOptions kWithGraph{.graph_from = 1000};

// `n` rows around n/50 centres, as pictures lie; ids from 1 on.
struct Data {
  explicit Data(int n, unsigned seed = 1) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::vector<float> centres(static_cast<size_t>(std::max(1, n / 50) * kDim));
    std::mt19937 of_all(99);  // the same centres for all seeds
    for (float& v : centres) v = normal(of_all);
    for (int i = 0; i < n; ++i) {
      const auto centre = random() % (centres.size() / kDim) * kDim;
      for (size_t d = 0; d < kDim; ++d) rows.push_back(centres[centre + d] + 0.6F * normal(random));
      ids.push_back(i + 1);
    }
  }
  std::span<const float> row(size_t i) const { return std::span(rows).subspan(i * kDim, kDim); }
  std::vector<ImageId> ids;
  std::vector<float> rows;
};

class VectorIndexFileTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = fs::temp_directory_path() / ("vector_index_file_test." + std::to_string(getpid()));
    fs::create_directories(directory_);
  }
  void TearDown() override { fs::remove_all(directory_); }
  std::string path() const { return directory_ / "vectors.bin"; }
  std::unique_ptr<FileIndex> saved(const Data& data, const IndexOptions& options) const {
    auto index = make_index(kDim, options);
    must(index->add(data.ids, data.rows));
    EXPECT_TRUE(index->save(path(), {.generation = 7, .seq = 42}));
    return index;
  }
  std::string bytes() const {
    std::ifstream file(path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write(std::string_view all) const { std::ofstream(path(), std::ios::binary) << all; }

  fs::path directory_;
};

std::unique_ptr<FileIndex> in_memory(const Data& data) {
  auto index = make_index(kDim);
  must(index->add(data.ids, data.rows));
  return index;
}

// The share of what exact search finds.
double recall(const FileIndex& index, const FileIndex& exact, const SearchOptions& options) {
  const Data queries(100, 2);
  size_t found = 0, all = 0;
  for (size_t q = 0; q < queries.ids.size(); ++q) {
    std::set<ImageId> ids;
    for (const Hit& hit : must(index.search(queries.row(q), options))) ids.insert(hit.id);
    for (const Hit& hit : must(exact.search(queries.row(q), options)))
      found += ids.count(hit.id), ++all;
  }
  return static_cast<double>(found) / static_cast<double>(all);
}

void expect_same_answers(const FileIndex& index, const FileIndex& exact) {
  EXPECT_EQ(index.size(), exact.size());
  const Data queries(20, 2);
  for (size_t q = 0; q < queries.ids.size(); ++q) {
    const auto got = must(index.search(queries.row(q), {.limit = 20, .min_similarity = 0.2F}));
    const auto wanted = must(exact.search(queries.row(q), {.limit = 20, .min_similarity = 0.2F}));
    ASSERT_EQ(got.size(), wanted.size());
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(got[i].id, wanted[i].id);
      EXPECT_EQ(got[i].similarity, wanted[i].similarity);
    }
  }
}

TEST_F(VectorIndexFileTest, WithoutAGraphItAnswersAsInMemory) {
  const Data data(900);
  expect_same_answers(*saved(data, kWithGraph), *in_memory(data));
}

TEST_F(VectorIndexFileTest, TheGraphFindsWhatExactSearchFinds) {
  const Data data(5000);
  const auto index = saved(data, kWithGraph);
  EXPECT_GE(recall(*index, *in_memory(data), {.limit = 10}), 0.99);
  EXPECT_GE(recall(*index, *in_memory(data), {.limit = 200}), 0.99);
  EXPECT_EQ(must(index->search(data.row(0), {.limit = 5000})).size(), 5000U);
}

TEST_F(VectorIndexFileTest, SimilaritiesOfTheGraphAreExact) {
  const Data data(2000);
  const auto index = saved(data, kWithGraph);
  const auto exact = in_memory(data);
  for (size_t i = 0; i < 20; ++i) {
    const auto hit = must(index->search(data.row(i), {.limit = 1}));
    const auto wanted = must(exact->search(data.row(i), {.limit = 1}));
    ASSERT_EQ(hit.size(), 1U);
    EXPECT_EQ(hit[0].id, wanted[0].id);
    EXPECT_EQ(hit[0].similarity, wanted[0].similarity);
  }
}

TEST_F(VectorIndexFileTest, AFilterFindsAllThatPass) {
  const Data data(5000);
  const auto index = saved(data, kWithGraph);
  const auto exact = in_memory(data);
  const auto one_in = [](ImageId n) { return [n](ImageId id) { return id % n == 0; }; };
  for (const int n : {2, 10, 100, 1000}) {
    const SearchOptions options{.limit = 10, .filter = one_in(n)};
    EXPECT_GE(recall(*index, *exact, options), 0.99) << "one in " << n;
    const auto hits = must(index->search(data.row(3), options));
    EXPECT_EQ(hits.size(), std::min<size_t>(10, data.ids.size() / static_cast<size_t>(n)));
    for (const Hit& hit : hits) EXPECT_EQ(hit.id % n, 0);
  }
  EXPECT_TRUE(must(index->search(data.row(3), {.filter = [](ImageId) { return false; }})).empty());
}

TEST_F(VectorIndexFileTest, AFilterThatPassesOnlyWhatIsFarFindsIt) {
  const Data data(5000);
  const auto index = saved(data, kWithGraph);
  const auto exact = in_memory(data);
  std::set<ImageId> far;
  const auto all = must(exact->search(data.row(0), {.limit = 5000}));
  for (auto hit = all.end() - 300; hit != all.end(); ++hit) far.insert(hit->id);
  const SearchOptions options{.limit = 300, .filter = [&](ImageId id) { return far.contains(id); }};
  EXPECT_EQ(must(index->search(data.row(0), options)).size(), 300U);
}

TEST_F(VectorIndexFileTest, RowsThatAreAllAlikeAreAllFound) {
  Data data(5000);
  for (size_t i = 0; i < 600; ++i)  // scattered among the others
    std::copy_n(data.row(0).begin(), kDim,
                data.rows.begin() + static_cast<ptrdiff_t>(i * 7 * kDim));
  const auto index = saved(data, kWithGraph);
  for (const int limit : {10, 100, 200}) {
    const auto hits = must(index->search(data.row(0), {.limit = limit}));
    ASSERT_EQ(hits.size(), static_cast<size_t>(limit));
    EXPECT_GT(hits.back().similarity, 0.999F) << limit;
  }
  EXPECT_GE(recall(*index, *in_memory(data), {.limit = 10}), 0.98);
}

TEST_F(VectorIndexFileTest, ReplacedAndRemovedRowsAreForgotten) {
  const Data data(3000), other(3000, 5);
  const auto index = saved(data, kWithGraph);
  const auto exact = in_memory(data);
  for (VectorIndex* each : {index.get(), exact.get()}) {
    must(each->remove(std::span(data.ids).subspan(100, 200)));
    must(each->add(std::span(data.ids).first(50), std::span(other.rows).first(50 * kDim)));
  }
  const auto check = [&](const FileIndex& now) {
    EXPECT_EQ(now.size(), 2800);
    EXPECT_TRUE(must(now.row(150)).empty());
    EXPECT_EQ(must(now.row(10)), must(exact->row(10)));
    EXPECT_EQ(must(now.row(2000)), must(exact->row(2000)));
    EXPECT_GE(recall(now, *exact, {.limit = 10}), 0.99);
    const auto hits = must(now.search(data.row(120), {.limit = 300}));
    EXPECT_TRUE(std::ranges::none_of(hits, [](Hit h) { return h.id > 100 && h.id <= 300; }));
  };
  check(*index);
  EXPECT_EQ(index->unsaved(), 250 + 50);
  ASSERT_TRUE(index->save(path(), {}));  // grows: the removed stay in the graph
  EXPECT_EQ(index->unsaved(), 0);
  EXPECT_TRUE(index->has_graph());
  check(*index);
  const auto grown = load_index(path(), kWithGraph);
  ASSERT_TRUE(grown);
  check(*grown->index);
}

TEST_F(VectorIndexFileTest, AGraphOfManyDeadRowsIsBuiltAnew) {
  const Data data(3000);
  const auto index = saved(data, kWithGraph);
  const auto size = fs::file_size(path());
  must(index->remove(std::span(data.ids).first(300)));
  ASSERT_TRUE(index->save(path(), {}));
  EXPECT_GT(fs::file_size(path()), size * 99 / 100) << "a tenth: not worth it";
  must(index->remove(std::span(data.ids).subspan(300, 900)));
  ASSERT_TRUE(index->save(path(), {}));
  EXPECT_LT(fs::file_size(path()), size * 7 / 10);
  EXPECT_EQ(index->size(), 1800);
  const auto exact = in_memory(data);
  must(exact->remove(std::span(data.ids).first(1200)));
  EXPECT_GE(recall(*index, *exact, {.limit = 10}), 0.99);
}

TEST_F(VectorIndexFileTest, GrowsByMergesAsGoodAsBuiltAtOnce) {
  const Data data(6000);
  const auto index = make_index(kDim, kWithGraph);
  for (size_t i = 0; i < 6000; i += 1500) {
    must(index->add(std::span(data.ids).subspan(i, 1500),
                    std::span(data.rows).subspan(i * kDim, 1500 * kDim)));
    ASSERT_TRUE(index->save(path(), {}));
  }
  EXPECT_GE(recall(*index, *in_memory(data), {.limit = 10}), 0.99);
}

TEST_F(VectorIndexFileTest, SavedFileLoadsAsItWas) {
  for (const int n : {0, 1, 900, 2000}) {
    const Data data(n);
    const auto index = saved(data, kWithGraph);
    const auto loaded = load_index(path(), kWithGraph);
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_EQ(loaded->stamp, (IndexStamp{7, 42}));
    EXPECT_EQ(loaded->index->size(), n);
    EXPECT_TRUE(loaded->index->verify());
    for (const ImageId id : data.ids) ASSERT_EQ(must(loaded->index->row(id)), must(index->row(id)));
    const Data queries(20, 2);
    for (size_t q = 0; q < 20; ++q) {
      const auto a = must(index->search(queries.row(q), {})),
                 b = must(loaded->index->search(queries.row(q), {}));
      EXPECT_TRUE(std::ranges::equal(a, b, {}, &Hit::id, &Hit::id));
    }
    EXPECT_EQ(must(loaded->index->sample(100)).size() / kDim,
              must(index->sample(100)).size() / kDim);
  }
}

TEST_F(VectorIndexFileTest, AnyCutOrForeignFileIsRefused) {
  saved(Data(1200), kWithGraph);
  const std::string whole = bytes();
  for (size_t cut = 0; cut < whole.size(); cut += cut < 200 ? 1 : 997) {
    write(std::string_view(whole).substr(0, cut));
    const auto loaded = load_index(path());
    ASSERT_FALSE(loaded) << cut;
    EXPECT_EQ(loaded.error().code, ErrorCode::kCorrupt);
  }
  for (const std::string& foreign :
       {whole + "x", std::string(4096, 'x'), std::string("mimeflat")}) {
    write(foreign);
    EXPECT_EQ(load_index(path()).error().code, ErrorCode::kCorrupt);
  }
  std::string newer = whole;
  ++newer[8];
  write(newer);
  EXPECT_EQ(load_index(path()).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(load_index(path() + ".none").error().code, ErrorCode::kNotFound);
}

TEST_F(VectorIndexFileTest, DamageIsRefusedOrFoundByVerifyAndNeverCrashes) {
  const Data data(1200);
  saved(data, kWithGraph);
  const std::string whole = bytes();
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    std::string damaged = whole;
    // One byte, or a stretch as a lost sector leaves it.
    const size_t at = round < 64 ? static_cast<size_t>(round) : random() % whole.size();
    const size_t length = round % 3 == 2 ? 512 : 1;
    for (size_t i = at; i < std::min(at + length, whole.size()); ++i)
      damaged[i] = static_cast<char>(damaged[i] ^ (1 + random() % 255));
    write(damaged);
    const auto loaded = load_index(path(), kWithGraph);
    if (!loaded) {
      EXPECT_EQ(loaded.error().code, ErrorCode::kCorrupt);
      continue;
    }
    EXPECT_FALSE(loaded->index->verify()) << at;
    FileIndex& index = *loaded->index;
    for (size_t i = 0; i < 3; ++i) {
      must(index.search(data.row(i), {.limit = 10}));
      must(index.search(data.row(i), {.filter = [](ImageId id) { return id % 50 == 0; }}));
    }
    must(index.row(random() % 1200));
    must(index.sample(10));
    must(index.remove(std::span(data.ids).first(20)));
    if (round % 10 == 0) {
      EXPECT_TRUE(index.save(directory_ / "again.bin", {}));
    }
  }
}

TEST_F(VectorIndexFileTest, AFileThatCannotBeWrittenLeavesAllAsItWas) {
  const Data data(1200);
  const auto index = make_index(kDim, kWithGraph);
  must(index->add(data.ids, data.rows));
  const auto result = index->save(directory_ / "no" / "vectors.bin", {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kIo);
  EXPECT_TRUE(fs::is_empty(directory_));
  EXPECT_EQ(index->unsaved(), 1200);
  expect_same_answers(*index, *in_memory(data));
}

TEST_F(VectorIndexFileTest, ACancelledSaveLeavesAllAsItWas) {
  const Data data(3000);
  const auto index = saved(Data(900), kWithGraph);
  const std::string before = bytes();
  must(index->add(data.ids, data.rows));
  std::stop_source stop;
  const auto result =
      index->save(path(), {}, {.stop = stop.get_token(), .progress = [&](int64_t, int64_t total) {
                                 EXPECT_EQ(total, 3000);
                                 stop.request_stop();
                               }});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(bytes(), before);
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_), {}), 1);
  expect_same_answers(*index, *in_memory(data));
  ASSERT_TRUE(index->save(path(), {}));
}

TEST_F(VectorIndexFileTest, WhatChangesDuringASaveSurvivesIt) {
  const Data data(3000), other(3000, 5);
  const auto index = make_index(kDim, kWithGraph), after = make_index(kDim);
  const auto exact = in_memory(data);
  must(index->add(data.ids, data.rows));
  std::atomic<bool> is_changed = false;
  const auto change = [&](FileIndex& each) {
    must(each.remove(std::span(data.ids).first(10)));
    must(each.add(std::span(data.ids).subspan(20, 10), std::span(other.rows).first(10 * kDim)));
    must(each.add(std::vector<ImageId>{9001}, other.row(100)));
    must(each.remove(std::vector<ImageId>{9001}));
    must(each.add(std::vector<ImageId>{9002}, other.row(101)));
    must(each.add(std::vector<ImageId>{1}, other.row(102)));  // removed, and there again
  };
  const auto progress = [&](int64_t, int64_t) {
    if (!is_changed.exchange(true)) change(*index);
  };
  ASSERT_TRUE(index->save(path(), {}, {.progress = progress}));
  ASSERT_TRUE(is_changed);
  change(*exact);
  EXPECT_EQ(index->size(), exact->size());
  EXPECT_EQ(index->unsaved(), 9 + 1 + 10 + 10 + 1 + 1);  // gone of the file; new in memory
  for (const ImageId id : {1, 2, 20, 25, 40, 9001, 9002})
    EXPECT_EQ(must(index->row(id)), must(exact->row(id)));
  EXPECT_GE(recall(*index, *exact, {.limit = 10}), 0.99);
}

TEST_F(VectorIndexFileTest, AddsRemovesSearchesAndSavesRunBesideOneAnother) {
  const Data data(2500);
  const auto index = saved(data, {.graph_from = 500});
  std::jthread writer([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      must(index->remove(std::span(data.ids).first(200)));
      must(index->add(std::span(data.ids).first(200), std::span(data.rows).first(200 * kDim)));
    }
  });
  std::jthread saver([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) EXPECT_TRUE(index->save(path(), {}));
  });
  for (size_t round = 0; round < 300; ++round) {
    // Rows from 1000 on are never touched.
    const size_t i = 1000 + round * 5;
    const auto hits = must(index->search(data.row(i), {.limit = 3}));
    ASSERT_FALSE(hits.empty());
    EXPECT_EQ(hits[0].id, data.ids[i]);
    must(index->row(data.ids[round]));
    index->size();
  }
}

}  // namespace
}  // namespace mimeme
