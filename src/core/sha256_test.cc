#include "core/sha256.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace mimeme {
namespace {

TEST(Sha256, AgreesWithTheStandardsExamples) {
  EXPECT_EQ(to_hex(sha256("", 0)),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(sha256("abc", 3)),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, IsReadBack) {
  const Sha256 digest = sha256("abc", 3);
  EXPECT_EQ(from_hex(to_hex(digest)), digest);
  for (const std::string& bad : {to_hex(digest).substr(1), to_hex(digest) + "0", std::string(),
                                 std::string(63, '0') + "g", std::string(63, '0') + "-"})
    EXPECT_EQ(from_hex(bad), std::nullopt) << bad;
}

TEST(Sha256, OfAFileIsThatOfItsBytes) {
  const auto path =
      std::filesystem::temp_directory_path() / ("sha256_test." + std::to_string(getpid()));
  const std::string bytes(3'000'001, 'x');  // more than one read
  std::ofstream(path, std::ios::binary) << bytes;
  EXPECT_EQ(*sha256_file(path), sha256(bytes.data(), bytes.size()));
  std::filesystem::remove(path);
  EXPECT_EQ(sha256_file(path).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(sha256_file("/").error().code, ErrorCode::kIo);
}

}  // namespace
}  // namespace mimeme
