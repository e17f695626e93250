#include "engine/categories.h"

#include "engine/edit.h"
#include "engine/ingest.h"
#include "engine/test_library.h"

namespace mimeme {
namespace {

using CategoriesTest = LibraryTest;

TEST_F(CategoriesTest, WhatLooksAlikeIsSuggestedTheSameCategory) {
  // Four of one look and one of another, each of other bytes: the TIFF's tail is passed over.
  for (int i = 0; i < 4; ++i) {
    std::ofstream(add_picture(7, std::to_string(i) + ".tiff"), std::ios::app) << i;
  }
  add_picture(8, "other.tiff");
  const auto library = open();
  ASSERT_TRUE(ingest(**library, {.roots = {pictures()}}, {}));
  Catalog& catalog = (*library)->catalog();
  const auto id = [&](const char* name) {
    return **catalog.image_by_path(std::filesystem::canonical(pictures() / name));
  };
  const auto suggested = [&](const char* name) {
    const ImageId image = id(name);
    return (*catalog.texts({&image, 1}))[0].suggested_category;
  };

  const ImageId named = id("0.tiff");
  ASSERT_TRUE(catalog.set_category(named, "Seven"));
  const auto made = suggest_categories(**library, {&named, 1});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_GE(*made, 3);  // the stand-in for a model finds all pictures rather alike
  for (const char* const name : {"1.tiff", "2.tiff", "3.tiff"}) EXPECT_EQ(suggested(name), "Seven");
  EXPECT_EQ(suggested("0.tiff"), "") << "it bears the name";
}

TEST_F(CategoriesTest, AnImageWithoutACategorySuggestsNothing) {
  add_picture(1);
  const auto library = open();
  ASSERT_TRUE(ingest(**library, {.roots = {pictures()}}, {}));
  const ImageId image = 1;
  EXPECT_EQ(*suggest_categories(**library, {&image, 1}), 0);
}

TEST_F(CategoriesTest, AnImageWithoutAVectorIsNamedAndSuggestsNothing) {
  add_picture(1);
  const auto library = open();
  ASSERT_TRUE(ingest(**library, {.roots = {pictures()}}, {}));
  Catalog& catalog = (*library)->catalog();
  const ModelId model = catalog.active_model()->value().id;
  ASSERT_TRUE(catalog.commit(
      std::vector<IngestResult>{
          {.path = "/x.png", .info = {.format = "png"}, .embedding = std::vector<Half>(12)}},
      model));
  const auto suggested = name_category(**library, 2, "Two");
  ASSERT_TRUE(suggested) << suggested.error().message;
  EXPECT_EQ(*suggested, 0);
  const ImageId image = 2;
  EXPECT_EQ(catalog.texts({&image, 1})->at(0).category, "Two");
}

}  // namespace
}  // namespace mimeme
