#include "media/ignore.h"

#include <fnmatch.h>

namespace mimeme {
namespace {

// fnmatch(3) knows everything but "**", which stands for any number of folders: tried here for each
// split of the path.
bool matches(std::string_view glob, std::string_view path) {
  if (glob == "**") return true;
  if (glob.starts_with("**/")) {
    for (std::string_view rest = path;;) {
      if (matches(glob.substr(3), rest)) return true;
      const size_t slash = rest.find('/');
      if (slash == std::string_view::npos) return false;
      rest.remove_prefix(slash + 1);
    }
  }
  const size_t glob_slash = glob.find('/'), path_slash = path.find('/');
  const std::string first_glob(glob.substr(0, glob_slash)), first_name(path.substr(0, path_slash));
  if (fnmatch(first_glob.c_str(), first_name.c_str(), 0) != 0) return false;
  if (glob_slash == std::string_view::npos || path_slash == std::string_view::npos)
    return glob_slash == path_slash;  // both at their ends
  return matches(glob.substr(glob_slash + 1), path.substr(path_slash + 1));
}

}  // namespace

void IgnoreList::add(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  while (line.ends_with(' ') && !line.ends_with("\\ ")) line.remove_suffix(1);
  if (line.empty() || line[0] == '#') return;
  Pattern pattern;
  if (line[0] == '!') {
    pattern.negated = true;
    line.remove_prefix(1);
  }
  if (line.ends_with('/')) {
    pattern.folders_only = true;
    line.remove_suffix(1);
  }
  pattern.anchored = line.find('/') != std::string_view::npos;
  if (line.starts_with('/')) line.remove_prefix(1);
  if (line.empty()) return;
  pattern.glob = line;
  patterns_.push_back(std::move(pattern));
}

void IgnoreList::add_lines(std::string_view text) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    add(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
}

IgnoreList::Verdict IgnoreList::verdict(std::string_view path, bool is_folder) const {
  const std::string_view name = path.substr(path.find_last_of('/') + 1);
  for (auto p = patterns_.rbegin(); p != patterns_.rend(); ++p) {
    if (p->folders_only && !is_folder) continue;
    if (matches(p->glob, p->anchored ? path : name))
      return p->negated ? Verdict::kKept : Verdict::kIgnored;
  }
  return Verdict::kNone;
}

}  // namespace mimeme
