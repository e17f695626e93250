// The converted Inception V3 sees what TensorFlow Lite saw, and other backbones fit as well.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>
#include <sstream>

#include "base/json.h"
#include "model/image_encoder.h"
#include "model/session.h"

namespace mimeme {
namespace {

constexpr char kInception[] = MIMEME_BUILT_MODELS "/inception-v3/manifest.json";

std::string content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<std::string> lines(const std::string& path) {
  std::vector<std::string> all;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) all.push_back(line);
  return all;
}

// What models/reference_inception_v3.mjs wrote: the pixels it fed, what came out.
struct Reference {
  std::vector<uint8_t> rgb;
  std::vector<double> features;
  std::string label;
};

Reference reference(const std::string& name) {
  const std::string path = std::string(MIMEME_REFERENCE "/") + name;
  const auto json = Json::parse(content(path + ".json"));
  const std::string rgb = content(path + ".rgb");
  return {.rgb = {rgb.begin(), rgb.end()},
          .features = json->get_numbers("features").value(),
          .label = json->get_string("label").value()};
}

template <typename A, typename B>
double cosine(const A& a, const B& b) {
  EXPECT_EQ(a.size(), b.size());
  const auto dot = [](const auto& x, const auto& y) {
    return std::inner_product(x.begin(), x.end(), y.begin(), 0.0);
  };
  return dot(a, b) / std::sqrt(dot(a, a) * dot(b, b));
}

TEST(Conversion, InceptionV3IsWhatItsManifestSays) {
  const auto manifest = read_manifest(kInception);
  ASSERT_TRUE(manifest) << manifest.error().message;
  const auto verified = verify(*manifest);
  EXPECT_TRUE(verified) << verified.error().message;
}

TEST(Conversion, InceptionV3AgreesWithTensorFlowLite) {
  const auto manifest = read_manifest(kInception);
  ASSERT_TRUE(manifest) << manifest.error().message;
  const auto encoder = open_image_encoder(*manifest, {});
  ASSERT_TRUE(encoder) << encoder.error().message;
  const auto classifier =
      Session::open(manifest->classifier->file,
                    {.inputs = {{manifest->classifier->input, ElementType::kFloat32, {-1, 2048}}},
                     .output = {manifest->classifier->output, ElementType::kFloat32, {-1, 1001}}},
                    1);
  ASSERT_TRUE(classifier) << classifier.error().message;
  const auto labels = lines(MIMEME_BUILT_MODELS "/inception-v3/labels.txt");
  ASSERT_EQ(labels.size(), 1001U);

  const std::pair<const char*, const char*> kPictures[] = {
      {"lionfish", "lionfish"},
      {"lion", "lion"},
      {"zebra", "zebra"},
      {"banana", "banana"},
      {"strawberry", "strawberry"},
      {"guitar_classical", "acoustic guitar"},
      {"tennis_ball", "tennis ball"},
      {"firetruck", "fire engine"},
  };
  for (const auto& [name, label] : kPictures) {
    SCOPED_TRACE(name);
    const Reference expected = reference(name);
    const auto features = (*encoder)->encode(expected.rgb);
    ASSERT_TRUE(features) << features.error().message;
    // What is left is rounding, in other places than TensorFlow Lite's, whose last is to steps of
    // 0.096. In floats it is 0.9925 at worst of 18 pictures.
    const double similarity = cosine(*features, expected.features);
    EXPECT_GE(similarity, 0.98);
    RecordProperty(name, std::to_string(similarity));

    std::vector<float> scores(labels.size());
    const auto ran =
        (*classifier)->run({{std::span<const float>(*features), {1, 2048}}}, scores, {1, 1001});
    ASSERT_TRUE(ran) << ran.error().message;
    const auto top1 = std::max_element(scores.begin(), scores.end()) - scores.begin();
    EXPECT_EQ(labels[static_cast<size_t>(top1)], label);
    EXPECT_EQ(expected.label, label);
  }
}

TEST(Conversion, AnyBackboneFits) {
  for (const auto& [depth, dim] : {std::pair("18", 512), std::pair("50", 2048)}) {
    SCOPED_TRACE(depth);
    const auto manifest = read_manifest(std::string(MIMEME_RESNETS "/") + depth + "/manifest.json");
    ASSERT_TRUE(manifest) << manifest.error().message;
    const auto encoder = open_image_encoder(*manifest, {});
    ASSERT_TRUE(encoder) << encoder.error().message;
    EXPECT_EQ((*encoder)->manifest().dim, dim);

    constexpr size_t kBytes = 150'528;  // 224 × 224 × 3
    std::vector<uint8_t> ramp(kBytes), stripes(kBytes);
    for (size_t i = 0; i < kBytes; ++i) {
      ramp[i] = static_cast<uint8_t>(i * 255 / kBytes);
      stripes[i] = i / 48 % 2 ? 255 : 0;  // 16 pixels wide
    }
    const auto once = (*encoder)->encode(ramp);
    ASSERT_TRUE(once) << once.error().message;  // finite, or it would be an error
    ASSERT_EQ(once->size(), static_cast<size_t>(dim));
    const auto again = (*encoder)->encode(ramp);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(*once, *again);
    const auto other = (*encoder)->encode(stripes);
    ASSERT_TRUE(other) << other.error().message;
    EXPECT_LT(cosine(*once, *other), 0.99);
  }
}

}  // namespace
}  // namespace mimeme
