#include "media/ignore.h"

#include <gtest/gtest.h>

namespace mimeme {
namespace {

using Verdict = IgnoreList::Verdict;

TEST(Ignore, FollowsTheRulesOfGitignore) {
  const struct {
    const char* pattern;
    const char* path;
    bool is_folder;
    bool ignored;
  } cases[] = {
      {"*.png", "a.png", false, true},
      {"*.png", "deep/er/a.png", false, true},
      {"*.png", "a.jpg", false, false},
      {"cache", "cache", true, true},
      {"cache", "a/cache", true, true},
      {"cache", "cached", false, false},
      {"cache/", "cache", true, true},
      {"cache/", "cache", false, false},
      {"/cache", "cache", false, true},
      {"/cache", "a/cache", false, false},
      {"a/b", "a/b", false, true},
      {"a/b", "c/a/b", false, false},
      {"a/*", "a/b", false, true},
      {"a/*", "a/b/c", false, false},
      {"**/b", "b", false, true},
      {"**/b", "x/y/b", false, true},
      {"a/**", "a/b/c", false, true},
      {"a/**/z", "a/z", false, true},
      {"a/**/z", "a/b/c/z", false, true},
      {"a/**/z", "b/z", false, false},
      {"img_?.jpg", "img_1.jpg", false, true},
      {"img_?.jpg", "img_12.jpg", false, false},
      {"[ab].jpg", "b.jpg", false, true},
      {"\\#a", "#a", false, true},
      {"\\!a", "!a", false, true},
      {"trailing   ", "trailing", false, true},
      {"# comment", "# comment", false, false},
      {"", "a", false, false},
      {"/", "a", true, false},
      {"!", "a", false, false},
      {"**", "a/b", false, true},
      {"**/cache/", "a/cache", true, true},
      {"**/cache/", "a/cache", false, false},
      {"**/**/z", "a/z", false, true},
      {"a/**", "a", true, false},
      {"a/*/c", "a/b/c", false, true},
      {"a/*/c", "a/b/b/c", false, false},
      {"sub/*.png", "sub/a.png", false, true},
      {"sub/*.png", "x/sub/a.png", false, false},
      {"[!ab].jpg", "b.jpg", false, false},
      {"[!ab].jpg", "c.jpg", false, true},
      {"\\*.jpg", "*.jpg", false, true},
      {"\\*.jpg", "a.jpg", false, false},
      {"kept\\ ", "kept ", false, true},
      {" leading", "leading", false, false},
      {"*.JPG", "a.jpg", false, false},
      {"\xFF*", "\xFF\xFE.jpg", false, true},
  };
  for (const auto& c : cases) {
    IgnoreList list;
    list.add(c.pattern);
    EXPECT_EQ(list.verdict(c.path, c.is_folder) == Verdict::kIgnored, c.ignored)
        << c.pattern << " on " << c.path;
  }
}

TEST(Ignore, TheLastMatchDecides) {
  IgnoreList list;
  list.add_lines("*.png\r\n!keep.png\n\n# no comment\nkeep*.png\n!/keep-this.png");
  EXPECT_EQ(list.verdict("a.png", false), Verdict::kIgnored);
  EXPECT_EQ(list.verdict("keep.png", false), Verdict::kIgnored);
  EXPECT_EQ(list.verdict("keep-this.png", false), Verdict::kKept);
  EXPECT_EQ(list.verdict("sub/keep-this.png", false), Verdict::kIgnored);
  EXPECT_EQ(list.verdict("a.jpg", false), Verdict::kNone);
}

TEST(Ignore, TakesAFolderBackButNotAFileOfItsName) {
  IgnoreList list;
  list.add_lines("*\n!*/");
  EXPECT_EQ(list.verdict("a/b", true), Verdict::kKept);
  EXPECT_EQ(list.verdict("a/b", false), Verdict::kIgnored);
}

}  // namespace
}  // namespace mimeme
