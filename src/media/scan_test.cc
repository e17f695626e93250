#include "media/scan.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "core/sha256.h"

namespace mimeme {
namespace {

namespace fs = std::filesystem;
using Strings = std::vector<std::string>;

constexpr const char* kGif = "GIF89a and so on";  // what begins like a picture is enough here

// Root may read everything, so for a while the test is nobody.
class AsNobody {
 public:
  AsNobody() : uid_(geteuid()) { EXPECT_EQ(seteuid(uid_ == 0 ? 65'534 : uid_), 0); }
  ~AsNobody() { EXPECT_EQ(seteuid(uid_), 0); }

 private:
  const uid_t uid_;
};

class Scan : public testing::Test {
 protected:
  void SetUp() override {
    static std::atomic<int> serial = 0;
    root_ = fs::canonical(fs::temp_directory_path()) /
            ("scan_test." + std::to_string(getpid()) + "." + std::to_string(serial++));
    fs::create_directories(root_);
  }
  void TearDown() override { fs::remove_all(root_); }

  std::string add(const std::string& name, const std::string& content = kGif) const {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name, std::ios::binary) << content;
    return root_ / name;
  }
  std::string add_fifo(const std::string& name) const {
    EXPECT_EQ(mkfifo((root_ / name).c_str(), 0644), 0);
    return root_ / name;
  }

  // "path" or "path: problem" of all that is emitted, below the root.
  Strings walk(Strings exclude = {}) {
    Strings found;
    const auto summary = scan(root_, {.exclude = std::move(exclude), .stop = {}},
                              [&](ScannedFile&& file) -> Result<> {
                                found.push_back(fs::path(file.path).lexically_relative(root_));
                                if (!file.problem.empty()) found.back() += ": " + file.problem;
                                return {};
                              });
    EXPECT_TRUE(summary) << summary.error().message;
    if (summary) summary_ = *summary;
    return found;
  }

  fs::path root_;
  ScanSummary summary_;  // of the last walk
};

TEST_F(Scan, FindsPicturesByTheirNamesAndByHowTheyBegin) {
  add("b.JPG", "anything");
  add("a/deep/z.webp", "anything");
  add("a/c.heic", "anything");
  add("no-extension", kGif);
  add("picture.txt", kGif);
  add("notes.txt", "text");
  add("empty.txt", "");
  add(".hidden.gif");
  add(".hidden/a.gif");
  EXPECT_EQ(walk(), (Strings{"a/c.heic", "a/deep/z.webp", "b.JPG", "no-extension", "picture.txt"}));
  EXPECT_EQ(summary_.pictures, 5);
  EXPECT_EQ(summary_.problems, 0);
  EXPECT_EQ(summary_.not_pictures, 2);
  EXPECT_EQ(summary_.excluded, 0);
}

TEST_F(Scan, GivesSizeAndTimeAndAnAbsolutePath) {
  const std::string path = add("a.gif", "GIF89a");
  const timespec times[2] = {{1'600'000'000, 0}, {1'600'000'000, 123'456'789}};
  ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  std::vector<ScannedFile> files;
  ASSERT_TRUE(scan(root_, {}, [&](ScannedFile&& file) -> Result<> {
    files.push_back(std::move(file));
    return {};
  }));
  ASSERT_EQ(files.size(), 1U);
  EXPECT_EQ(files[0].path, path);
  EXPECT_EQ(files[0].size, 6);
  EXPECT_EQ(files[0].mtime_ns, 1'600'000'000'123'456'789);
}

TEST_F(Scan, NamesWhatIsCalledLikeAPictureAndCannotBeOne) {
  add("a.jpg/inside.png");
  add_fifo("b.jpg");
  add("c.png", "");
  fs::create_symlink("nowhere", root_ / "d.gif");
  fs::create_symlink("e.gif", root_ / "e.gif");
  fs::create_symlink("/dev/zero", root_ / "f.tiff");
  add_fifo("fifo");
  fs::create_symlink("nowhere", root_ / "link");
  EXPECT_EQ(walk(),
            (Strings{"a.jpg: is a folder, not a picture", "a.jpg/inside.png", "b.jpg: is a FIFO",
                     "c.png: empty file", "d.gif: no such file or directory",
                     "e.gif: too many levels of symbolic links", "f.tiff: is a device",
                     "link: no such file or directory"}));
  EXPECT_EQ(summary_.pictures, 1);
  EXPECT_EQ(summary_.problems, 7);
}

TEST_F(Scan, NamesWhatItMayNotRead) {
  fs::permissions(add("a.png"), fs::perms::none);
  add("folder/b.png");
  fs::permissions(root_ / "folder", fs::perms::none);
  add("ok.png");
  Strings found;
  {
    const AsNobody nobody;
    found = walk();
  }
  fs::permissions(root_ / "folder", fs::perms::owner_all);
  EXPECT_EQ(found, (Strings{"a.png: permission denied",
                            "folder: the folder cannot be read: permission denied", "ok.png"}));
}

TEST_F(Scan, FollowsLinksButEntersAFolderOnce) {
  add("a/1.gif");
  add("b/2.gif");
  fs::create_directory_symlink("..", root_ / "a/up");
  fs::create_directory_symlink("../b", root_ / "a/to-b");
  fs::create_directory_symlink(".", root_ / "b/self");
  fs::create_symlink("a/1.gif", root_ / "same.gif");
  EXPECT_EQ(walk(), (Strings{"a/1.gif", "a/to-b/2.gif", "same.gif"}));
}

TEST_F(Scan, ResolvesTheRootsOwnLinks) {
  add("real/a.gif");
  fs::create_directory_symlink("real", root_ / "link");
  Strings paths;
  ASSERT_TRUE(scan(root_ / "link/", {}, [&](ScannedFile&& file) -> Result<> {
    paths.push_back(file.path);
    return {};
  }));
  EXPECT_EQ(paths, Strings{root_ / "real/a.gif"});
}

TEST_F(Scan, ExcludesAsToldAndAsTheFoldersSay) {
  add("keep.png");
  add("skip.png");
  add("cache/a.png");
  add("sub/skip.png");
  add("sub/keep.png");
  add("sub/deep/thumb.gif");
  add("sub/deep/whole.gif");
  add("zoo/thumb.gif");
  add("sub/.mimemeignore", "# ours\n!skip.png\n/keep.png\n");
  add("sub/deep/.mimemeignore", "thumb.*\n");
  EXPECT_EQ(walk({"skip.png", "cache/"}),
            (Strings{"keep.png", "sub/deep/whole.gif", "sub/skip.png", "zoo/thumb.gif"}));
  EXPECT_EQ(summary_.excluded, 4);  // a folder counts once
}

TEST_F(Scan, ALaterPatternOverridesAnEarlierOne) {
  add("a.png");
  add("b.png");
  EXPECT_EQ(walk({"*.png", "!b.png"}), Strings{"b.png"});
  EXPECT_EQ(walk({"!b.png", "*.png"}), Strings{});
}

TEST_F(Scan, NamesAnIgnoreFileThatCannotBeRead) {
  add("a.png");
  add_fifo(".mimemeignore");
  EXPECT_EQ(walk(), (Strings{".mimemeignore: is a FIFO", "a.png"}));
}

TEST_F(Scan, NamesAreBytes) {
  add("\xFF\xFE.jpg");
  add("\xC3\xA4\n.png");
  EXPECT_EQ(walk(), (Strings{"\xC3\xA4\n.png", "\xFF\xFE.jpg"}));
}

TEST_F(Scan, TakesOneFileWhateverItIsCalled) {
  const std::string path = add("notes.txt", "text");
  Strings paths;
  const auto summary = scan(path, {}, [&](ScannedFile&& file) -> Result<> {
    paths.push_back(file.path);
    return {};
  });
  ASSERT_TRUE(summary);
  EXPECT_EQ(paths, Strings{path});
}

TEST_F(Scan, StopsWhenTold) {
  for (const char* name : {"a.gif", "b.gif", "c/d.gif"}) add(name);
  std::stop_source source;
  int emitted = 0;
  const auto stopped =
      scan(root_, {.exclude = {}, .stop = source.get_token()}, [&](ScannedFile&&) -> Result<> {
        ++emitted;
        source.request_stop();
        return {};
      });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(emitted, 1);
}

TEST_F(Scan, ReturnsTheSinksError) {
  add("a.gif");
  const auto failed = scan(root_, {}, [](ScannedFile&&) -> Result<> {
    return Error{ErrorCode::kIo, "disk full"};
  });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "disk full");
}

TEST_F(Scan, ARootThatIsNotThereIsNotFound) {
  const auto missing = scan(root_ / "nowhere", {}, [](ScannedFile&&) { return Result<>(); });
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(missing.error().message, (root_ / "nowhere: no such file or directory").string());
}

class ReadFile : public Scan {};

TEST_F(ReadFile, GivesBytesDigestAndTime) {
  const std::string content("a\0b\xFF", 4), path = add("a", content);
  const timespec times[2] = {{1, 0}, {1'600'000'000, 5}};
  ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  const auto file = read_file(path, 4);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(std::string(file->bytes.begin(), file->bytes.end()), content);
  EXPECT_EQ(file->sha256, sha256(content.data(), content.size()));
  EXPECT_EQ(file->mtime_ns, 1'600'000'000'000'000'005);
  EXPECT_TRUE(read_file(add("empty", ""), 4)->bytes.empty());
}

TEST_F(ReadFile, SaysWhyNot) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  const std::string socket_path = root_ / "socket";
  ASSERT_LT(socket_path.size(), sizeof address.sun_path);
  socket_path.copy(address.sun_path, socket_path.size());
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_GE(listener, 0);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  close(listener);
  const std::string locked = add("locked");
  fs::permissions(locked, fs::perms::none);
  const struct {
    std::string path;
    ErrorCode code;
    const char* message;
  } cases[] = {
      {root_ / "nowhere", ErrorCode::kNotFound, "no such file or directory"},
      {locked + "/below", ErrorCode::kNotFound, "not a directory"},
      {root_, ErrorCode::kUnsupported, "is a folder, not a picture"},
      {add_fifo("fifo"), ErrorCode::kUnsupported, "is a FIFO"},
      {socket_path, ErrorCode::kUnsupported, "is a socket"},
      {"/dev/zero", ErrorCode::kUnsupported, "is a device"},
      {locked, ErrorCode::kIo, "permission denied"},
      {add("big", "12345"), ErrorCode::kTooLarge, "5 bytes, over the limit of 4 (--max-bytes)"},
  };
  const AsNobody nobody;
  for (const auto& c : cases) {
    const auto file = read_file(c.path, 4);
    ASSERT_FALSE(file) << c.path;
    EXPECT_EQ(file.error().code, c.code) << c.path;
    EXPECT_EQ(file.error().message, c.message) << c.path;
  }
}

}  // namespace
}  // namespace mimeme
