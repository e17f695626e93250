#include "app/paths.h"

#include <cstdlib>
#include <filesystem>
#include <sstream>

namespace mimeme {
namespace fs = std::filesystem;
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

fs::path data_home() {
  // The XDG Base Directory Specification: a relative path is to be ignored.
  if (const fs::path home = environment("XDG_DATA_HOME"); home.is_absolute()) return home;
  const std::string home = environment("HOME");
  return fs::path(home.empty() ? "/var/lib" : home + "/.local/share");
}

}  // namespace

std::string default_library() {
  const std::string chosen = environment("MIMEME_LIBRARY");
  return chosen.empty() ? (data_home() / "mimeme").string() : chosen;
}

std::string default_catalog() { return environment("MIMEME_CATALOG"); }

std::vector<std::string> model_folders() {
  std::vector<std::string> folders;
  if (std::istringstream list(environment("MIMEME_MODELS")); list.peek() != EOF) {
    for (std::string folder; std::getline(list, folder, ':');)
      if (!folder.empty()) folders.push_back(folder);
    if (!folders.empty()) return folders;
  }
  folders.push_back(data_home() / "mimeme-models");
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error)
    folders.push_back(program.parent_path().parent_path() / "share" / "mimeme" / "models");
  folders.push_back(MIMEME_BUILT_MODELS);
  return folders;
}

}  // namespace mimeme
