#include "core/grey.h"

#include <gtest/gtest.h>

#include "core/test_picture.h"

namespace mimeme {
namespace {

constexpr Affine kTwice{.xx = 2, .xy = 0, .x0 = 0.5, .yx = 0, .yy = 2, .y0 = 0.5};

TEST(CompareTest, APictureAgreesWithItselfInAnotherSize) {
  const Grey large = test_picture(1, 256, 192);
  const Agreement same = compare(halved(large), Pyramid(large), kTwice);
  EXPECT_DOUBLE_EQ(same.coverage, 1);
  EXPECT_GT(same.all.textured, 100);
  EXPECT_EQ(same.all.agreeing, same.all.textured);
  EXPECT_EQ(same.all.conflicting, 0);
}

TEST(CompareTest, BrightnessAndContrastDoNotMatter) {
  const Grey picture = test_picture(1, 128, 96);
  Grey faded = picture;
  for (uint8_t& value : faded.pixels) value = static_cast<uint8_t>(100 + value / 3);
  const Agreement same = compare(picture, Pyramid(faded), {});
  EXPECT_EQ(same.all.conflicting, 0);
  EXPECT_GE(same.all.agreeing, same.all.textured * 98 / 100);
}

TEST(CompareTest, ANegativeConflictsUntilItIsNegated) {
  const Grey picture = test_picture(1, 128, 96);
  EXPECT_LT(compare(picture, Pyramid(negated(picture)), {}).all.agreeing, 5);
  EXPECT_GT(compare(picture, Pyramid(negated(negated(picture))), {}).all.agreeing, 100);
}

TEST(CompareTest, OtherPicturesDoNotAgree) {
  const Agreement other = compare(test_picture(1, 128, 96), Pyramid(test_picture(2, 128, 96)), {});
  EXPECT_LT(other.all.agreeing, other.all.textured / 10);
  EXPECT_GT(other.all.conflicting, other.all.textured / 2);
}

TEST(CompareTest, WhatCannotReachTheShareAskedForIsNotCounted) {
  const Grey picture = test_picture(1, 128, 96);
  const Pyramid other(test_picture(2, 128, 96)), same(picture);
  EXPECT_GT(compare(picture, other, {}).all.textured, 0);
  EXPECT_EQ(compare(picture, other, {}, 0.9).all.textured, 0);
  EXPECT_EQ(compare(picture, same, {}, 0.9).all.agreeing, compare(picture, same, {}).all.agreeing);
}

TEST(CompareTest, WordsThatAreKnownCanBeLeftOut) {
  Grey picture = test_picture(1, 128, 96), other = picture;
  paste(test_picture(2, 128, 24), other, 0, 72);
  const auto share = [](const Grey& a, const Grey& b) {
    return compare(a, Pyramid(b), {}).without_words.share();
  };
  EXPECT_LT(share(picture, other), 0.9);
  Grey read = other;
  for (size_t y = 12; y < 16; ++y) read.words.rows[y] = 0xFFFF;
  EXPECT_EQ(share(picture, read), 1);
  EXPECT_EQ(share(read, picture), 1);
  EXPECT_LT(compare(read, Pyramid(picture), {}).all.share(), 0.9);
  EXPECT_EQ(compare(read, Pyramid(picture), {}, 0.95).without_words.share(), 1);
  EXPECT_EQ(compare(other, Pyramid(picture), {}, 0.95).without_words.textured, 0);
  EXPECT_EQ(share(mirrored(picture), mirrored(read)), 1);
  EXPECT_EQ(share(halved(picture), halved(read)), 1);
}

// As a caption does: all but a strip is the same.
TEST(CompareTest, WhereSomethingElseIsThereIsConflict) {
  const Grey picture = test_picture(1, 128, 96);
  Grey captioned = picture;
  paste(test_picture(7, 128, 16), captioned, 0, 80);
  const Agreement most = compare(picture, Pyramid(captioned), {});
  EXPECT_GT(most.all.conflicting, 10);
  EXPECT_LE(most.all.conflicting, 32);  // 2 rows of 16 blocks
  EXPECT_GT(most.all.agreeing, most.all.textured * 7 / 10);
}

TEST(CompareTest, OnlyWhatLiesInsideCounts) {
  const Grey picture = test_picture(1, 128, 96);
  const Affine to_the_left{.xx = 1, .xy = 0, .x0 = -64, .yx = 0, .yy = 1, .y0 = 0};
  EXPECT_NEAR(compare(picture, Pyramid(picture), to_the_left).coverage, 0.5, 0.01);
  const Affine away{.xx = 1, .xy = 0, .x0 = 1000, .yx = 0, .yy = 1, .y0 = 0};
  EXPECT_EQ(compare(picture, Pyramid(picture), away).all.textured, 0);
}

TEST(CompareTest, PlainPicturesSayNothing) {
  const Agreement nothing = compare(plain(200, 64, 64), Pyramid(plain(200, 64, 64)), {});
  EXPECT_EQ(nothing.all.textured, 0);
  EXPECT_EQ(nothing.all.agreeing, 0);
}

TEST(GreyTest, ShrunkKeepsTheShapeAndTheMean) {
  const Grey small = shrunk(test_picture(1, 320, 240), 128);
  EXPECT_EQ(small.width, 128);
  EXPECT_EQ(small.height, 96);
  EXPECT_EQ(shrunk(plain(77, 301, 203), 100).pixels, plain(77, 100, 67).pixels);
  EXPECT_EQ(shrunk(plain(1, 50, 40), 128).width, 50);
}

}  // namespace
}  // namespace mimeme
