#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "store/catalog.h"
#include "store/catalog_test_util.h"

namespace mimeme {
namespace {

TEST_F(CatalogTest, ANewPictureIsAllThere) {
  auto catalog = open();
  commit(*catalog,
         {{.path = "/a.gif",
           .size = 123,
           .mtime_ns = 456,
           .error = {},
           .sha256 = sha_of("a"),
           .info = {.format = "gif", .width = 640, .height = 480, .frames = 12, .preview = "p"},
           .embedding = {9, 8, 7, 65535}}});
  const auto image = must(catalog->image(id_of(*catalog, "/a.gif")));
  EXPECT_EQ(image.sha256, sha_of("a"));
  EXPECT_EQ(image.bytes, 123);
  EXPECT_EQ(image.info.format, "gif");
  EXPECT_EQ(image.info.width, 640);
  EXPECT_EQ(image.info.height, 480);
  EXPECT_EQ(image.info.frames, 12);
  EXPECT_EQ(image.info.preview, "p");
  EXPECT_GT(image.added_at_us, int64_t{1600000000} * 1000000);
  EXPECT_EQ(image.paths, (Strings{"/a.gif"}));
  EXPECT_EQ(must(catalog->embedding(image.id, model_)).value(), (Halves{9, 8, 7, 65535}));
  const auto counts = must(catalog->counts());
  EXPECT_EQ(counts.images, 1);
  EXPECT_EQ(counts.files, 1);
  EXPECT_EQ(counts.embedded, 1);
  EXPECT_EQ(counts.bytes, 123);
}

TEST_F(CatalogTest, TheSameBytesAreOneImage) {
  auto catalog = open();
  commit(*catalog, {picture("/b", "x"), picture("/a", "x", {})});  // in a batch, one embedded
  commit(*catalog, {picture("/c", "x", {})});                      // known already
  commit(*catalog, {picture("/d", "x", {5, 5, 5, 5})});            // embedded once more
  const auto images = must(catalog->images(0, 10));
  ASSERT_EQ(images.size(), 1u);
  EXPECT_EQ(images[0].paths, (Strings{"/a", "/b", "/c", "/d"}));
  EXPECT_EQ(must(catalog->embedding(images[0].id, model_)).value(), (Halves{1, 2, 3, 4}));
}

TEST_F(CatalogTest, ABatchIsTakenAsAWholeOrNotAtAll) {
  auto catalog = open();
  const std::vector<IngestResult> batch = {picture("/a", "a"), picture("/b", "b", {1, 2, 3})};
  const auto refused = catalog->commit(batch, model_);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_PRED2(contains, refused.error().message, "/b");
  EXPECT_EQ(catalog->commit(batch, 99).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(must(catalog->counts()).images, 0);
}

TEST_F(CatalogTest, FailuresAreListedByPathAndHealed) {
  auto catalog = open();
  commit(*catalog,
         {failure("/z", "truncated PNG"), failure("/y", "too large"), picture("/a", "a")});
  const auto failed = must(catalog->failed_files(10));
  ASSERT_EQ(failed.size(), 2u);
  EXPECT_EQ(failed[0].path, "/y");
  EXPECT_EQ(failed[0].error, "too large");
  EXPECT_EQ(must(catalog->failed_files(1)).size(), 1u);
  EXPECT_EQ(must(catalog->counts()).failed_files, 2);
  EXPECT_EQ(must(catalog->image_by_path("/z")), std::nullopt);
  const Strings asked{"/a", "/z", "/nowhere"};
  EXPECT_EQ(must(catalog->known_files(asked)), (std::unordered_set<std::string>{"/a"}));

  commit(*catalog, {picture("/z", "z")});
  EXPECT_EQ(must(catalog->counts()).failed_files, 1);
  EXPECT_EQ(must(catalog->counts()).files, 2);
}

TEST_F(CatalogTest, AFileThatChangesContentAndChangesBack) {
  auto catalog = open();
  commit(*catalog, {picture("/a", "old")});
  const ImageId first = id_of(*catalog, "/a");
  commit(*catalog, {picture("/a", "new")});
  const ImageId second = id_of(*catalog, "/a");
  EXPECT_EQ(catalog->image(first).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(must(catalog->embedding(first, model_)), std::nullopt);
  commit(*catalog, {picture("/a", "old")});
  const ImageId third = id_of(*catalog, "/a");
  EXPECT_EQ(must(catalog->counts()).images, 1);
  EXPECT_TRUE(first < second && second < third) << "ids are never used again";
}

TEST_F(CatalogTest, TwoFilesSwapTheirContentsInOneBatch) {
  auto catalog = open();
  commit(*catalog, {picture("/a", "x"), picture("/b", "y")});
  const ImageId x = id_of(*catalog, "/a"), y = id_of(*catalog, "/b");
  commit(*catalog, {picture("/a", "y", {}), picture("/b", "x", {})});
  EXPECT_EQ(id_of(*catalog, "/a"), y);
  EXPECT_EQ(id_of(*catalog, "/b"), x);
}

TEST_F(CatalogTest, AMovedFileKeepsItsImage) {
  auto catalog = open();
  commit(*catalog, {picture("/old", "x")});
  const ImageId id = id_of(*catalog, "/old");
  commit(*catalog, {picture("/new", "x", {})});
  EXPECT_EQ(must(catalog->remove_path("/old")), 0);
  EXPECT_EQ(must(catalog->image(id)).paths, (Strings{"/new"}));
}

TEST_F(CatalogTest, TheSameBytesComeBackAfterRemoval) {
  auto catalog = open();
  for (int round = 0; round < 3; ++round) {
    commit(*catalog, {picture("/a", "x")});
    const ImageId id = id_of(*catalog, "/a");
    ASSERT_NE(id, 0);
    must(catalog->remove_images(std::vector<ImageId>{id}));
    EXPECT_EQ(must(catalog->counts()).images, 0);
    EXPECT_EQ(must(catalog->counts()).files, 0);
    EXPECT_EQ(must(catalog->counts()).embedded, 0);
  }
}

TEST_F(CatalogTest, AResultWhoseImageHasGoneMeanwhileWaitsForTheNextScan) {
  auto catalog = open();
  commit(*catalog, {picture("/a", "x", {})});  // "known", but it is not any more
  EXPECT_EQ(must(catalog->counts()).images, 0);
  EXPECT_EQ(must(catalog->counts()).files, 0);
}

TEST_F(CatalogTest, FindsWhatIsEmbeddedByItsBytes) {
  auto catalog = open();
  commit(*catalog, {picture("/a", "x")});
  const auto other = must(catalog->register_model({.name = "o", .digest = "o", .dim = 1}));
  EXPECT_EQ(must(catalog->find_embedded(sha_of("x"), model_)), id_of(*catalog, "/a"));
  EXPECT_EQ(must(catalog->find_embedded(sha_of("x"), other)), std::nullopt);
  EXPECT_EQ(must(catalog->find_embedded(sha_of("y"), model_)), std::nullopt);
  auto same_head = sha_of("x");
  same_head[31] ^= 1;
  EXPECT_EQ(must(catalog->find_embedded(same_head, model_)), std::nullopt);
}

TEST_F(CatalogTest, NamesOnePathOfEachImageToEmbedAgain) {
  auto catalog = open();
  commit(*catalog,
         {picture("/b", "b"), picture("/a", "a"), picture("/also a", "a"), failure("/f", "bad")});
  const auto next = must(catalog->register_model({.name = "next", .digest = "n", .dim = 1}));
  EXPECT_EQ(must(catalog->count_images_without_embedding(model_)), 0);
  EXPECT_EQ(must(catalog->count_images_without_embedding(next)), 2);

  std::map<ImageId, std::string> named;
  for (ImageId after = 0;;) {
    const auto page = must(catalog->images_without_embedding(next, after, 1));
    if (page.empty()) break;
    ASSERT_EQ(page.size(), 1u);
    named[page[0].n] = page[0].path;
    EXPECT_EQ(page[0].size, 1);
    EXPECT_EQ(page[0].mtime_ns, 1000);
    after = page[0].n;
  }
  EXPECT_EQ(named, (std::map<ImageId, std::string>{{id_of(*catalog, "/a"), "/a"},
                                                   {id_of(*catalog, "/b"), "/b"}}));
  commit(*catalog, next, {picture("/a", "a", {1})});
  EXPECT_EQ(must(catalog->count_images_without_embedding(next)), 1);
}

TEST_F(CatalogTest, PagesThroughImagesById) {
  auto catalog = open();
  std::vector<IngestResult> batch;
  for (int i = 0; i < 25; ++i) batch.push_back(picture("/" + std::to_string(i), std::to_string(i)));
  commit(*catalog, batch);
  std::vector<ImageId> seen;
  for (auto page = must(catalog->images(0, 10)); !page.empty();
       page = must(catalog->images(seen.back(), 10))) {
    EXPECT_LE(page.size(), 10u);
    for (const auto& image : page) seen.push_back(image.id);
  }
  EXPECT_EQ(seen.size(), 25u);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));

  const auto some = must(catalog->images_by_id(std::vector<ImageId>{seen[7], 12345, seen[2]}));
  ASSERT_EQ(some.size(), 2u);
  EXPECT_EQ(some[0].id, seen[7]);
  EXPECT_EQ(some[1].id, seen[2]);
  EXPECT_TRUE(must(catalog->images_by_id({})).empty());
}

TEST_F(CatalogTest, RemovesAPathAndWhatLiesBelowIt) {
  const std::vector<std::string> files = {"/m/a",   "/m/a/1", "/m/a/2/3", "/m/ab",
                                          "/m/%/1", "/m/x/1", "/m/_"};
  struct Case {
    std::string path;
    int64_t removed;
  };
  for (const auto& [path, removed] :
       {Case{"/m/a", 3}, Case{"/m/a/", 3}, Case{"/m/%", 1}, Case{"/m/_", 1}, Case{"/m", 7},
        Case{"/", 7}, Case{"/m/a/2/3", 1}, Case{"/none", 0}}) {
    const auto catalog = must(Catalog::open(":memory:", Catalog::Access::kReadWrite));
    const auto model = must(catalog->register_model({.name = "m", .digest = "d", .dim = 4}));
    std::vector<IngestResult> batch;
    for (const auto& file : files) batch.push_back(picture(file, file));
    must(catalog->commit(batch, model));
    EXPECT_EQ(must(catalog->remove_path(path)), removed) << path;
    EXPECT_EQ(must(catalog->counts()).images, 7 - removed) << path;
    EXPECT_EQ(must(catalog->counts()).files, 7 - removed) << path;
  }
}

TEST_F(CatalogTest, RemovingAFolderTakesItsRootsAway) {
  auto catalog = open();
  for (const auto* root : {"/m", "/m/sub", "/mm"}) must(catalog->add_root(root));
  must(catalog->remove_path("/m"));
  EXPECT_EQ(must(catalog->roots()), (Strings{"/mm"}));
}

TEST_F(CatalogTest, CountsAndForgetsBelowAFolder) {
  auto catalog = open();
  commit(*catalog, {picture("/m/a", "a"), failure("/m/b", "bad"), failure("/mm/c", "bad")});
  EXPECT_EQ(must(catalog->count_files_below("/m")), 2);
  EXPECT_EQ(must(catalog->count_files_below("/m/a")), 1);
  must(catalog->forget_failed("/m"));
  EXPECT_EQ(must(catalog->count_files_below("/m")), 1);
  EXPECT_EQ(must(catalog->failed_files(9)).at(0).path, "/mm/c");
}

TEST_F(CatalogTest, AnImportSaysWhenAnImageWasAdded) {
  auto catalog = open();
  auto imported = picture("/a", "a");
  imported.added_at_us = 1234567890123456;
  commit(*catalog, {imported});
  EXPECT_EQ(must(catalog->image(id_of(*catalog, "/a"))).added_at_us, 1234567890123456);
}

TEST_F(CatalogTest, FileNamesAreBytes) {
  const std::vector<std::string> names = {"/latin1 caf\xE9.png", "/utf8 caf\xC3\xA9.png",
                                          "/\xFF\xFE/\x01",      "/'; DROP TABLE files; --",
                                          "/\"quoted\" \\ $1 ?", "/new\nline"};
  auto catalog = open();
  for (const auto& name : names) commit(*catalog, {picture(name, name)});
  commit(*catalog, {failure("/\xE9", "bad name \xE9")});
  for (const auto& name : names) {
    const auto id = must(catalog->image_by_path(name));
    ASSERT_TRUE(id.has_value());
    EXPECT_EQ(must(catalog->image(*id)).paths, (Strings{name}));
  }
  EXPECT_EQ(must(catalog->failed_files(1))[0].path, "/\xE9");
  EXPECT_EQ(must(catalog->failed_files(1))[0].error, "bad name \xE9");
  EXPECT_EQ(must(catalog->remove_path("/\xFF\xFE")), 1);
}

// Random histories against a model that is a map from paths to contents.
TEST_F(CatalogTest, AgreesWithAMapAfterAnyHistory) {
  std::mt19937 random(7);
  const auto below = [&](unsigned n) { return random() % n; };
  auto catalog = open();
  std::map<std::string, std::string> expected;  // path to content; "" failed
  std::map<std::string, ImageId> ids;           // content to the id it must keep
  ImageId newest = 0;
  for (int step = 0; step < 100; ++step) {
    switch (below(8)) {
      case 0: {
        const std::string folder = "/" + std::to_string(below(3));
        must(catalog->remove_path(folder));
        std::erase_if(expected,
                      [&](const auto& file) { return file.first.starts_with(folder + "/"); });
        break;
      }
      case 1: {
        if (ids.empty()) break;
        const auto image = *std::next(ids.begin(), below(static_cast<unsigned>(ids.size())));
        must(catalog->remove_images(std::vector<ImageId>{image.second}));
        std::erase_if(expected, [&](const auto& file) { return file.second == image.first; });
        break;
      }
      case 2:
        if (below(2) == 0) must(catalog->checkpoint());
        if (below(3) == 0) {
          catalog.reset();
          catalog = open();
        }
        break;
      default: {
        std::vector<IngestResult> batch;
        for (unsigned n = 1 + below(5); n > 0; --n) {
          const std::string file = "/" + std::to_string(below(3)) + "/" + std::to_string(below(5));
          const std::string content = below(6) == 0 ? "" : "content " + std::to_string(below(8));
          batch.push_back(content.empty() ? failure(file, "bad") : picture(file, content));
          expected[file] = content;
        }
        commit(*catalog, batch);
      }
    }

    std::map<std::string, std::string> found;
    std::map<std::string, ImageId> found_ids;
    for (const auto& failed : must(catalog->failed_files(100))) found[failed.path] = "";
    for (const auto& image : must(catalog->images(0, 100))) {
      for (const auto& file : image.paths) {
        found[file] = expected[file];
        EXPECT_EQ(image.sha256, sha_of(expected[file])) << "step " << step;
        found_ids[expected[file]] = image.id;
      }
      EXPECT_FALSE(image.paths.empty()) << "step " << step;
    }
    ASSERT_EQ(found, expected) << "step " << step;
    for (const auto& [content, id] : found_ids) {
      if (ids.contains(content))
        ASSERT_EQ(id, ids[content]) << "step " << step;
      else
        ASSERT_GT(id, newest) << "step " << step;
    }
    for (const auto& [content, id] : found_ids) newest = std::max(newest, id);
    ids = found_ids;
    ASSERT_EQ(must(catalog->counts()).embedded, static_cast<int64_t>(ids.size()));
  }
  EXPECT_TRUE(must(catalog->check()).empty());
}

}  // namespace
}  // namespace mimeme
