#include "engine/uploads.h"

#include <sys/resource.h>

#include <csignal>
#include <future>
#include <optional>

#include "engine/elastic_encoder.h"
#include "engine/ingest.h"
#include "engine/search.h"
#include "engine/test_library.h"

namespace mimeme {
namespace {
namespace fs = std::filesystem;

class UploadsTest : public LibraryTest {
 protected:
  void SetUp() override {
    LibraryTest::SetUp();
    library_ = *open();
    encoder_ =
        std::make_unique<ElasticEncoder>(*library_->open_encoder({}), *library_->open_encoder({}));
    uploads_ = std::make_unique<Uploads>(*library_, DecodeLimits{});
  }
  std::string picture(int seed) { return bytes_of(add_picture(seed)); }
  static std::span<const uint8_t> as_span(const std::string& bytes) {
    return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
  }
  Result<Uploaded> upload(const std::string& bytes, const std::string& name = "a.tiff") {
    return uploads_->add(name, as_span(bytes), *encoder_);
  }
  int files() const {
    int count = 0;
    if (!fs::exists(root_ / "library" / "uploads")) return 0;
    for (const auto& entry : fs::recursive_directory_iterator(root_ / "library" / "uploads"))
      count += entry.is_regular_file() ? 1 : 0;
    return count;
  }

