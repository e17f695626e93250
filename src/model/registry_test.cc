#include "model/registry.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/sha256.h"

namespace mimeme {
namespace {

namespace fs = std::filesystem;

class RegistryTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::temp_directory_path() / ("registry_test." + std::to_string(getpid()));
    fs::create_directories(root_);
  }
  void TearDown() override { fs::remove_all(root_); }

  static void write(const fs::path& file, std::string_view text) {
    fs::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
  }
  // folder/model.onnx holding `weights`, and its manifest.
  static void put_model(const fs::path& folder, const std::string& name,
                        const std::string& weights) {
    write(folder / "model.onnx", weights);
    write(folder / "manifest.json",
          R"({"format": 1, "name": ")" + name + R"(", "task": "image-embedding",
              "file": "model.onnx", "sha256": ")" +
              to_hex(sha256(weights.data(), weights.size())) + R"(", "bytes": )" +
              std::to_string(weights.size()) + R"(, "licence": "MIT", "source": "a test",
              "input": {"name": "x", "layout": "NCHW", "colour": "RGB", "width": 3, "height": 2,
                        "fit": "stretch", "scale": 1, "mean": [0, 0, 0], "std": [1, 1, 1]},
              "outputs": {"embedding": {"name": "y", "dim": 18}}})");
  }
  // The same of a text model of 18 dimensions.
  static void put_text_model(const fs::path& folder, const std::string& name,
                             const std::string& joint_with) {
    write(folder / "model.onnx", "text");
    write(folder / "vocab.txt", "words");
    write(folder / "manifest.json", R"({"format": 1, "name": ")" + name +
                                        R"(", "task": "text-embedding",
              "joint_with": ")" + joint_with +
                                        R"(", "min_similarity": 0.2,
              "file": "model.onnx", "sha256": ")" +
                                        to_hex(sha256("text", 4)) + R"(", "bytes": 4,
              "licence": "MIT", "source": "a test",
              "input": {"tokenizer": "wordpiece-uncased", "ids": "i", "mask": "m",
                        "vocabulary": "vocab.txt", "max_tokens": 9,
                        "vocabulary_sha256": ")" +
                                        to_hex(sha256("words", 5)) + R"("},
              "outputs": {"embedding": {"name": "y", "dim": 18}}})");
  }
  static std::string content(const fs::path& file) {
    std::ostringstream text;
    text << std::ifstream(file, std::ios::binary).rdbuf();
    return text.str();
  }
  static std::vector<std::string> names(const Registry::Listing& listing) {
    std::vector<std::string> all(listing.models.size());
    std::transform(listing.models.begin(), listing.models.end(), all.begin(),
                   [](const Manifest& m) { return m.name; });
    return all;
  }

  fs::path user() const { return root_ / "user"; }
  fs::path built_in() const { return root_ / "built_in"; }
  fs::path given() const { return root_ / "given"; }
  Registry registry() const { return Registry({user(), built_in()}); }

  fs::path root_;
};

using Names = std::vector<std::string>;

TEST_F(RegistryTest, FoldersThatAreNotThereHoldNothing) {
  const auto listing = registry().list();
  EXPECT_EQ(names(listing), Names());
  EXPECT_TRUE(listing.broken.empty());
  const auto found = registry().find("a");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(found.error().message, "no model is called \"a\"; there is none (looked in " +
                                       user().string() + ", " + built_in().string() + ")");
}

TEST_F(RegistryTest, ModelsOfAllFoldersAreListedByName) {
  put_model(built_in() / "b", "b", "B");
  put_model(user() / "c", "c", "C");
  put_model(user() / "a", "a", "A");
  write(user() / "notes.txt", "not a model");
  fs::create_directories(user() / "empty");
  const auto listing = registry().list();
  EXPECT_EQ(names(listing), (Names{"a", "b", "c"}));
  EXPECT_TRUE(listing.broken.empty());
}

TEST_F(RegistryTest, FindGivesTheModelOrNamesThoseThereAre) {
  put_model(built_in() / "b", "b", "B");
  put_model(user() / "a", "a", "A");
  const auto found = registry().find("b");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->file, built_in() / "b" / "model.onnx");
  const auto missing = registry().find("c");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("there are: a, b "), std::string::npos);
}

TEST_F(RegistryTest, FindRefusesAModelForAnotherTask) {
  put_model(built_in() / "a", "a", "A");
  EXPECT_TRUE(registry().find("a", kImageEmbedding));
  const auto found = registry().find("a", kTextEmbedding);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(found.error().message, "a is for image-embedding, not for text-embedding");
}

TEST_F(RegistryTest, TheUsersModelHidesTheBuiltInOneOfItsName) {
  put_model(built_in() / "a", "a", "built in");
  put_model(user() / "a", "a", "the user's");
  EXPECT_EQ(names(registry().list()), Names{"a"});
  const auto found = registry().find("a");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->file, user() / "a" / "model.onnx");
}

TEST_F(RegistryTest, OfTwoFoldersWithOneNameTheFirstInOrderWins) {
  for (const char* folder : {"3", "1", "2"}) put_model(user() / folder, "a", folder);
  const auto found = registry().find("a");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->file, user() / "1" / "model.onnx");
}

