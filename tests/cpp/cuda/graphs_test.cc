// Work that is recorded once and launched often.
#include <thread>

#include "cuda_fixtures.h"

namespace pyserver::cuda {
namespace {

class GraphTest : public CudaTest {
 protected:
  // What `enqueue(stream)` enqueues, recorded.
  template <typename Enqueue>
  Result<Graph> recorded(Stream& stream, Enqueue enqueue) {
    PYSERVER_RETURN_IF_ERROR(begin_capture(stream));
    enqueue(stream);
    return end_capture(stream);
  }
  GraphExec ready(const Graph& graph) { return std::move(*GraphExec::instantiate(*device_, graph)); }
  std::byte value_at(Stream& stream, CUdeviceptr address) {
    PinnedBytes host(*device_, 1);
    EXPECT_TRUE(copy_from_device(stream, host.bytes(), address).ok());
    EXPECT_TRUE(stream.synchronize().ok());
    return host.data()[0];
  }
};

TEST_F(GraphTest, RecordingExecutesNothingAndEachLaunchEverything) {
  Stream stream = this->stream();
  const DeviceBuffer a = buffer(64);
  const DeviceBuffer b = buffer(64);
  ASSERT_TRUE(fill(stream, a.address(), std::byte{1}, 64).ok());
  ASSERT_TRUE(fill(stream, b.address(), std::byte{0}, 64).ok());
  const Result<Graph> graph = recorded(stream, [&](Stream& capturing) {
    EXPECT_TRUE(*capturing.capturing());
    EXPECT_TRUE(copy_on_device(capturing, b.address(), a.address(), 64).ok());
  });
  ASSERT_TRUE(graph.ok()) << graph.status().message();
  EXPECT_FALSE(*stream.capturing());
  EXPECT_EQ(*graph->node_count(), 1U);
  EXPECT_EQ(value_at(stream, b.address()), std::byte{0});
  GraphExec exec = ready(*graph);
  EXPECT_TRUE(exec.upload(stream).ok());
  for (const std::byte value : {std::byte{1}, std::byte{2}}) {
    ASSERT_TRUE(fill(stream, a.address(), value, 64).ok());
    ASSERT_TRUE(exec.launch(stream).ok());
    EXPECT_EQ(value_at(stream, b.address() + 63), value);
  }
}

TEST_F(GraphTest, ACaptureForksToAnotherStreamAndJoinsIt) {
  Stream main = stream();
  Stream side = stream();
  const Event forked = event();
  const Event joined = event();
  const DeviceBuffer a = buffer(4);
  const DeviceBuffer b = buffer(4);
  const Result<Graph> graph = recorded(main, [&](Stream&) {
    EXPECT_TRUE(fill(main, a.address(), std::byte{3}, 4).ok());
    EXPECT_TRUE(main.record(forked).ok());
    EXPECT_TRUE(side.wait(forked).ok());
    EXPECT_TRUE(*side.capturing());
    EXPECT_TRUE(copy_on_device(side, b.address(), a.address(), 4).ok());
    EXPECT_TRUE(side.record(joined).ok());
    EXPECT_TRUE(main.wait(joined).ok());
    EXPECT_TRUE(fill(main, a.address(), std::byte{4}, 4).ok());
  });
  ASSERT_TRUE(graph.ok()) << graph.status().message();
  EXPECT_EQ(*graph->node_count(), 3U);
  EXPECT_FALSE(*side.capturing());
  GraphExec exec = ready(*graph);
  ASSERT_TRUE(exec.launch(main).ok());
  EXPECT_EQ(value_at(main, b.address()), std::byte{3});
  EXPECT_EQ(value_at(main, a.address()), std::byte{4});
}

TEST_F(GraphTest, ComposedOfOthersItRunsThemOneAfterAnother) {
  Stream stream = this->stream();
  const DeviceBuffer a = buffer(4);
  const DeviceBuffer b = buffer(4);
  GraphExec exec = [&] {
    const auto first = recorded(stream, [&](Stream& s) { EXPECT_TRUE(fill(s, a.address(), std::byte{7}, 4).ok()); });
    const auto second =
        recorded(stream, [&](Stream& s) { EXPECT_TRUE(copy_on_device(s, b.address(), a.address(), 4).ok()); });
    const std::array<const Graph*, 2> both = {&*first, &*second};
    const Result<Graph> composed = Graph::compose(*device_, both);
    EXPECT_EQ(*composed->node_count(), 2U);
    return ready(*composed);
  }();
  ASSERT_TRUE(exec.launch(stream).ok()) << "the parts are gone, but were copied";
  EXPECT_EQ(value_at(stream, b.address()), std::byte{7});
}

TEST_F(GraphTest, OfSomeoneElseIsNeitherChangedNorReleased) {
  Stream stream = this->stream();
  const DeviceBuffer a = buffer(4);
  const auto owner = recorded(stream, [&](Stream& s) { EXPECT_TRUE(fill(s, a.address(), std::byte{8}, 4).ok()); });
  const Result<Graph> copy = [&] {
    const Graph borrowed = Graph::borrowed(*device_, owner->get());
    EXPECT_EQ(borrowed.get(), owner->get());
    return borrowed.clone();
  }();
  ASSERT_TRUE(copy.ok());
  EXPECT_NE(copy->get(), owner->get());
  EXPECT_EQ(*owner->node_count(), 1U) << "it is still there";
  GraphExec exec = ready(*copy);
  ASSERT_TRUE(exec.launch(stream).ok());
  EXPECT_EQ(value_at(stream, a.address()), std::byte{8});
}

TEST_F(GraphTest, LaunchesOfOneGraphFollowEachOtherOnAnyStream) {
  Stream first = stream();
  Stream second = stream();
  const DeviceBuffer a = buffer(4);
  const auto graph = recorded(first, [&](Stream& s) { EXPECT_TRUE(fill(s, a.address(), std::byte{1}, 4).ok()); });
  GraphExec exec = ready(*graph);
  ASSERT_TRUE(exec.launch(first).ok());
  ASSERT_TRUE(exec.launch(second).ok());
  ASSERT_TRUE(second.synchronize().ok());
}

TEST_F(GraphTest, AStreamThatIsNotJoinedFailsTheCapture) {
  Stream main = stream();
  Stream side = stream();
  const Event forked = event();
  const DeviceBuffer a = buffer(4);
  const Result<Graph> graph = recorded(main, [&](Stream&) {
    EXPECT_TRUE(main.record(forked).ok());
    EXPECT_TRUE(side.wait(forked).ok());
    EXPECT_TRUE(fill(side, a.address(), std::byte{3}, 4).ok());
  });
  ASSERT_FALSE(graph.ok());
  EXPECT_NE(graph.status().message().find("CUDA_ERROR_STREAM_CAPTURE_UNJOINED (904)"), std::string::npos)
      << graph.status().message();
  EXPECT_FALSE(*main.capturing());
}

TEST_F(GraphTest, AnEventFromOutsideFailsTheCapture) {
  Stream main = stream();
  Stream other = stream();
  const Event outside = event();
  ASSERT_TRUE(other.record(outside).ok());
  const Result<Graph> graph = recorded(main, [&](Stream&) {
    const Status waited = main.wait(outside);
    EXPECT_NE(waited.message().find("CUDA_ERROR_STREAM_CAPTURE_ISOLATION"), std::string::npos) << waited.message();
  });
  ASSERT_FALSE(graph.ok());
  EXPECT_NE(graph.status().message().find("CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"), std::string::npos);
}

TEST_F(GraphTest, OtherThreadsGoOnAllocatingDuringACapture) {
  Stream main = stream();
  const DeviceBuffer a = buffer(4);
  const Result<Graph> graph = recorded(main, [&](Stream& s) {
    EXPECT_TRUE(fill(s, a.address(), std::byte{3}, 4).ok());
    std::thread other([&] {
      const DeviceBuffer b = buffer(4);
      Stream stream = this->stream();
      EXPECT_TRUE(fill(stream, b.address(), std::byte{1}, 4).ok());
      EXPECT_TRUE(stream.synchronize().ok());
    });
    other.join();
  });
  EXPECT_TRUE(graph.ok()) << graph.status().message();
}

TEST_F(GraphTest, AFunctionThatIsCalledOnceCannotBeCaptured) {
  Stream main = stream();
  int calls = 0;
  const Result<Graph> graph = recorded(main, [&](Stream& s) {
    EXPECT_EQ(s.call_on_host([] {}).code(), StatusCode::kFailedPrecondition);
    EXPECT_TRUE(s.call_on_host([](void* argument) { ++*static_cast<int*>(argument); }, &calls).ok());
  });
  ASSERT_TRUE(graph.ok()) << graph.status().message();
  GraphExec exec = ready(*graph);
  ASSERT_TRUE(exec.launch(main).ok());
  ASSERT_TRUE(exec.launch(main).ok());
  ASSERT_TRUE(main.synchronize().ok());
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace pyserver::cuda
