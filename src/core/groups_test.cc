#include "core/groups.h"

#include <gtest/gtest.h>

namespace mimeme {
namespace {

class LinkTable {
 public:
  void link(ImageId a, ImageId b, float similarity = 0.8F) {
    links[a].push_back({b, similarity});
    links[b].push_back({a, similarity});
  }
  void link_all(const std::vector<ImageId>& ids, float similarity = 0.8F) {
    for (size_t i = 0; i < ids.size(); ++i)
      for (size_t j = 0; j < i; ++j) link(ids[j], ids[i], similarity);
  }
  Links links;
};

TEST(GroupsTest, LinkedIsWhatAnotherLeadsTo) {
  LinkTable table;
  table.link(5, 3);
  table.link(3, 8);
  table.link(1, 2);
  EXPECT_EQ(join_linked(table.links, {}), (Groups{{1, 2}, {3, 5, 8}}));
  EXPECT_EQ(join_linked({}, {}), Groups{});
}

TEST(GroupsTest, WhatIsApartIsNeverLinkedAndTheMoreAlikeIsKept) {
  LinkTable table;
  table.link(1, 2, 0.9F);
  table.link(2, 3, 0.95F);
  EXPECT_EQ(join_linked(table.links, {{1, 3}}), (Groups{{2, 3}}));
  EXPECT_EQ(join_linked(table.links, {{2, 3}}), (Groups{{1, 2}}));
}

TEST(GroupsTest, AnImageOfTwoTemplatesDoesNotMakeOneOfThem) {
  LinkTable table;
  table.link_all({1, 2, 3, 4});
  table.link_all({5, 6, 7});
  for (ImageId id = 1; id <= 7; ++id) table.link(id, 9, id < 5 ? 0.75F : 0.74F);
  EXPECT_EQ(join_linked(table.links, {}).size(), 1U) << "or there is nothing to tell";
  EXPECT_EQ(join_close(table.links), (Groups{{1, 2, 3, 4, 9}, {5, 6, 7}}));
}

TEST(GroupsTest, AChainIsCutAndALinkOrTwoMayBeMissing) {
  LinkTable chain;
  for (ImageId id = 1; id < 8; ++id) chain.link(id, id + 1, 0.8F - 0.001F * static_cast<float>(id));
  for (const auto& members : join_close(chain.links)) EXPECT_EQ(members.size(), 2U);
  LinkTable holes;
  holes.link_all({1, 2, 3}, 0.85F);
  holes.link_all({4, 5, 6}, 0.84F);
  for (const ImageId id : {4, 5}) {  // six of nine
    holes.link(1, id);
    holes.link(2, id);
    holes.link(3, id);
  }
  EXPECT_EQ(join_close(holes.links), (Groups{{1, 2, 3, 4, 5, 6}}));
}

}  // namespace
}  // namespace mimeme
