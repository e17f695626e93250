#include "core/sha256.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <vector>

namespace mimeme {

Sha256 sha256(const void* data, size_t size) {
  Sha256 digest;
  EVP_Digest(data, size, digest.data(), nullptr, EVP_sha256(), nullptr);
  return digest;
}

Sha256Hasher::Sha256Hasher() : context_(EVP_MD_CTX_new()) {
  EVP_DigestInit_ex(context_, EVP_sha256(), nullptr);
}

Sha256Hasher::~Sha256Hasher() { EVP_MD_CTX_free(context_); }

void Sha256Hasher::update(const void* data, size_t size) { EVP_DigestUpdate(context_, data, size); }

Sha256 Sha256Hasher::finish() {
  Sha256 digest;
  EVP_DigestFinal_ex(context_, digest.data(), nullptr);
  return digest;
}

bool equal_in_constant_time(const Sha256& a, const Sha256& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Result<Sha256> sha256_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    const auto code = errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
    return Error{code, path + ": " + std::strerror(errno)};
  }
  Sha256Hasher hasher;
  std::vector<char> buffer(1 << 20);
  while (file) {
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    hasher.update(buffer.data(), static_cast<size_t>(file.gcount()));
  }
  if (!file.eof()) return Error{ErrorCode::kIo, path + ": cannot be read"};
  return hasher.finish();
}

std::string to_hex(const Sha256& digest) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * digest.size());
  for (const uint8_t byte : digest) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

std::optional<Sha256> from_hex(std::string_view hex) {
  Sha256 digest;
  if (hex.size() != 2 * digest.size()) return std::nullopt;
  for (size_t i = 0; i < digest.size(); ++i) {
    const char* at = hex.data() + 2 * i;
    if (std::from_chars(at, at + 2, digest[i], 16).ptr != at + 2) return std::nullopt;
  }
  return digest;
}

}  // namespace mimeme
