#include "base/bounded_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace mimeme {
namespace {

TEST(BoundedQueue, EveryItemPassesOnceAndNeverMoreThanTheCapacityWaits) {
  constexpr int kItems = 10'000, kCapacity = 4, kReaders = 3;
  BoundedQueue<int> queue(kCapacity);
  std::atomic<int> waiting = 0, most = 0;
  std::atomic<int64_t> sum = 0;
  {
    std::vector<std::jthread> threads;
    for (int reader = 0; reader < kReaders; ++reader)
      threads.emplace_back([&] {
        while (const auto item = queue.pop()) {
          --waiting;
          sum += *item;
        }
      });
    std::jthread([&] {
      for (int i = 1; i <= kItems; ++i) {
        ASSERT_TRUE(queue.push(i));
        const int now = ++waiting;
        if (now > most) most = now;
      }
      queue.close();
    }).join();
  }
  EXPECT_EQ(sum, int64_t{kItems} * (kItems + 1) / 2);
  EXPECT_LE(most, kCapacity + 1 + kReaders);  // each thread counts just after its push or pop
}

TEST(BoundedQueue, CloseDrainsAndRefuses) {
  BoundedQueue<int> queue(8);
  ASSERT_TRUE(queue.push(1));
  ASSERT_TRUE(queue.push(2));
  queue.close();
  EXPECT_FALSE(queue.push(3));
  EXPECT_EQ(queue.pop_some(10), (std::vector<int>{1, 2}));
  EXPECT_FALSE(queue.pop().has_value());
}

TEST(BoundedQueue, CloseWakesAProducerThatWaitsForRoom) {
  BoundedQueue<int> queue(1);
  ASSERT_TRUE(queue.push(1));
  std::jthread producer([&] { EXPECT_FALSE(queue.push(2)); });
  queue.close();
}

TEST(BoundedQueueTest, TryPushNeverWaits) {
  BoundedQueue<int> queue(1);
  EXPECT_TRUE(queue.try_push(1));
  EXPECT_FALSE(queue.try_push(2));
  EXPECT_EQ(queue.pop(), 1);
  EXPECT_TRUE(queue.try_push(3));
  queue.close();
  EXPECT_FALSE(queue.try_push(4));
  EXPECT_EQ(queue.pop(), 3);
  EXPECT_EQ(queue.pop(), std::nullopt);
}

}  // namespace
}  // namespace mimeme
