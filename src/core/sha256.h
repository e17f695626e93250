// SHA-256 (FIPS 180-4), by OpenSSL. Pure; safe from any thread.
#ifndef MIMEME_CORE_SHA256_H_
#define MIMEME_CORE_SHA256_H_

#include <cstddef>
#include <string>

#include "base/result.h"
#include "core/types.h"

struct evp_md_ctx_st;  // OpenSSL's, which stays in the .cc

namespace mimeme {

Sha256 sha256(const void* data, size_t size);

// Of what comes in pieces. One thread at a time.
class Sha256Hasher {
 public:
  Sha256Hasher();
  ~Sha256Hasher();
  Sha256Hasher(const Sha256Hasher&) = delete;
  Sha256Hasher& operator=(const Sha256Hasher&) = delete;

  void update(const void* data, size_t size);
  Sha256 finish();  // once

 private:
  evp_md_ctx_st* const context_;
};

// For what must not be guessed: how long it takes does not tell where they differ.
bool equal_in_constant_time(const Sha256& a, const Sha256& b);

// Of a file, read in pieces. kNotFound, kIo.
Result<Sha256> sha256_file(const std::string& path);

}  // namespace mimeme

#endif  // MIMEME_CORE_SHA256_H_
