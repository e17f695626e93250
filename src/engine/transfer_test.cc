#include "engine/transfer.h"

#include "engine/ingest.h"
#include "engine/test_library.h"

namespace mimeme {
namespace {

namespace fs = std::filesystem;

const TransferProgress kQuiet = [](int64_t, int64_t) {};
constexpr int kHeader = 128, kRow = 12 * sizeof(Half);  // of embeddings.npy

class TransferTest : public LibraryTest {
 protected:
  // An export of a library of pictures 0..n−1.
  std::string export_of(int n) {
    for (int i = 0; i < n; ++i) add_picture(i);
    {
      const auto library = open();
      EXPECT_TRUE(ingest(**library, {.roots = {pictures()}}, {}));
      EXPECT_TRUE(export_library(**library, root_ / "export", kQuiet));
    }
    take_library_away();
    return root_ / "export";
  }

  static void write(const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  }
  static std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  }

  // What is imported into the library, with everything well.
  static TransferSummary import(Library& library, const std::string& folder) {
    const auto from = read_export(folder, kQuiet);
    EXPECT_TRUE(from) << from.error().message;
    const auto summary = import_library(library, *from, kQuiet);
    EXPECT_TRUE(summary) << summary.error().message;
    return *summary;
  }
};

TEST_F(TransferTest, ImagesEmbeddingsAndFoldersComeBack) {
  const std::string folder = export_of(20);
  const auto library = open();
  const TransferSummary summary = import(**library, folder);
  EXPECT_EQ(summary.images, 20);
  EXPECT_EQ(summary.embeddings, 20);
  EXPECT_EQ(*(*library)->catalog().roots(), (std::vector<std::string>{pictures()}));
  EXPECT_EQ((*library)->searchable()->index->size(), 20);
  const auto again = ingest(**library, {}, {});
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->embedded + again->failed + again->removed, 0);
  EXPECT_EQ(again->known, 20);
}

TEST_F(TransferTest, TheUsersWordsComeBackAndThoseHereStand) {
  const std::string first = add_picture(0), second = add_picture(1);
  {
    const auto library = open();
    ASSERT_TRUE(ingest(**library, {.roots = {pictures()}}, {}));
    Catalog& catalog = (*library)->catalog();
    const ImageId one = **catalog.image_by_path(first), two = **catalog.image_by_path(second);
    ASSERT_TRUE(catalog.describe(one, "mine"));
    ASSERT_TRUE(catalog.set_category(one, "Drake"));
    ASSERT_TRUE(catalog.describe(two, "exported"));
    ASSERT_TRUE(catalog.put_descriptions(DescribedBy::kLabels, "d", {{{two, "a label"}}}));
    ASSERT_TRUE(catalog.say_not_duplicates(one, {&two, 1}));
    ASSERT_TRUE(export_library(**library, root_ / "export", kQuiet));
  }
  take_library_away();
  const auto library = open();
  ASSERT_TRUE(ingest(**library, {.roots = {pictures()}}, {}));
  Catalog& catalog = (*library)->catalog();
  const ImageId one = **catalog.image_by_path(first), two = **catalog.image_by_path(second);
  ASSERT_TRUE(catalog.describe(two, "said here"));
  import(**library, root_ / "export");
  const ImageId both[] = {one, two};
  const auto texts = catalog.texts(both);
  ASSERT_TRUE(texts);
  EXPECT_EQ((*texts)[0].description, "mine");
  EXPECT_EQ((*texts)[0].category, "Drake");
  EXPECT_EQ((*texts)[1].description, "said here");
  EXPECT_EQ(catalog.not_duplicates()->size(), 1U);
}

TEST_F(TransferTest, OnlyWhatIsNewCounts) {
  const std::string folder = export_of(5);
  fs::remove(pictures() / "1.tiff");
  const auto library = open();
  ASSERT_TRUE(ingest(**library, {.roots = {pictures()}}, {}));
  EXPECT_EQ(import(**library, folder).images, 1);
  const TransferSummary again = import(**library, folder);
  EXPECT_EQ(again.images, 0);
  EXPECT_EQ(again.embeddings, 0);
}

TEST_F(TransferTest, AnImageWhoseFirstPathIsTakenComesByItsSecond) {
  fs::copy_file(add_picture(7), pictures() / "copy.tiff");
  const std::string folder = export_of(0);
  add_picture(8, "7.tiff");
  fs::remove(pictures() / "copy.tiff");
  const auto library = open();
  ASSERT_TRUE(ingest(**library, {.roots = {pictures()}}, {}));
  EXPECT_EQ(import(**library, folder).images, 1);
  EXPECT_EQ((*library)->catalog().counts()->files, 2);
}

TEST_F(TransferTest, AnExportWithoutFoldersIsTaken) {
  const std::string folder = export_of(2);
  const fs::path about = fs::path(folder) / "library.json";
  write(about, replaced(bytes_of(about), "\"folders\"", "\"unknown\""));
  const auto library = open();
  EXPECT_EQ(import(**library, folder).images, 2);
  EXPECT_EQ(*(*library)->catalog().roots(), std::vector<std::string>{});
}

