#include "engine/access_keys.h"

#include <sys/random.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/utf8.h"
#include "core/sha256.h"

namespace mimeme {
namespace {

constexpr size_t kMaxName = 64;
constexpr int kMaxSessions = 100;  // of a key

// A new secret, and into `key` its hash and the time.
Result<std::string> make_secret(AccessKey& key) {
  Sha256 random{};
  if (getentropy(random.data(), random.size()) != 0)
    return Error{ErrorCode::kIo, "the system has no random numbers"};
  const std::string secret = "mimeme_" + to_hex(random);
  key.hash = sha256(secret.data(), secret.size());
  key.created_at_us = now_us();
  return secret;
}

}  // namespace

Result<std::unique_ptr<AccessKeys>> AccessKeys::open(Catalog& catalog) {
  std::unique_ptr<AccessKeys> keys(new AccessKeys(catalog));
  TRY(keys->reload());
  return keys;
}

Result<> AccessKeys::reload() {
  const Lock lock(change_mu_);
  auto keys = TRY(catalog_.access_keys());
  const auto before = all_.get();
  all_.set(std::make_shared<const std::vector<AccessKey>>(keys));
  const auto is_gone = [&](const AccessKey& key) {
    return std::ranges::find(keys, key.hash, &AccessKey::hash) == keys.end();
  };
  if (before && std::ranges::any_of(*before, is_gone)) revoked();
  return {};
}

template <typename Change>
Result<> AccessKeys::change(Change what) {
  const Lock lock(change_mu_);
  const Result<> changed = what();
  // Also after a failure, which may be one of telling; and if they cannot be read, nobody has one.
  auto keys = catalog_.access_keys();
  all_.set(std::make_shared<const std::vector<AccessKey>>(keys ? *keys : std::vector<AccessKey>()));
  TRY(changed);
  return keys ? Result<>() : keys.error();
}

Result<std::string> AccessKeys::create(const std::string& name, Scope scope) {
  if (name.empty() || name.size() > kMaxName || printable(name) != name)
    return Error{ErrorCode::kInvalidArgument, "a key's name is of 1 to " +
                                                  std::to_string(kMaxName) +
                                                  " bytes without control characters"};
  AccessKey key{.name = name, .scope = scope};
  const std::string secret = TRY(make_secret(key));
  TRY(change([&] { return catalog_.add_access_key(key); }));
  return secret;
}

Result<> AccessKeys::revoke(const std::string& name) {
  TRY(change([&] { return catalog_.remove_access_key(name); }));
  revoked();
  return {};
}

void AccessKeys::on_revoked(std::function<void()> told) {
  on_revoked_.set(std::make_shared<const std::function<void()>>(std::move(told)));
}

void AccessKeys::revoked() const {
  if (const auto told = on_revoked_.get(); told && *told) (*told)();
}

std::vector<AccessKey> AccessKeys::list() const {
  std::vector<AccessKey> keys = *all_.get();
  std::erase_if(keys, [](const AccessKey& key) { return key.is_session(); });
  return keys;
}

std::optional<AccessKey> AccessKeys::find(std::string_view secret) const {
  const Sha256 hash = sha256(secret.data(), secret.size());
  const auto all = all_.get();
  const AccessKey* found = nullptr;
  for (const AccessKey& key : *all)
    if (equal_in_constant_time(key.hash, hash)) found = &key;
  if (!found || (found->is_session() && found->expires_at_us <= now_us())) return std::nullopt;
  return *found;
}

Result<std::string> AccessKeys::open_session(const AccessKey& key) {
  AccessKey session;
  const std::string secret = TRY(make_secret(session));
  session.expires_at_us = session.created_at_us + int64_t{kSessionDays} * 24 * 3600 * 1'000'000;
  TRY(change([&] { return catalog_.add_session(session, key.hash, kMaxSessions); }));
  return secret;
}

Result<> AccessKeys::close_session(std::string_view secret) {
  TRY(change([&] { return catalog_.remove_session(sha256(secret.data(), secret.size())); }));
  revoked();
  return {};
}

}  // namespace mimeme
