// Lanes: while one batch executes, the next one's inputs are copied; and nobody waits for the device meanwhile.
#include <thread>

#include "cuda_graph/device_models.h"

namespace pyserver::test {
namespace {

class OverlapTest : public DeviceTest {
 protected:
  std::thread execute_on(std::size_t lane, float first) {
    return std::thread([this, lane, first] {
      std::vector<float> y;
      EXPECT_TRUE(execute(counted(2, first), y, lane).ok());
      EXPECT_EQ(y, doubled(counted(2, first)));
    });
  }
  static void await(const cuda::Event& event) {
    while (true) {
      const Result<bool> reached = event.reached();
      ASSERT_TRUE(reached.ok());
      if (*reached) return;
      std::this_thread::yield();
    }
  }
};

TEST_F(OverlapTest, TheNextBatchIsCopiedWhileOneExecutes) {
  ASSERT_TRUE(begin(scale_options(2)).ok());
  record_all(&scale);
  Lane& first = builder->lane(0);
  Lane& second = builder->lane(1);
  finish();
  ASSERT_EQ(first.streams, second.streams);
  std::vector<float> y;
  ASSERT_TRUE(execute(counted(1), y, 0).ok());
  ASSERT_TRUE(execute(counted(1), y, 1).ok());

  const CUstream compute = first.streams->compute.get();
  const std::size_t enqueued = fakeCalls("cuLaunchHostFunc");
  fakeHoldStream(compute);
  std::thread executing = execute_on(0, 1);
  std::thread copying = execute_on(1, 100);
  // The last call of each batch.
  while (fakeCalls("cuLaunchHostFunc") < enqueued + 2) std::this_thread::yield();
  await(first.events.copied_in);
  await(second.events.copied_in);
  // Both batches are on the device, and none was executed.
  EXPECT_FALSE(*first.events.computed.reached());
  EXPECT_FALSE(*second.events.computed.reached());
  fakeReleaseStream(compute);
  executing.join();
  copying.join();
}

TEST_F(OverlapTest, NothingOnTheWayWaitsForTheDevice) {
  serve(scale_options(4));
  std::vector<float> y;
  ASSERT_TRUE(execute(counted(1), y).ok());
  constexpr const char* kWaiting[] = {"cuStreamSynchronize", "cuEventSynchronize", "cuCtxSynchronize", "cuMemcpy",
                                      "cuMemcpyHtoD_v2",     "cuMemcpyDtoH_v2",    "cuMemAlloc_v2",    "cuMemFree_v2",
                                      "cuMemHostAlloc",      "cuMemFreeHost"};
  std::vector<std::size_t> before;
  for (const char* function : kWaiting) before.push_back(fakeCalls(function));
  const std::size_t pageable = fakePageableCopies();
  for (int round = 0; round < 20; ++round) ASSERT_TRUE(execute(counted(1 + round % 4), y).ok());
  for (std::size_t index = 0; index < std::size(kWaiting); ++index) {
    EXPECT_EQ(fakeCalls(kWaiting[index]), before[index]) << kWaiting[index];
  }
  EXPECT_EQ(fakePageableCopies(), pageable);
}

TEST_F(OverlapTest, TheTimeOfEachPartIsMeasured) {
  serve(scale_options(1), [](const Lane& lane, std::int64_t rows) {
    const std::uint64_t microseconds = 2000;
    const FakeAccess input{lane.buffers.input(0), 4, FAKE_READ};
    PYSERVER_RETURN_IF_ERROR(launched(
        fakeLaunchNamed(lane.streams->compute.get(), "spin_us", &microseconds, sizeof microseconds, &input, 1)));
    return enqueue_scale(lane, rows);
  });
  std::vector<float> y;
  ASSERT_TRUE(execute(counted(1), y).ok());
  EXPECT_GE(counter("compute_ns"), 2'000'000u);
  EXPECT_GT(counter("enqueue_ns"), 0u);
  EXPECT_GT(counter("device_memory_bytes"), 0u);
}

}  // namespace
}  // namespace pyserver::test
