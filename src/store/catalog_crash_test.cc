// What is left after kill −9 and on a full disk, and what readers see while a writer commits.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <set>
#include <thread>

#include "store/catalog.h"
#include "store/catalog_test_util.h"

namespace mimeme {
namespace {

class CrashTest : public CatalogTest {
 protected:
  static constexpr int kBatch = 8;

  static std::string file(int batch, int i) {
    return "/" + std::to_string(batch) + "/" + std::to_string(i);
  }
  // A batch of new files, of which the first replaces one of the batch before.
  static std::vector<IngestResult> batch(int n) {
    std::vector<IngestResult> results;
    for (int i = 0; i < kBatch; ++i) results.push_back(picture(file(n, i), file(n, i)));
    if (n > 0) results[0] = picture(file(n - 1, 1), "changed by " + std::to_string(n));
    return results;
  }

  // The catalog holds batches 0..acknowledged-1, perhaps one more, and each as a whole.
  void expect_whole_batches(Catalog& catalog, int acknowledged) {
    const auto there = [&](int n) { return id_of(catalog, file(n, kBatch - 1)) != 0; };
    for (int n = 0; n < acknowledged; ++n) ASSERT_TRUE(there(n)) << n << " of " << acknowledged;
    const int batches = there(acknowledged) ? acknowledged + 1 : acknowledged;
    const auto counts = must(catalog.counts());
    EXPECT_EQ(counts.files, batches * (kBatch - 1) + (batches > 0 ? 1 : 0));
    EXPECT_EQ(counts.images, counts.files);
    EXPECT_EQ(counts.embedded, counts.files);
    EXPECT_EQ(must(catalog.check()), Strings{});
  }
};

TEST_F(CrashTest, AcknowledgedBatchesSurviveKillNine) {
  for (const int acknowledgements : {0, 1, 7, 30}) {
    SCOPED_TRACE(acknowledgements);
    take_away();
    Child writer([&](int pipe) {
      auto catalog = open();
      for (int n = 0;; ++n) {
        commit(*catalog, batch(n));
        say(pipe, 1);
        if (n % 10 == 9) must(catalog->checkpoint());
      }
    });
    int acknowledged = 0;
    while (acknowledged < acknowledgements && writer.read() == 1) ++acknowledged;
    writer.kill();
    while (writer.read() == 1) ++acknowledged;  // those that were in the pipe
    expect_whole_batches(*open(), acknowledged);
  }
}

TEST_F(CrashTest, AReaderOpensWhatAKilledWriterLeft) {
  ONLY_IN_A_FILE();
  Child writer([&](int pipe) {
    auto catalog = open();
    commit(*catalog, batch(0));
    say(pipe, 1);
    pause();
  });
  ASSERT_EQ(writer.read(), 1);
  writer.kill();
  ASSERT_TRUE(std::filesystem::exists(path() + ".wal"));
  const auto reader = must(Catalog::open(path(), Catalog::Access::kReadOnly));
  EXPECT_EQ(must(reader->counts()).files, kBatch);
  EXPECT_TRUE(std::filesystem::exists(path() + ".wal"))
      << "a reader leaves the log to the next writer";
}

TEST_F(CrashTest, ALogThatEndsInTheMiddleOfABatchLosesThatBatchOnly) {
  ONLY_IN_A_FILE();
  Child writer([&](int pipe) {
    auto catalog = open();
    for (int n = 0; n < 3; ++n) commit(*catalog, batch(n));
    say(pipe, 1);
    pause();
  });
  ASSERT_EQ(writer.read(), 1);
  writer.kill();
  const std::string log = path() + ".wal";
  std::filesystem::resize_file(log, std::filesystem::file_size(log) - 100);
  expect_whole_batches(*open(), 2);
  EXPECT_EQ(id_of(*open(), file(2, 1)), 0);
}

TEST_F(CrashTest, AProjectionIsSwappedInOrNotAtAll) {
  enum Stage { kBegun, kAdded, kCommitted, kAddedTo };
  for (const Stage stage : {kBegun, kAdded, kCommitted, kAddedTo}) {
    SCOPED_TRACE(stage);
    take_away();
    Child writer([&](int pipe) {
      auto catalog = open();
      commit(*catalog, {picture("/a", "a"), picture("/b", "b")});
      project(*catalog, {1, 2});
      must(catalog->checkpoint());
      const auto begun = begin(*catalog, 4);
      if (stage >= kAdded) must(catalog->add_vectors(begun, {.ids = {1}, .rows = {5, 5, 5, 5}}));
      if (stage >= kCommitted) must(catalog->commit_projection(begun));
      if (stage >= kAddedTo) must(catalog->add_vectors(begun, {.ids = {2}, .rows = {6, 6, 6, 6}}));
      say(pipe, 1);
      pause();
    });
    ASSERT_EQ(writer.read(), 1);
    writer.kill();
    const auto catalog = open();
    EXPECT_EQ(must(catalog->projection())->output_dim, stage >= kCommitted ? 4 : 2);
    EXPECT_EQ(must(catalog->vector(1)).value(),
              stage >= kCommitted ? Floats(4, 5) : (Floats{1, 0}));
    EXPECT_EQ(must(catalog->vector(2)).has_value(), stage != kCommitted);
    EXPECT_EQ(must(catalog->check()), Strings{});
    project(*catalog, {1, 2});
    EXPECT_EQ(must(catalog->vector(2)).value(), (Floats{2, 0}));
  }
}

TEST_F(CrashTest, AFullDiskIsAnErrorAndLosesNothing) {
  ONLY_IN_A_FILE();
  constexpr unsigned char kOk = 100;
  open().reset();
  Child writer([&](int pipe) {
    auto catalog = open();
    const auto answer = [&](int n) {
      const auto result = catalog->commit(batch(n), model_);
      say(pipe, result.ok() ? kOk : static_cast<unsigned char>(result.error().code));
      return result.ok();
    };
    // For this process the disk is full once a file has this size; the log is the one that grows.
    signal(SIGXFSZ, SIG_IGN);
    rlimit limit{.rlim_cur = 60000, .rlim_max = RLIM_INFINITY};
    setrlimit(RLIMIT_FSIZE, &limit);
    int n = 0;
    while (answer(n)) ++n;
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_FSIZE, &limit);
    answer(n);  // there is room again, but DuckDB is not to be trusted before it is opened anew
    EXPECT_EQ(must(catalog->counts()).images, must(catalog->counts()).embedded);
    catalog.reset();
    catalog = open();
    answer(n);
    catalog.reset();
  });
  int acknowledged = 0, said = writer.read();
  for (; said == kOk; said = writer.read()) ++acknowledged;
  EXPECT_GT(acknowledged, 0);
  EXPECT_EQ(said, static_cast<int>(ErrorCode::kIo));
  EXPECT_EQ(writer.read(), static_cast<int>(ErrorCode::kIo));
  EXPECT_EQ(writer.read(), kOk);
  EXPECT_EQ(writer.read(), -1);
  expect_whole_batches(*open(), acknowledged + 1);
}

TEST_F(CrashTest, ReadersSeeWholeBatchesWhileAWriterCommits) {
  auto catalog = open();
  commit(*catalog, batch(0));
  project(*catalog, {id_of(*catalog, file(0, 0))});
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  readers.emplace_back([&] {
    while (!done) {
      const auto counts = must(catalog->counts());
      EXPECT_EQ(counts.images, counts.embedded);
      EXPECT_EQ(counts.images, counts.files);
      EXPECT_EQ(counts.files % (kBatch - 1), 1);
    }
  });
  readers.emplace_back([&] {
    while (!done) {
      for (const auto& image : must(catalog->images(0, 1000))) EXPECT_EQ(image.paths.size(), 1u);
      EXPECT_TRUE(must(catalog->find_embedded(sha_of(file(0, 2)), model_)).has_value());
    }
  });
  readers.emplace_back([&] {
    int64_t seq = 0;
    while (!done) {
      const auto page = must(catalog->vectors_since(seq, 5));
      EXPECT_EQ(page.rows.size(), 2 * page.ids.size());
      seq = page.seq;
      EXPECT_GE(must(catalog->removals_since(seq)).seq, seq);
      must(catalog->checkpoint());
    }
  });
  for (int n = 1; n < 25; ++n) {
    commit(*catalog, batch(n));
    const auto fresh = must(catalog->embeddings(model_, Catalog::Which::kWithoutVector, 0, 100));
    must(catalog->add_vectors(current(*catalog), two_floats(fresh.ids)));
    if (n % 10 == 0)
      project(*catalog, must(catalog->embeddings(model_, Catalog::Which::kAll, 0, 1000)).ids);
  }
  done = true;
  for (auto& reader : readers) reader.join();
  expect_whole_batches(*catalog, 25);
}

TEST_F(CrashTest, WritersTakeTurns) {
  auto catalog = open();
  std::vector<std::thread> writers;
  for (int t = 0; t < 3; ++t) {
    writers.emplace_back([&, t] {
      for (int n = 0; n < 10; ++n) {
        commit(*catalog, {picture(file(t, n), "shared " + std::to_string(n))});
        must(catalog->add_root("/" + std::to_string(t)));
      }
    });
  }
  for (auto& writer : writers) writer.join();
  EXPECT_EQ(must(catalog->counts()).files, 30);
  EXPECT_EQ(must(catalog->counts()).images, 10);
  EXPECT_EQ(must(catalog->check()), Strings{});
}

}  // namespace
}  // namespace mimeme
