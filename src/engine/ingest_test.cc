#include "engine/ingest.h"

#include <algorithm>
#include <future>
#include <set>
#include <stdexcept>
#include <utility>

#include "engine/check.h"
#include "engine/search.h"
#include "engine/test_library.h"

namespace mimeme {
namespace {

namespace fs = std::filesystem;

class IngestTest : public LibraryTest {
 protected:
  IngestOptions options() const {
    return {.roots = {pictures()}, .pipeline = {.decode_threads = 2, .encode_threads = 2}};
  }

  // Ingests, and requires success.
  IngestSummary run(Library& library, const IngestOptions& how) {
    failed_.clear();
    auto summary =
        ingest(library, how, {.failed = [&](const FailedFile& file) {
                 failed_.insert(fs::path(file.path).filename().string() + ": " + file.error);
               }});
    EXPECT_TRUE(summary) << summary.error().message;
    return summary ? *summary : IngestSummary{};
  }

  static void expect_clean(Library& library) {
    const auto report = check(library, {});
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_TRUE(report->clean()) << (report->problems.empty() ? report->repaired[0]
                                                              : report->problems[0]);
  }

  // The path of the image most like a file, by the whole way a query goes.
  static std::string nearest_path(Library& library, const std::string& path) {
    std::unique_ptr<ImageEncoder> encoder;
    const auto query = query_by_file(library, path, {}, [&]() -> Result<const ImageEncoder*> {
      encoder = TRY(library.open_encoder({}));
      return encoder.get();
    });
    EXPECT_TRUE(query) << query.error().message;
    const auto hits = with_images(library, *nearest(library, *query, {.limit = 1}));
    return hits && hits->size() == 1 ? hits->front().image.paths.front() : "nothing";
  }

