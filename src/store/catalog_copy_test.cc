#include <gtest/gtest.h>

#include "store/catalog.h"
#include "store/catalog_test_util.h"

namespace mimeme {
namespace {

const Catalog::Progress kQuiet = [](const std::string&, int64_t, int64_t) {};

class CopyTest : public CatalogTest {
 protected:
  // With a row in every table that is copied, and nulls where there may be some.
  std::unique_ptr<Catalog> full() {
    auto catalog = open();
    commit(*catalog, {picture("/a\xFF", "a"), picture("/b", "b"), failure("/c", "truncated")});
    must(catalog->add_root("/"));
    must(catalog->put_readings(
        "reader",
        std::vector<Catalog::Reading>{{.id = 1, .lines = {{.text = "über", .confidence = 0.5f}}}}));
    must(catalog->describe(1, "what it shows"));
    must(catalog->set_category(1, "Cats"));
    must(catalog->suggest_categories(
        std::vector<CategorySuggestion>{{.id = 2, .name = "Cats", .similarity = 0.75f}}));
    const auto text = must(catalog->texts(std::vector<ImageId>{1}))[0];
    must(catalog->put_text_embeddings(
        model_, std::vector<Catalog::TextEmbedding>{
                    {.id = 1, .text_seq = text.seq, .vector = {5, 6, 7, 8}}}));
    must(catalog->say_not_duplicates(1, std::vector<ImageId>{2}));
    must(catalog->add_access_key({.hash = sha_of("k"), .name = "k", .created_at_us = 1234567}));
    commit(*catalog, {picture("/gone", "gone")});
    must(catalog->remove_path("/gone"));
    project(*catalog, {1, 2});
    return catalog;
  }

  // In a file beside, or in a schema of its own.
  std::string other() const {
    return other_.is_on_server() ? other_.address() : (directory_ / "other.duckdb").string();
  }

 private:
  TestSchema other_;
};

TEST_F(CopyTest, AllThatIsNotDerivedArrives) {
  const auto catalog = full();
  const auto copy = must(Catalog::open(other(), Catalog::Access::kReadWrite));
  const auto copied = must(catalog->copy_to(*copy, kQuiet));
  for (const auto& table : copied) EXPECT_GT(table.rows, 0) << table.table;
  EXPECT_EQ(must(catalog->digests(kQuiet)), copied);
  EXPECT_EQ(must(copy->digests(kQuiet)), copied);
  EXPECT_EQ(must(copy->check()), Strings{});
  EXPECT_EQ(id_of(*copy, "/a\xFF"), 1);
  EXPECT_EQ(must(copy->failed_files(9)).size(), 1U);
  EXPECT_EQ(must(copy->access_keys())[0].created_at_us, 1234567);

  // The vectors are the library's to make again, with the projection that came along.
  EXPECT_EQ(must(copy->counts()).vectors, 0);
  must(copy->add_vectors(current(*copy), two_floats({1, 2})));
  EXPECT_EQ(must(copy->vector(2)).value(), (Floats{2, 0}));
}

TEST_F(CopyTest, AnyChangeShowsInTheDigests) {
  const auto catalog = full();
  const auto before = must(catalog->digests(kQuiet));
  must(catalog->describe(1, "what it showed"));
  const auto after = must(catalog->digests(kQuiet));
  Strings changed;
  for (size_t i = 0; i < before.size(); ++i)
    if (before[i] != after[i]) changed.push_back(before[i].table);
  EXPECT_EQ(changed, (Strings{"counters", "texts", "descriptions"}));
}

TEST_F(CopyTest, OnlyIntoAnEmptyOneAndAsAWholeOrNotAtAll) {
  const auto catalog = full();
  const auto copy = must(Catalog::open(other(), Catalog::Access::kReadWrite));
  std::stop_source stop;
  const Catalog::Progress stop_late = [&](const std::string& table, int64_t, int64_t) {
    if (table == "embeddings") stop.request_stop();
  };
  EXPECT_EQ(catalog->copy_to(*copy, stop_late, stop.get_token()).error().code,
            ErrorCode::kCancelled);
  EXPECT_EQ(must(copy->counts()).images, 0);
  must(catalog->copy_to(*copy, kQuiet));
  EXPECT_EQ(catalog->copy_to(*copy, kQuiet).error().code, ErrorCode::kConflict);
  EXPECT_EQ(must(copy->counts()).images, 2);
}

}  // namespace
}  // namespace mimeme
