// The environment fails: whatever call of the driver does, its name comes up, and nothing stays behind.
#include <optional>

#include "cuda/pinned_allocator.h"
#include "cuda_fixtures.h"

namespace pyserver::cuda {
namespace {

class FailuresTest : public CudaTest {
 protected:
  struct Objects {
    std::optional<Stream> stream;
    std::optional<Event> event;
    DeviceBuffer memory;
    std::optional<Graph> graph;
    std::optional<Graph> composed;
    std::optional<GraphExec> exec;
  };

  template <typename T, typename Kept>
  static Status keep(Result<T> result, Kept& kept) {
    if (!result.ok()) return std::move(result).status();
    kept = *std::move(result);
    return {};
  }

  // About what an instance does when it is loaded, and for one batch.
  Status use_everything(Objects& made) {
    PYSERVER_RETURN_IF_ERROR(keep(Stream::create(*device_), made.stream));
    PYSERVER_RETURN_IF_ERROR(keep(Event::create(*device_), made.event));
    PYSERVER_RETURN_IF_ERROR(keep(DevicePool::create(device_, "model")->take(64), made.memory));
    PYSERVER_RETURN_IF_ERROR(begin_capture(*made.stream));
    const Status recorded = fill(*made.stream, made.memory.address(), std::byte{1}, 64);
    PYSERVER_RETURN_IF_ERROR(keep(end_capture(*made.stream), made.graph));
    PYSERVER_RETURN_IF_ERROR(recorded);
    const std::array<const Graph*, 2> twice = {&*made.graph, &*made.graph};
    PYSERVER_RETURN_IF_ERROR(keep(Graph::compose(*device_, twice), made.composed));
    PYSERVER_RETURN_IF_ERROR(keep(GraphExec::instantiate(*device_, *made.composed), made.exec));
    PYSERVER_RETURN_IF_ERROR(made.exec->upload(*made.stream));
    PYSERVER_RETURN_IF_ERROR(made.exec->launch(*made.stream));
    PYSERVER_RETURN_IF_ERROR(made.stream->record(*made.event));
    PYSERVER_RETURN_IF_ERROR(made.stream->call_on_host([this] { ++host_calls_; }));
    PYSERVER_RETURN_IF_ERROR(made.event->synchronize());
    PYSERVER_RETURN_IF_ERROR(made.event->reached().status());
    return made.stream->synchronize();
  }

  int host_calls_ = 0;
};

TEST_F(FailuresTest, EveryCallThatFailsIsToldAndNothingLeaks) {
  const ContextScope scope(*device_);
  std::size_t failing = 0;
  for (bool failed = true; failed; ++failing) {
    fakeFailCall("", failing, CUDA_ERROR_UNKNOWN);
    {
      Objects made;
      const Status status = use_everything(made);
      fakeFailCall("", 0, CUDA_SUCCESS);
      failed = !status.ok();
      if (failed) {
        EXPECT_TRUE(status.message().ends_with(": CUDA_ERROR_UNKNOWN (999): unknown error")) << status.message();
      }
      if (made.stream) {
        EXPECT_TRUE(made.stream->synchronize().ok());
      }
    }
    expect_faults({});
    ASSERT_EQ(fakeReportLeaks(), 1U) << "the context alone, after call " << failing;
    fakeClearFaults();
  }
  EXPECT_GT(failing, 15U);
}

TEST_F(FailuresTest, AContextThatCannotBeMadeCurrentFailsTheCall) {
  Stream stream = this->stream();
  fakeFailCall("cuCtxPushCurrent_v2", 0, CUDA_ERROR_UNKNOWN);
  EXPECT_EQ(stream.synchronize().message(), "using the context of GPU 0: CUDA_ERROR_UNKNOWN (999): unknown error");
}

}  // namespace
}  // namespace pyserver::cuda
