#include "processing/row_threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>

namespace pyserver {
namespace {

TEST(RowThreadsTest, EveryRowIsDoneOnceWhateverTheNumberOfThreads) {
  for (const std::size_t count : {1U, 2U, 5U}) {
    RowThreads threads(count);
    EXPECT_EQ(threads.count(), count);
    for (const std::size_t rows : {0U, 1U, 2U, 7U, 1000U}) {
      std::vector<std::atomic<int>> done(rows);
      threads.for_each(rows, [&](std::size_t thread, std::size_t row) {
        EXPECT_LT(thread, count);
        done[row] += 1;
      });
      for (const auto& times : done) EXPECT_EQ(times, 1);
    }
  }
}

TEST(RowThreadsTest, RowsAreDoneAtTheSameTimeByDifferentThreads) {
  RowThreads threads(3);
  // Each row waits for the two others: this ends only where three threads work.
  std::latch all(3);
  std::vector<std::atomic<int>> used(3);
  threads.for_each(3, [&](std::size_t thread, std::size_t) {
    used[thread] += 1;
    all.arrive_and_wait();
  });
  for (const auto& times : used) EXPECT_EQ(times, 1);
}

}  // namespace
}  // namespace pyserver
