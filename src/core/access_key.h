// Who may do what: keys, and the sessions of those who signed in with one. Plain data.
#ifndef MIMEME_CORE_ACCESS_KEY_H_
#define MIMEME_CORE_ACCESS_KEY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/types.h"

namespace mimeme {

// Each includes those before it.
enum class Scope {
  kNone,
  kRead,   // look and search
  kWrite,  // add, change and delete images, say what they are
  kAdmin,  // begin and stop work in the background
};

inline constexpr const char* kScopes[] = {"none", "read", "write", "admin"};

inline const char* name_of(Scope scope) { return kScopes[static_cast<int>(scope)]; }

inline std::optional<Scope> parse_scope(std::string_view name) {
  for (const Scope scope : {Scope::kNone, Scope::kRead, Scope::kWrite, Scope::kAdmin})
    if (name == name_of(scope)) return scope;
  return std::nullopt;
}

// Of the secret itself, which has 256 random bits, only its SHA-256 is kept: nothing that is slower
// to compute would make it harder to guess.
struct AccessKey {
  Sha256 hash{};
  std::string name;  // of the key; of a session, of the key that it was opened with
  Scope scope = Scope::kNone;
  int64_t created_at_us = 0;  // since 1970, UTC
  int64_t expires_at_us = 0;  // 0: never, as no session has it

  bool is_session() const { return expires_at_us != 0; }
};

}  // namespace mimeme

#endif  // MIMEME_CORE_ACCESS_KEY_H_