TEST_F(RegistryTest, ABrokenManifestIsReportedAndHidesNothing) {
  put_model(built_in() / "a", "a", "A");
  write(user() / "a" / "manifest.json", "{");
  const auto listing = registry().list();
  EXPECT_EQ(names(listing), Names{"a"});
  ASSERT_EQ(listing.broken.size(), 1U);
  EXPECT_EQ(listing.broken[0].code, ErrorCode::kCorrupt);
  EXPECT_NE(listing.broken[0].message.find(user() / "a" / "manifest.json"), std::string::npos);
}

TEST_F(RegistryTest, WhatMakesNoVectorsIsNeitherListedNorBroken) {
  put_model(built_in() / "a", "a", "A");
  write(built_in() / "b" / "manifest.json", R"({"format": 1, "name": "b", "task": "ocr"})");
  write(built_in() / "c" / "manifest.json",
        R"({"format": 1, "name": "c", "task": "object-detection"})");
  const auto listing = registry().list();
  EXPECT_EQ(names(listing), Names{"a"});
  EXPECT_TRUE(listing.broken.empty());
}

TEST_F(RegistryTest, AddCopiesBothFilesUnderTheManifestsNames) {
  put_model(given(), "mine", "weights");
  fs::rename(given() / "model.onnx", given() / "download(1).bin");
  const auto added = registry().add(given() / "download(1).bin", given() / "manifest.json");
  ASSERT_TRUE(added) << added.error().message;
  EXPECT_EQ(added->file, user() / "mine" / "model.onnx");
  EXPECT_EQ(content(added->file), "weights");
  EXPECT_EQ(content(user() / "mine" / "manifest.json"), content(given() / "manifest.json"));
  EXPECT_TRUE(verify(*added));
  EXPECT_EQ(names(registry().list()), Names{"mine"});
}

TEST_F(RegistryTest, AddCopiesTheClassifierToo) {
  put_model(given(), "mine", "weights");
  std::string text = content(given() / "manifest.json");
  text.insert(1, R"("classifier": {"file": "c.onnx", "sha256": ")" + to_hex(sha256("c", 1)) +
                     R"(", "bytes": 1, "input": "f", "output": "p", "labels": "l.txt"}, )");
  write(given() / "manifest.json", text);
  write(given() / "c.onnx", "c");
  write(given() / "l.txt", "cat");
  const auto added = registry().add(given() / "model.onnx", given() / "manifest.json");
  ASSERT_TRUE(added) << added.error().message;
  EXPECT_TRUE(verify(*added));
  EXPECT_EQ(content(added->classifier->labels), "cat");
}

TEST_F(RegistryTest, AddCopiesTheVocabularyTooAndTheJointModelIsFound) {
  put_model(built_in() / "pictures", "pictures", "weights");
  const Manifest image = *registry().find("pictures");
  EXPECT_EQ(registry().find_joint(image).error().code, ErrorCode::kNotFound);
  put_text_model(given(), "words", "pictures");
  const auto added = registry().add(given() / "model.onnx", given() / "manifest.json");
  ASSERT_TRUE(added) << added.error().message;
  EXPECT_TRUE(verify(*added));
  EXPECT_EQ(content(user() / "words" / "vocab.txt"), "words");
  const auto joint = registry().find_joint(image);
  ASSERT_TRUE(joint) << joint.error().message;
  EXPECT_EQ(joint->name, "words");

  Manifest wider = image;
  wider.dim = 20;
  EXPECT_EQ(registry().find_joint(wider).error().code, ErrorCode::kUnsupported);
  put_text_model(user() / "words", "words", "others");
  EXPECT_EQ(registry().find_joint(image).error().code, ErrorCode::kNotFound);
}

TEST_F(RegistryTest, AddRefusesOtherWeightsThanTheManifests) {
  put_model(given(), "mine", "weights");
  write(given() / "model.onnx", "Weights");
  const auto added = registry().add(given() / "model.onnx", given() / "manifest.json");
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, ErrorCode::kCorrupt);
  EXPECT_FALSE(fs::exists(user()));
}

TEST_F(RegistryTest, AddRefusesANameThatIsTaken) {
  put_model(user() / "mine", "mine", "old");
  put_model(given(), "mine", "new");
  const auto added = registry().add(given() / "model.onnx", given() / "manifest.json");
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(content(user() / "mine" / "model.onnx"), "old");
}

TEST_F(RegistryTest, AddMayHideABuiltInModel) {
  put_model(built_in() / "mine", "mine", "old");
  put_model(given(), "mine", "new");
  ASSERT_TRUE(registry().add(given() / "model.onnx", given() / "manifest.json"));
  const auto found = registry().find("mine");
  ASSERT_TRUE(found);
  EXPECT_EQ(content(found->file), "new");
}

TEST_F(RegistryTest, ACopyThatWasCutShortIsNeitherListedNorInTheWay) {
  put_model(user() / ".mine.partial", "mine", "wei");  // what a kill leaves behind
  EXPECT_EQ(names(registry().list()), Names());
  put_model(given(), "mine", "weights");
  const auto added = registry().add(given() / "model.onnx", given() / "manifest.json");
  ASSERT_TRUE(added) << added.error().message;
  EXPECT_EQ(content(added->file), "weights");
  EXPECT_FALSE(fs::exists(user() / ".mine.partial"));
}

TEST_F(RegistryTest, AddThatCannotWriteLeavesNothing) {
  put_model(given(), "mine", "weights");
  write(user(), "a file where the folder should be");
  const auto added = registry().add(given() / "model.onnx", given() / "manifest.json");
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, ErrorCode::kIo);
  EXPECT_EQ(content(user()), "a file where the folder should be");
}

}  // namespace
}  // namespace mimeme
