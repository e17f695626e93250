// Exclude patterns with the rules of .gitignore (gitignore(5)).
#ifndef MIMEME_MEDIA_IGNORE_H_
#define MIMEME_MEDIA_IGNORE_H_

#include <string>
#include <string_view>
#include <vector>

namespace mimeme {

// One list of patterns, for paths relative to the folder that it stands for. Plain data; const
// methods are thread-safe.
class IgnoreList {
 public:
  // One line each; blank lines and lines that begin with '#' are comments.
  void add(std::string_view line);
  void add_lines(std::string_view text);

  enum class Verdict { kNone, kIgnored, kKept };
  // What the last pattern that matches `path` ("a/b.jpg", relative, no leading slash) says; kNone
  // if none does. Folders above the path are not looked at: who walks top-down does not enter what
  // is ignored.
  Verdict verdict(std::string_view path, bool is_folder) const;

 private:
  struct Pattern {
    std::string glob;
    bool negated = false;       // "!": takes back
    bool folders_only = false;  // trailing "/"
    // A "/" elsewhere: matched against the whole path, else against the last name.
    bool anchored = false;
  };
  std::vector<Pattern> patterns_;
};

}  // namespace mimeme

#endif  // MIMEME_MEDIA_IGNORE_H_