TEST_F(TransferTest, AnExportOfAnEmptyLibraryIsOne) {
  {
    const auto library = open();
    ASSERT_TRUE(export_library(**library, root_ / "export", kQuiet));
  }
  EXPECT_EQ(import(**open(), root_ / "export").images, 0);
}

TEST_F(TransferTest, WhatDoesNotAgreeIsRefused) {
  const fs::path folder = export_of(3);
  const std::string about = bytes_of(folder / "library.json"),
                    lines = bytes_of(folder / "images.jsonl"),
                    rows = bytes_of(folder / "embeddings.npy");
  ASSERT_EQ(rows.size(), kHeader + 3 * kRow);
  const std::string yes = "\"embedded\":true", no = "\"embedded\":false";
  const auto with_half = [&](size_t row, char low, char high) {
    return std::string(rows).replace(kHeader + row * kRow + kRow - 2, 2, {low, high});
  };
  struct Case {
    const char* file;
    std::string bytes;
    std::string complaint;
  };
  const Case cases[] = {
      {"images.jsonl", replaced(lines, yes, no),
       "images.jsonl: 2 lines with an embedding, library.json says 3"},
      {"images.jsonl", replaced(lines, "," + yes, ""),
       "images.jsonl: line 1: `embedded` must be true or false"},
      {"images.jsonl", lines + lines.substr(0, lines.find('\n') + 1),
       "images.jsonl: 4 lines, library.json says 3"},
      {"images.jsonl", lines.substr(0, lines.rfind('\n', lines.size() - 2) + 1),
       "images.jsonl: 2 lines, library.json says 3"},
      {"images.jsonl", lines.substr(0, lines.size() - 9), "images.jsonl: line 3: "},
      {"images.jsonl", replaced(lines, "[\"/", "[\""), "line 1: `paths` must be absolute"},
      {"library.json", replaced(about, "\"embeddings\": 3", "\"embeddings\": 2"),
       "embeddings.npy: 200 bytes, library.json makes it 176"},
      {"library.json", replaced(about, "\"dim\": 12", "\"dim\": 0"), "no model"},
      {"library.json", replaced(about, "\"images\": 3", "\"images\": -1"),
       "`images` is out of range"},
      {"library.json", replaced(about, "\"folders\": [", "\"folders\": [7,"),
       "`folders` must be absolute"},
      {"embeddings.npy", rows.substr(0, rows.size() - 1),
       "embeddings.npy: 199 bytes, library.json makes it 200"},
      {"embeddings.npy", rows + "x", "embeddings.npy: 201 bytes, library.json makes it 200"},
      {"embeddings.npy", replaced(rows, "(3, 12)", "(12, 3)"),
       "embeddings.npy: its header is not that of 3 × 12 float16 numbers"},
      {"embeddings.npy", with_half(1, '\x00', '\x7C'),  // infinity
       "row 2, of line 2 of images.jsonl, has a number that is not finite"},
      {"embeddings.npy", with_half(2, '\x01', '\xFE'),  // NaN
       "row 3, of line 3 of images.jsonl, has a number that is not finite"},
  };
  for (const auto& [file, bytes, complaint] : cases) {
    SCOPED_TRACE(complaint);
    write(folder / "library.json", about);
    write(folder / "images.jsonl", lines);
    write(folder / "embeddings.npy", rows);
    write(folder / file, bytes);
    const auto found = read_export(folder, kQuiet);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, ErrorCode::kCorrupt);
    EXPECT_NE(found.error().message.find(complaint), std::string::npos) << found.error().message;
  }
  EXPECT_EQ(read_export(root_ / "nowhere", kQuiet).error().code, ErrorCode::kNotFound);
}

TEST_F(TransferTest, VectorsOfAnotherModelChangeNothing) {
  const std::string folder = export_of(3);
  add_model("small", 12, "other weights");
  const auto library = open();
  ASSERT_TRUE(ingest(**library, {.roots = {add_picture(9)}}, {}));
  const auto from = read_export(folder, kQuiet);
  ASSERT_TRUE(from) << from.error().message;
  EXPECT_EQ(import_library(**library, *from, kQuiet).error().code, ErrorCode::kConflict);
  EXPECT_EQ((*library)->catalog().counts()->images, 1);
  EXPECT_EQ(*(*library)->catalog().roots(), std::vector<std::string>{});
}

TEST_F(TransferTest, AFolderThatCannotBeReadIsNotCalledFull) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  const auto library = open();
  fs::create_directories(root_ / "sealed");
  fs::permissions(root_ / "sealed", fs::perms::none);
  const auto refused = export_library(**library, root_ / "sealed", kQuiet);
  fs::permissions(root_ / "sealed", fs::perms::owner_all);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kIo);
  EXPECT_NE(refused.error().message.find("ermission denied"), std::string::npos)
      << refused.error().message;
}

}  // namespace
}  // namespace mimeme
