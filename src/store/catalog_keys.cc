#include "store/catalog.h"
#include "store/catalog_impl.h"

namespace mimeme {
namespace {

constexpr const char* kIsSession = "expires_at IS NOT NULL";

Result<> insert(sql::Connection& c, const AccessKey& key) {
  TRY(
      c.run("INSERT INTO access_keys VALUES (?, ?, ?, make_timestamp(?), "
            "CASE WHEN ? = 0 THEN NULL ELSE make_timestamp(?) END)",
            {sql::Blob(key.hash), key.name, name_of(key.scope), key.created_at_us,
             key.expires_at_us, key.expires_at_us}));
  return {};
}

}  // namespace

Result<std::vector<AccessKey>> Catalog::access_keys() {
  return impl_->read([](sql::Connection& c) -> Result<std::vector<AccessKey>> {
    std::vector<AccessKey> keys;
    auto rows = TRY(
        c.query("SELECT hash, name, scope, epoch_us(created_at), coalesce(epoch_us(expires_at), 0) "
                "FROM access_keys ORDER BY name COLLATE \"C\", created_at"));
    while (rows.next()) {
      // A scope that this program does not know lets nobody do anything.
      keys.push_back({.hash = to_sha256(rows.blob(0)),
                      .name = rows.text(1),
                      .scope = parse_scope(rows.text(2)).value_or(Scope::kNone),
                      .created_at_us = rows.integer(3),
                      .expires_at_us = rows.integer(4)});
    }
    return keys;
  });
}

Result<> Catalog::add_access_key(const AccessKey& key) {
  return impl_->write([&](sql::Connection& c) -> Result<> {
    const std::string same =
        std::string("SELECT count(*) FROM access_keys WHERE name = ? AND NOT ") + kIsSession;
    if (TRY(c.integer(same, {key.name})) > 0)
      return Error{ErrorCode::kConflict, "there is a key called \"" + key.name + "\" already"};
    return insert(c, key);
  });
}

Result<> Catalog::add_session(AccessKey session, const Sha256& key, int most) {
  return impl_->write([&](sql::Connection& c) -> Result<> {
    auto rows = TRY(c.query(
        std::string("SELECT name, scope FROM access_keys WHERE hash = ? AND NOT ") + kIsSession,
        {sql::Blob(key)}));
    if (!rows.next()) return Error{ErrorCode::kNotFound, "the key was revoked"};
    session.name = rows.text(0);
    session.scope = parse_scope(rows.text(1)).value_or(Scope::kNone);
    TRY(insert(c, session));
    TRY(c.run("DELETE FROM access_keys WHERE expires_at < make_timestamp(?)",
              {session.created_at_us}));
    TRY(c.run(std::string("DELETE FROM access_keys WHERE hash IN (SELECT hash FROM access_keys "
                          "WHERE name = ? AND ") +
                  kIsSession + " ORDER BY created_at DESC, hash OFFSET ?)",
              {session.name, int64_t{most}}));
    return {};
  });
}

Result<> Catalog::remove_access_key(const std::string& name) {
  return impl_->write([&](sql::Connection& c) -> Result<> {
    if (TRY(c.run("DELETE FROM access_keys WHERE name = ?", {name})) == 0)
      return Error{ErrorCode::kNotFound, "there is no key called \"" + name + '"'};
    return {};
  });
}

Result<> Catalog::remove_session(const Sha256& hash) {
  return impl_->write([&](sql::Connection& c) -> Result<> {
    TRY(c.run(std::string("DELETE FROM access_keys WHERE hash = ? AND ") + kIsSession,
              {sql::Blob(hash)}));
    return {};
  });
}

}  // namespace mimeme
