// What open_labeller() refuses; tests/model has what the real one says.
#include "model/labels.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace mimeme {
namespace {

namespace fs = std::filesystem;

TEST(OpenLabeller, SaysWhatIsMissingOrWrong) {
  const fs::path folder = fs::temp_directory_path() / ("labels_test." + std::to_string(getpid()));
  fs::create_directories(folder);
  const auto write = [&](const char* name, const char* text) {
    std::ofstream(folder / name, std::ios::binary) << text;
  };
  Manifest model;
  model.name = "mine";
  model.dim = 2048;
  const auto error = [&] {
    auto labeller = open_labeller(model, 1);
    return labeller ? Error{ErrorCode::kInternal, "none"} : labeller.error();
  };
  EXPECT_EQ(error().code, ErrorCode::kNotFound);
  EXPECT_EQ(error().message, "mine has no classifier");

  model.classifier = {.file = folder / "classifier.onnx",
                      .sha256 = "",
                      .bytes = 5,
                      .input = "x",
                      .output = "y",
                      .labels = folder / "labels.txt"};
  EXPECT_EQ(error().code, ErrorCode::kNotFound);
  write("classifier.onnx", "hello!");
  EXPECT_EQ(error().code, ErrorCode::kCorrupt);
  EXPECT_NE(error().message.find("has 6 bytes"), std::string::npos);
  write("classifier.onnx", "hello");
  EXPECT_EQ(error().code, ErrorCode::kNotFound);
  EXPECT_NE(error().message.find("labels.txt"), std::string::npos);
  write("labels.txt", "shirt\ntrouser\n");
  EXPECT_EQ(error().code, ErrorCode::kUnsupported);
  EXPECT_NE(error().message.find("not ImageNet's"), std::string::npos);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace mimeme
