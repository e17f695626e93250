// The real detector finds what the Tux Paint stamps show, and is silent about what it does not
// know.
#include "model/objects.h"

#include <gtest/gtest.h>

#include <thread>

#include "picture.h"

namespace mimeme {
namespace {

constexpr char kStamps[] = "/usr/share/tuxpaint/stamps/";

Picture load_stamp(const std::string& stamp,
                   const Target& target = {.width = 600, .height = 600, .fit = Fit::kInside}) {
  return load(kStamps + stamp + ".png", target);
}

class ObjectsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    ASSERT_TRUE(init_media());
    auto opened = open_object_detector(MIMEME_BUILT_MODELS "/coco-ssd/manifest.json", 1);
    ASSERT_TRUE(opened) << opened.error().message;
    detector_ = std::move(*opened).release();
  }
  static void TearDownTestSuite() { delete std::exchange(detector_, nullptr); }

  static std::vector<DetectedObject> detect(const Picture& picture) {
    auto objects = detector_->detect(picture.rgb, picture.width, picture.height);
    EXPECT_TRUE(objects) << objects.error().message;
    return objects ? *std::move(objects) : std::vector<DetectedObject>();
  }

  static ObjectDetector* detector_;
};
ObjectDetector* ObjectsTest::detector_ = nullptr;

TEST_F(ObjectsTest, WhatIsShownIsFoundWithItsPlace) {
  const struct {
    const char *stamp, *name;
  } cases[] = {
      {"people/fireman240a", "person"},        {"people/fireman200b", "person"},
      {"people/toys/grannysmith", "person"},   {"space/spacewalk", "person"},
      {"vehicles/auto/sedan", "car"},          {"vehicles/auto/beetle", "car"},
      {"vehicles/auto/truck", "truck"},        {"vehicles/emergency/firetruck", "truck"},
      {"vehicles/garbagetruck", "truck"},      {"vehicles/masstransit/green_korean_bus", "bus"},
      {"animals/mammals/bovines/bull", "cow"}, {"animals/mammals/bovines/cow", "cow"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.stamp);
    const Picture picture = load_stamp(c.stamp);
    const auto objects = detect(picture);
    ASSERT_FALSE(objects.empty());
    const DetectedObject& object = objects[0];
    EXPECT_EQ(object.name, c.name);
    EXPECT_GE(object.confidence, 0.5);
    EXPECT_LE(object.confidence, 1);
    // A stamp is cut out, so the thing fills it.
    EXPECT_GE(object.left, 0);
    EXPECT_GE(object.top, 0);
    EXPECT_LE(object.left + object.width, static_cast<float>(picture.width) + 0.01F);
    EXPECT_LE(object.top + object.height, static_cast<float>(picture.height) + 0.01F);
    EXPECT_GE(object.width * object.height,
              0.5F * static_cast<float>(picture.width) * static_cast<float>(picture.height));
  }
}

// What Google's TensorFlow.js 3.21 made of these pixels with the weights as they were downloaded.
TEST_F(ObjectsTest, TheSurestBoxIsThatOfTensorFlowJs) {
  const struct {
    const char *stamp, *name;
    float confidence, top, left, bottom, right;
  } cases[] = {
      {"vehicles/emergency/firetruck", "truck", 0.883393F, 2.2607F, 4.5429F, 296.7233F, 298.2534F},
      {"people/fireman240a", "person", 0.903757F, 8.4074F, 23.5356F, 297.9144F, 293.5913F},
      {"animals/mammals/bovines/bull", "cow", 0.924272F, 5.8467F, 1.2818F, 299.9180F, 296.4441F},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.stamp);
    // The network's own size, so that nothing is resized on the way.
    const Picture picture =
        load_stamp(c.stamp, {.width = 300, .height = 300, .fit = Fit::kStretch});
    const auto objects = detect(picture);
    ASSERT_FALSE(objects.empty());
    EXPECT_EQ(objects[0].name, c.name);
    EXPECT_NEAR(objects[0].confidence, c.confidence, 1e-4);
    EXPECT_NEAR(objects[0].top, c.top, 0.01);
    EXPECT_NEAR(objects[0].left, c.left, 0.01);
    EXPECT_NEAR(objects[0].top + objects[0].height, c.bottom, 0.01);
    EXPECT_NEAR(objects[0].left + objects[0].width, c.right, 0.01);
  }
}

TEST_F(ObjectsTest, NothingIsSaidOfWhatItDoesNotKnow) {
  for (const char* stamp :
       {"animals/amphibians/frog", "animals/mammals/pig", "animals/mammals/cats/tiger",
        "food/vegetables/potato", "hobbies/music/string/violin", "space/moon/moon_full",
        "symbols/math/operators/op0_plus", "town/houses/cartoon/igloo"})
    EXPECT_TRUE(detect(load_stamp(stamp)).empty()) << stamp;
}

TEST_F(ObjectsTest, PicturesOfAnyShapeAreTaken) {
  for (const auto& [width, height] : {std::pair{1, 1}, {2, 1}, {1, 3000}, {3000, 20}, {640, 480}})
    EXPECT_TRUE(detect(grey(width, height)).empty()) << width << "×" << height;
}

TEST_F(ObjectsTest, ThreadsGetEachTheSameAnswer) {
  const Picture picture = load_stamp("people/fireman240a");
  const auto expected = detect(picture);
  std::vector<std::vector<DetectedObject>> answers(4);
  {
    std::vector<std::jthread> threads;
    for (auto& answer : answers) threads.emplace_back([&] { answer = detect(picture); });
  }
  for (const auto& answer : answers) {
    ASSERT_EQ(answer.size(), expected.size());
    EXPECT_EQ(answer[0].confidence, expected[0].confidence);
    EXPECT_EQ(answer[0].left, expected[0].left);
  }
}

TEST(OpenObjectDetector, SaysWhatIsWrongWithAManifest) {
  const auto none = open_object_detector("/nowhere/manifest.json", 1);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
  const auto other = open_object_detector(MIMEME_BUILT_MODELS "/ppocr-v4/manifest.json", 1);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kUnsupported) << other.error().message;
}

}  // namespace
}  // namespace mimeme
