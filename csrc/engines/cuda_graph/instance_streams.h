// InstanceStreams: the three queues of one instance on a device: copies in, execution, copies out. They run at the same
// time, each for another batch, and are ordered by events only.
#pragma once

#include <memory>
#include <mutex>

#include "base/status.h"
#include "cuda/stream.h"

namespace pyserver {

struct InstanceStreams {
  static Result<std::unique_ptr<InstanceStreams>> create(const cuda::Device& device);

  // Waits until all three are empty. The error of the device where it has failed.
  Status drain();

  cuda::Stream copy_in;
  cuda::Stream compute;
  cuda::Stream copy_out;
  // Held by the lane that enqueues a batch, so that all three queues have the batches in the same order, and a copy of
  // the next one never stands between two of this one.
  std::mutex enqueueing;

 private:
  InstanceStreams(cuda::Stream in, cuda::Stream execute, cuda::Stream out)
      : copy_in(std::move(in)), compute(std::move(execute)), copy_out(std::move(out)) {}
};

}  // namespace pyserver