  std::unique_ptr<Library> library_;
  std::unique_ptr<ElasticEncoder> encoder_;
  std::unique_ptr<Uploads> uploads_;
};

TEST_F(UploadsTest, APictureIsKeptAndFoundAndNotStoredTwice) {
  const std::string bytes = picture(1);
  const auto added = upload(bytes, "C:\\memes\\../.cat\n.tiff");
  ASSERT_TRUE(added) << added.error().message;
  EXPECT_TRUE(added->is_new);
  const ImageRecord image = *library_->catalog().image(added->id);
  ASSERT_EQ(image.paths.size(), 1U);
  EXPECT_EQ(fs::path(image.paths[0]).filename(), "cat.tiff");
  EXPECT_EQ(bytes_of(image.paths[0]), bytes);
  const auto query = query_by_id(*library_, added->id);
  ASSERT_TRUE(query);
  EXPECT_EQ(nearest(*library_, *query, {})->front().id, added->id);

  const auto again = upload(bytes, "other.tiff");
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->is_new);
  EXPECT_EQ(again->id, added->id);
  EXPECT_EQ(files(), 1);
}

TEST_F(UploadsTest, AScanOfTheFoldersFindsThemAsTheyAre) {
  ASSERT_TRUE(upload(picture(1)));
  const auto summary = ingest(*library_, {}, {});
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(summary->unchanged, 1);
  EXPECT_EQ(summary->removed, 0);
}

TEST_F(UploadsTest, WhatIsNoPictureLeavesNothingBehind) {
  EXPECT_EQ(upload("some text").error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(upload("").error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(upload(picture(1).substr(0, 150)).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(files(), 0);
  EXPECT_EQ(library_->catalog().counts()->files, 0);
}

TEST_F(UploadsTest, ADiskThatCannotBeWrittenAddsNothing) {
  std::ofstream(root_ / "library" / "uploads") << "a file where the folder should be";
  EXPECT_EQ(upload(picture(1)).error().code, ErrorCode::kIo);
  EXPECT_EQ(library_->catalog().counts()->images, 0);
}

// Makes every write to a file fail while it lives.
class FullDisk {
 public:
  FullDisk() {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit none{.rlim_cur = 0, .rlim_max = before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &none);
  }
  ~FullDisk() { setrlimit(RLIMIT_FSIZE, &before_); }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit before_{};
};

TEST_F(UploadsTest, APictureThatIsCommittedIsStoredEvenIfTheIndexCannotFollow) {
  uploads_.reset();
  library_.reset();
  LibraryOptions with_a_fault = options();
  std::optional<FullDisk> full;
  bool is_due = false;
  with_a_fault.progress = [&](const char* what, int64_t, int64_t) {
    if (is_due && std::string(what) == "projecting") full.emplace();
  };
  library_ = *Library::open(with_a_fault, Library::Access::kWrite);
  uploads_ = std::make_unique<Uploads>(*library_, DecodeLimits{});
  ASSERT_TRUE(upload(picture(1)));
  const std::string bytes = picture(2);
  is_due = true;
  const auto added = upload(bytes);
  ASSERT_TRUE(full) << "the disk filled up after the commit";
  full.reset();
  is_due = false;
  ASSERT_TRUE(added) << added.error().message;
  EXPECT_TRUE(added->is_new);
  EXPECT_EQ(files(), 2);
  ASSERT_TRUE(library_->refresh());
  EXPECT_TRUE(query_by_id(*library_, added->id));
  uploads_.reset();
  library_.reset();  // before what its progress refers to
}

TEST_F(UploadsTest, ManyAtOnceAreAllAddedOnce) {
  std::vector<std::string> bytes;
  for (int i = 0; i < 12; ++i) bytes.push_back(picture(i));
  std::atomic<int> added = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        for (int i = 0; i < 12; ++i) {
          const auto uploaded = upload(bytes[static_cast<size_t>((i + 3 * t) % 12)]);
          ASSERT_TRUE(uploaded) << uploaded.error().message;
          EXPECT_GT(uploaded->id, 0);
          added += uploaded->is_new ? 1 : 0;
        }
      });
  }
  EXPECT_EQ(added, 12);
  EXPECT_EQ(library_->catalog().counts()->images, 12);
  EXPECT_EQ(files(), 12);
  EXPECT_TRUE(library_->catalog().check()->empty());
}

TEST_F(UploadsTest, ForgettingTakesTheCopyButNoFileOfTheUsers) {
  const std::string path = add_picture(7);
  ASSERT_TRUE(ingest(*library_, {.roots = {pictures()}}, {}));
  const ImageId in_place = **library_->catalog().image_by_path(path);
  const ImageId sent = upload(picture(8))->id;
  const Thumbnails thumbnails(library_->directory(), {});
  const ImageRecord image = *library_->catalog().image(sent);
  ASSERT_TRUE(thumbnails.get(image, 256));
  ASSERT_TRUE(uploads_->forget(sent, thumbnails));
  ASSERT_TRUE(uploads_->forget(in_place, thumbnails));
  EXPECT_EQ(uploads_->forget(sent, thumbnails).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(files(), 0);
  EXPECT_TRUE(fs::exists(path));
  EXPECT_FALSE(thumbnails.get(image, 256)) << "its thumbnail has gone too";
  EXPECT_TRUE(upload(picture(8))->is_new) << "it can come again";
}

TEST_F(UploadsTest, AThumbnailThatWasCutOffIsMadeAgain) {
  const ImageRecord image = *library_->catalog().image(upload(picture(1))->id);
  const Thumbnails thumbnails(library_->directory(), {});
  const auto whole = thumbnails.get(image, 512);
  ASSERT_TRUE(whole) << whole.error().message;
  for (const auto& entry : fs::recursive_directory_iterator(root_ / "library" / "thumbs"))
    if (entry.is_regular_file()) fs::resize_file(entry, 10);
  EXPECT_EQ(*thumbnails.get(image, 512), *whole);
}

// An encoder that says which one it is, and waits until `go`.
class NamedEncoder : public ImageEncoder {
 public:
  NamedEncoder(Manifest manifest, float name, std::shared_future<void> go)
      : manifest_(std::move(manifest)), name_(name), go_(std::move(go)) {}
  const Manifest& manifest() const override { return manifest_; }
  Result<std::vector<float>> encode(std::span<const uint8_t>) const override {
    ++entered;
    go_.wait();
    return std::vector<float>{name_};
  }
  mutable std::atomic<int> entered = 0;

 private:
  const Manifest manifest_;
  const float name_;
  const std::shared_future<void> go_;
};

TEST_F(UploadsTest, APictureAloneHasAllCoresAndOneBesideAnotherHasOne) {
  std::promise<void> go;
  const std::shared_future<void> gone = go.get_future().share();
  auto all = std::make_unique<NamedEncoder>(encoder_->manifest(), 2, gone);
  auto one = std::make_unique<NamedEncoder>(encoder_->manifest(), 1, gone);
  const NamedEncoder &on_all = *all, &on_one = *one;
  const ElasticEncoder encoder(std::move(all), std::move(one));
  const std::vector<uint8_t> rgb(48);
  auto first = std::async(std::launch::async, [&] { return encoder.encode(rgb)->front(); });
  while (on_all.entered == 0) std::this_thread::yield();
  auto second = std::async(std::launch::async, [&] { return encoder.encode(rgb)->front(); });
  while (on_one.entered == 0) std::this_thread::yield();
  go.set_value();
  EXPECT_EQ(first.get(), 2);
  EXPECT_EQ(second.get(), 1);
  EXPECT_EQ(encoder.encode(rgb)->front(), 1) << "more may come";
  EXPECT_EQ(encoder.encode(rgb)->front(), 2) << "alone again";
}

TEST_F(UploadsTest, ThePictureThatCannotBeWrittenIsAddedForNoneOfThoseWhoSendIt) {
  std::ofstream(root_ / "library" / "uploads") << "a file where the folder should be";
  const std::string bytes = picture(1);
  std::promise<void> go;
  const NamedEncoder encoder(encoder_->manifest(), 1, go.get_future().share());
  std::vector<std::future<Result<Uploaded>>> sent;
  for (int i = 0; i < 8; ++i)
    sent.push_back(std::async(std::launch::async,
                              [&] { return uploads_->add("a.tiff", as_span(bytes), encoder); }));
  while (encoder.entered < 8) std::this_thread::yield();
  go.set_value();  // so that most of them wait for the first one, and are one batch
  for (auto& one : sent) {
    const auto uploaded = one.get();
    ASSERT_FALSE(uploaded) << "image " << uploaded->id;
    EXPECT_EQ(uploaded.error().code, ErrorCode::kIo);
  }
}

TEST_F(UploadsTest, ABatchThatCannotBeCommittedLeavesTheFilesThatWereThere) {
  const std::string bytes = picture(1);
  std::promise<void> go;
  go.set_value();
  const NamedEncoder encoder(encoder_->manifest(), 1, go.get_future().share());  // 1 number, not 12
  ASSERT_FALSE(uploads_->add("a.tiff", as_span(bytes), encoder));
  EXPECT_EQ(files(), 0);
  ASSERT_TRUE(upload(bytes));
  const std::string path = library_->catalog().image(1)->paths[0];
  ASSERT_TRUE(library_->catalog().remove_path(path));
  ASSERT_FALSE(uploads_->add("a.tiff", as_span(bytes), encoder));
  EXPECT_EQ(bytes_of(path), bytes);
}

TEST(UploadNameTest, OnlyWhatIsHarmlessIsLeftOfAName) {
  for (const auto& [sent, kept] : {std::pair<std::string, std::string>{"cat.jpg", "cat.jpg"},
                                   {"../../etc/passwd", "passwd.png"},
                                   {"..", "picture.png"},
                                   {"", "picture.png"},
                                   {".hidden.gif", "hidden.gif"},
                                   {"a\tb\x7F.gif", "ab.gif"},
                                   {"größe.webp", "größe.webp"},
                                   {std::string(300, 'x') + ".jpg", std::string(200, 'x') + ".jpg"},
                                   {"x" + std::string(100, '\xC3'), ""}})
    if (kept.empty()) {
      EXPECT_LT(upload_name(sent, "png").size(), 210U);
    } else {
      EXPECT_EQ(upload_name(sent, "png"), kept);
    }
}

}  // namespace
}  // namespace mimeme
