// Pictures for the tests of models that see them whole.
#ifndef MIMEME_TESTS_MODEL_PICTURE_H_
#define MIMEME_TESTS_MODEL_PICTURE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "media/decode.h"

namespace mimeme {

struct Picture {
  std::vector<uint8_t> rgb;
  int width = 0;
  int height = 0;
};

inline Picture grey(int width, int height) {
  return {std::vector<uint8_t>(size_t{3} * width * height, 128), width, height};
}

inline Picture load(const std::string& path, const Target& target) {
  std::ifstream in(path, std::ios::binary);
  const std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(in), {}};
  auto decoded = decode(bytes, target, {});
  EXPECT_TRUE(decoded) << path << ": " << decoded.error().message;
  return {std::move(decoded->rgb), decoded->width, decoded->height};
}

}  // namespace mimeme

#endif  // MIMEME_TESTS_MODEL_PICTURE_H_