  std::set<std::string> failed_;
};

TEST_F(IngestTest, WhatIsAddedIsFoundAlsoAfterReopening) {
  std::vector<std::string> paths;
  for (int i = 0; i < 40; ++i) paths.push_back(add_picture(i));
  {
    const auto library = open();
    ASSERT_TRUE(library) << library.error().message;
    EXPECT_EQ(run(**library, options()).embedded, 40);
    EXPECT_EQ(nearest_path(**library, paths[7]), paths[7]);
    expect_clean(**library);
  }
  const auto library = open(Library::Access::kRead);
  ASSERT_TRUE(library) << library.error().message;
  for (const std::string& path : paths) EXPECT_EQ(nearest_path(**library, path), path);
}

TEST_F(IngestTest, AgainDoesNothing) {
  for (int i = 0; i < 5; ++i) add_picture(i);
  const auto library = open();
  run(**library, options());
  fails_ = [](auto) { return true; };  // nothing may be embedded
  const IngestSummary again = run(**library, options());
  EXPECT_EQ(again.unchanged, 5);
  EXPECT_EQ(again.embedded + again.known + again.failed + again.removed, 0);
}

TEST_F(IngestTest, ChangedMovedCopiedAndGoneFilesAreFollowed) {
  const std::string changed = add_picture(1), moved = add_picture(2), gone = add_picture(3),
                    copied = add_picture(4);
  const auto library = open();
  run(**library, options());
  add_picture(100, "1.tiff");
  fs::last_write_time(changed, fs::file_time_type::clock::now() +
                                   std::chrono::seconds(5));  // same size: tell by time
  fs::create_directories(pictures() / "a");
  fs::rename(moved, pictures() / "a" / "moved.tiff");
  fs::remove(gone);
  fs::copy_file(copied, pictures() / "copy.tiff");
  const IngestSummary summary = run(**library, options());
  EXPECT_EQ(summary.embedded, 1);
  EXPECT_EQ(summary.known, 2);
  EXPECT_EQ(summary.unchanged, 1);
  const CatalogCounts counts = *(*library)->catalog().counts();
  EXPECT_EQ(counts.images, 3);
  EXPECT_EQ(counts.files, 4);
  EXPECT_EQ(counts.vectors, 3);
  EXPECT_EQ(nearest_path(**library, changed), changed);
  EXPECT_EQ(nearest_path(**library, pictures() / "a" / "moved.tiff"),
            pictures() / "a" / "moved.tiff");
  expect_clean(**library);
}

TEST_F(IngestTest, OneBadPictureFailsAloneWhateverTheBatch) {
  for (const int batch : {1, 4}) {
    for (int i = 0; i < 12; ++i) add_picture(i + 100 * batch);
    const std::string bad = add_picture(13 + 100 * batch, "bad.tiff");
    const std::string pixels = bytes_of(bad).substr(134);
    fails_ = [pixels](std::span<const uint8_t> rgb) {
      const std::string_view all(reinterpret_cast<const char*>(rgb.data()), rgb.size());
      return all.find(pixels) != std::string_view::npos;
    };
    const auto library = open();
    IngestOptions how = options();
    how.pipeline.encode_batch = batch;
    const IngestSummary summary = run(**library, how);
    EXPECT_EQ(summary.failed, 1);
    EXPECT_EQ(failed_, (std::set<std::string>{"bad.tiff: the model failed"}));
    EXPECT_EQ(summary.embedded, 12);
    expect_clean(**library);
  }
}

TEST_F(IngestTest, StoppedAtAnyPointItGoesOnWhereItWas) {
  constexpr int kPictures = 30;
  for (int i = 0; i < kPictures; ++i) add_picture(i);
  int64_t embedded = 0;
  for (int stop_after = 1; embedded < kPictures; stop_after += 3) {
    const auto library = open();
    ASSERT_TRUE(library) << library.error().message;
    std::stop_source stop;
    std::atomic<int> encoded = 0;
    fails_ = [&](auto) {
      if (++encoded == stop_after) stop.request_stop();
      return false;
    };
    IngestOptions how = options();
    how.pipeline.stop = stop.get_token();
    how.pipeline.commit_batch = 4;
    const IngestSummary summary = run(**library, how);
    embedded += summary.embedded;
    EXPECT_LT(summary.embedded, stop_after + 4) << "it stopped soon";
    const CatalogCounts counts = *(*library)->catalog().counts();
    EXPECT_EQ(counts.images, embedded) << "what was reported is kept, and nothing is done twice";
    EXPECT_EQ(counts.vectors, embedded);
    expect_clean(**library);
  }
  EXPECT_EQ(embedded, kPictures);
}

TEST_F(IngestTest, PcaComesOfItselfAndNewPicturesAreProjected) {
  for (int i = 0; i < kPcaMinImages - 1; ++i) add_picture(i);
  const auto library = open();
  run(**library, options());
  EXPECT_EQ((*library)->searchable()->record.kind, "none");
  add_picture(1000);
  run(**library, options());
  const auto searchable = (*library)->searchable();
  EXPECT_EQ(searchable->record.kind, "pca");
  EXPECT_EQ(searchable->record.fitted_on, kPcaMinImages);
  EXPECT_LT(searchable->record.output_dim, 12);
  for (const char* const what : {"fitting", "projecting", "indexing"})
    EXPECT_EQ(derived_[what], std::pair(kPcaMinImages, kPcaMinImages)) << what;
  const std::string later = add_picture(2000);
  run(**library, options());
  EXPECT_EQ(derived_["projecting"], std::pair(kPcaMinImages + 1, kPcaMinImages + 1));
  EXPECT_EQ((*library)->searchable()->record.id, searchable->record.id) << "no new fit";
  EXPECT_EQ((*library)->searchable()->index->size(), kPcaMinImages + 1);
  EXPECT_EQ(nearest_path(**library, later), later);
  expect_clean(**library);
}

TEST_F(IngestTest, AModelOfVeryManyDimensionsDoesWithoutPca) {
  add_model("small", kMaxPcaDim + 1);
  for (int i = 0; i < kPcaMinImages; ++i) add_picture(i);
  const auto library = open();
  run(**library, options());
  EXPECT_EQ((*library)->searchable()->record.kind, "none");
  EXPECT_EQ((*library)->fit_pca({}).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(IngestTest, WhileAPcaIsFittedOthersRefreshAndItCanBeStopped) {
  for (int i = 0; i < kPcaMinImages; ++i) add_picture(i);
  run(**open(), options());
  LibraryOptions watched = LibraryTest::options();
  std::function<void()> fitting;
  watched.progress = [&](const char* what, int64_t, int64_t) {
    if (std::string(what) == "fitting")
      if (const auto once = std::exchange(fitting, nullptr)) once();
  };
  const auto library = *Library::open(watched, Library::Access::kWrite);
  const int dim = library->searchable()->record.output_dim;

  std::future<Result<>> refreshed;
  fitting = [&] {
    refreshed = std::async(std::launch::async, [&] { return library->refresh(); });
    EXPECT_EQ(refreshed.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  };
  ASSERT_TRUE(library->fit_pca({.dim = dim - 1}));
  EXPECT_TRUE(refreshed.get());
  EXPECT_EQ(library->searchable()->record.output_dim, dim - 1);

  std::stop_source stop;
  fitting = [&] { stop.request_stop(); };
  EXPECT_EQ(library->fit_pca({.dim = dim - 2}, stop.get_token()).error().code,
            ErrorCode::kCancelled);
  EXPECT_EQ(library->searchable()->record.output_dim, dim - 1);

  fitting = [&] { EXPECT_TRUE(library->fit_pca({.dim = dim - 3})); };
  EXPECT_EQ(library->fit_pca({.dim = dim - 2}).error().code, ErrorCode::kConflict);
  EXPECT_EQ(library->searchable()->record.output_dim, dim - 3);
}

TEST_F(IngestTest, WhatAKilledWriterLeftOfAnIndexIsSweptAway) {
  ONLY_IN_A_FOLDER();
  add_picture(1);
  run(**open(), options());
  const auto left = root_ / "library/index/vectors.bin.tmp4711";
  std::ofstream(left) << "half an index";
  ASSERT_TRUE(open(Library::Access::kRead));
  EXPECT_TRUE(fs::exists(left)) << "another reader may be writing it";
  ASSERT_TRUE(open());
  EXPECT_FALSE(fs::exists(left));
}

TEST_F(IngestTest, PicturesThatAreAllAlikeDoWithoutPca) {
  // Different bytes, same pixels: the TIFF has a tail that decoders pass over.
  for (int i = 0; i < kPcaMinImages; ++i) {
    const std::string path = add_picture(1, std::to_string(i) + ".tiff");
    std::ofstream(path, std::ios::app) << i;
  }
  const auto library = open();
  EXPECT_EQ(run(**library, options()).embedded, kPcaMinImages);
  EXPECT_EQ((*library)->searchable()->record.kind, "none");
  expect_clean(**library);
}

TEST_F(IngestTest, AnotherModelTakesOverOnlyWhenItIsComplete) {
  std::vector<std::string> paths;
  for (int i = 0; i < 20; ++i) paths.push_back(add_picture(i));
  add_model("large", 24);
  const auto library = open();
  run(**library, options());

  std::stop_source stop;
  std::atomic<int> encoded = 0;
  fails_ = [&](auto) {
    if (++encoded == 8) stop.request_stop();
    return false;
  };
  auto stopped = use_model(**library, "large", {.encode_threads = 1, .stop = stop.get_token()}, {});
  ASSERT_TRUE(stopped) << stopped.error().message;
  EXPECT_TRUE(stopped->cancelled);
  EXPECT_EQ((*library)->searchable()->record.input_dim, 12) << "the old vectors are searched";
  EXPECT_EQ((*library)->model()->name, "small");
  fails_ = nullptr;
  EXPECT_EQ(nearest_path(**library, paths[3]), paths[3]);

  const auto finished = use_model(**library, "large", {}, {});
  ASSERT_TRUE(finished) << finished.error().message;
  EXPECT_EQ(stopped->embedded + finished->embedded, 20) << "nothing is embedded twice";
  EXPECT_EQ((*library)->searchable()->record.input_dim, 24);
  EXPECT_EQ((*library)->model()->name, "large");
  EXPECT_EQ(nearest_path(**library, paths[3]), paths[3]);
  expect_clean(**library);
}

TEST_F(IngestTest, AFileThatIsAwayKeepsNoOneFromChangingTheModel) {
  const std::string away = add_picture(1), here = add_picture(2);
  add_model("large", 24);
  const auto library = open();
  run(**library, options());
  fs::rename(away, root_ / "elsewhere");
  const auto changed = use_model(**library, "large", {}, {});
  ASSERT_TRUE(changed) << changed.error().message;
  EXPECT_EQ(changed->failed, 1);
  EXPECT_EQ((*library)->searchable()->index->size(), 1);
  EXPECT_EQ((*library)->catalog().counts()->images, 2) << "the image is not forgotten";
  fs::rename(root_ / "elsewhere", away);
  EXPECT_EQ(run(**library, options()).embedded, 1);
  EXPECT_EQ(nearest_path(**library, away), away);
  expect_clean(**library);
}

TEST_F(IngestTest, WithTheDiskAwayTheModelStays) {
  for (int i = 0; i < 4; ++i) add_picture(i);
  add_model("large", 24);
  const auto library = open();
  run(**library, options());
  fs::rename(pictures(), root_ / "away");
  const auto refused = use_model(**library, "large", {}, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kNotFound);
  fs::rename(root_ / "away", pictures());
  EXPECT_EQ((*library)->model()->name, "small");
  EXPECT_EQ((*library)->catalog().counts()->vectors, 4) << "nothing was dropped";
  EXPECT_EQ(run(**library, options()).unchanged, 4);
}

TEST_F(IngestTest, ALinkWhoseTargetIsAwayIsNamedAndNothingBelowIsForgotten) {
  fs::create_directories(root_ / "disk");
  fs::create_directory_symlink(root_ / "disk", pictures() / "linked");
  add_picture(1, "linked/1.tiff");
  add_picture(2);
  const auto library = open();
  EXPECT_EQ(run(**library, options()).embedded, 2);
  fs::rename(root_ / "disk", root_ / "unplugged");
  const IngestSummary away = run(**library, options());
  EXPECT_EQ(failed_, (std::set<std::string>{"linked: no such file or directory"}));
  EXPECT_EQ(away.removed, 0);
  EXPECT_EQ((*library)->catalog().counts()->images, 2);
  fs::rename(root_ / "unplugged", root_ / "disk");
  EXPECT_EQ(run(**library, options()).unchanged, 2);
}

TEST_F(IngestTest, ASinkOrSourceThatFailsOrThrowsEndsTheRun) {
  std::vector<Work> all;
  for (int i = 0; i < 300; ++i) {
    const std::string path = add_picture(i);
    all.push_back({.n = i + 1, .path = path, .size = 1, .mtime_ns = 1});
  }
  const auto library = open();
  run(**library, {.roots = {add_picture(1000)}});  // makes the model known
  const ModelId model = (*library)->catalog().active_model()->value().id;
  const auto encoder = (*library)->open_encoder({});
  const WorkSource source = [&](int64_t after, int limit) -> Result<std::vector<Work>> {
    const auto from = all.begin() + std::min<ptrdiff_t>(after, 300);
    return std::vector<Work>(from, from + std::min<ptrdiff_t>(limit, all.end() - from));
  };
  const auto pipeline = [&](const WorkSource& from, const ResultSink& to) {
    return run_pipeline((*library)->catalog(), model, **encoder, from, to, {.commit_batch = 4});
  };
  const ResultSink good = [](auto) { return Result<>(); };
  EXPECT_TRUE(pipeline(source, good));
  EXPECT_EQ(pipeline(source,
                     [](auto) {
                       return Result<>(Error{ErrorCode::kIo, "full"});
                     })
                .error()
                .message,
            "full");
  EXPECT_THROW(static_cast<void>(
                   pipeline(source, [](auto) -> Result<> { throw std::runtime_error("sink"); })),
               std::runtime_error);
  EXPECT_EQ(pipeline(
                [](auto, auto) {
                  return Result<std::vector<Work>>(Error{ErrorCode::kIo, "gone"});
                },
                good)
                .error()
                .message,
            "gone");
  fails_ = [](auto) -> bool { throw std::runtime_error("encoder"); };
  const auto throwing = (*library)->open_encoder({});
  EXPECT_EQ(
      run_pipeline((*library)->catalog(), model, **throwing, source, good, {}).error().message,
      "encoder");
}

TEST_F(IngestTest, VectorsOfOtherWeightsAreNeverMixedIn) {
  add_picture(1);
  {
    const auto library = open();
    run(**library, options());
  }
  add_model("small", 12, "other weights");
  const std::string second = add_picture(2);
  const auto library = open();
  const auto refused = ingest(**library, options(), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_NE(refused.error().message.find("mimeme models use small"), std::string::npos)
      << refused.error().message;
  ASSERT_TRUE(use_model(**library, "small", {}, {}));
  EXPECT_EQ(run(**library, options()).embedded, 1);
  EXPECT_EQ(nearest_path(**library, second), second);
  expect_clean(**library);
}

TEST_F(IngestTest, AnEmbeddingThatIsNotFiniteIsForgottenAndMadeAgain) {
  const std::string bad = add_picture(1);
  const auto library = open();
  run(**library, {.roots = {add_picture(2)}});  // makes the model known
  const std::vector<Half> nan(12, 0x7E00);
  const auto bytes = sha256_file(bad);
  ASSERT_TRUE((*library)->catalog().commit(
      {{IngestResult{.path = bad, .sha256 = *bytes, .info = {.format = "tiff"}, .embedding = nan}}},
      (*library)->catalog().active_model()->value().id));
  ASSERT_TRUE((*library)->refresh());

  const auto report = check(**library, {});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->problems, std::vector<std::string>{});
  ASSERT_FALSE(report->repaired.empty());
  EXPECT_EQ(report->repaired[0],
            "embeddings with a number that is not finite: 1, forgotten until the next scan");
  EXPECT_EQ((*library)->searchable()->index->size(), 1);
  expect_clean(**library);
  EXPECT_EQ(run(**library, options()).embedded, 1);
  EXPECT_EQ(nearest_path(**library, bad), bad);
  expect_clean(**library);
}

TEST_F(IngestTest, AnEmptyFolderIsNoReasonToForget) {
  add_picture(1);
  const auto library = open();
  run(**library, options());
  fs::rename(pictures(), root_ / "away");
  EXPECT_EQ(ingest(**library, options(), {}).error().code, ErrorCode::kNotFound);
  fs::create_directories(pictures());
  EXPECT_EQ(ingest(**library, options(), {}).error().code, ErrorCode::kNotFound);
  EXPECT_EQ((*library)->catalog().counts()->images, 1);
}

TEST_F(IngestTest, RootsInsideOneAnotherAreWalkedOnce) {
  fs::create_directories(pictures() / "a");
  add_picture(1, "a/1.tiff");
  add_picture(2);
  const auto library = open();
  IngestOptions how = options();
  how.roots = {pictures() / "a", pictures(), pictures() / "a" / "1.tiff"};
  EXPECT_EQ(run(**library, how).embedded, 2);
  EXPECT_EQ((*library)->catalog().counts()->files, 2);
}

}  // namespace
}  // namespace mimeme
