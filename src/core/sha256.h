// SHA-256 (FIPS 180-4), by OpenSSL. Pure; safe from any thread.
#ifndef MIMEME_CORE_SHA256_H_
#define MIMEME_CORE_SHA256_H_

#include <cstddef>
#include <string>

#include "base/result.h"
#include "core/types.h"

namespace mimeme {

Sha256 sha256(const void* data, size_t size);

// Of a file, read in pieces. kNotFound, kIo.
Result<Sha256> sha256_file(const std::string& path);

}  // namespace mimeme

#endif  // MIMEME_CORE_SHA256_H_
