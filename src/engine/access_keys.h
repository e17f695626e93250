// The keys to a library and the sessions opened with them, in its catalog.
//
// A secret is "mimeme_" and 64 hexadecimal digits, from the system's random numbers; it is told
// once and never kept. Thread-safe: find() reads a copy in memory; the others wait for the catalog.
#ifndef MIMEME_ENGINE_ACCESS_KEYS_H_
#define MIMEME_ENGINE_ACCESS_KEYS_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "core/access_key.h"
#include "store/catalog.h"

namespace mimeme {

inline constexpr int kSessionDays = 30;

class AccessKeys {
 public:
  // REQUIRES: the catalog outlives it. What others change in it meanwhile counts from reload() on.
  static Result<std::unique_ptr<AccessKeys>> open(Catalog& catalog);

  // Reads the keys again, as other processes may have changed them. If that fails they stay as
  // they are.
  Result<> reload();

  // Returns the secret. kConflict: there is one of this name; kInvalidArgument: the name is empty,
  // longer than 64 bytes, or has control characters in it.
  Result<std::string> create(const std::string& name, Scope scope);
  // Ends its sessions too. kNotFound.
  Result<> revoke(const std::string& name);
  // Without sessions, by name.
  std::vector<AccessKey> list() const;

  // Whose secret this is; nullopt: nobody's, or of a session that is over. How long it takes does
  // not tell how much of a secret is right.
  std::optional<AccessKey> find(std::string_view secret) const;

  // For whoever showed this key, for kSessionDays; of a key's 100 newest. Returns the secret.
  // kNotFound: revoked meanwhile.
  Result<std::string> open_session(const AccessKey& key);
  Result<> close_session(std::string_view secret);

  // Whom to tell that a key or a session is good for nothing any more; null: nobody.
  void on_revoked(std::function<void()> told);

 private:
  explicit AccessKeys(Catalog& catalog) : catalog_(catalog) {}
  template <typename Change>
  Result<> change(Change what);
  void revoked() const;

  Catalog& catalog_;
  Mutex change_mu_;  // so that what is published is never older than what was
  Snapshot<std::vector<AccessKey>> all_;
  Snapshot<std::function<void()>> on_revoked_;
};

}  // namespace mimeme

#endif  // MIMEME_ENGINE_ACCESS_KEYS_H_
