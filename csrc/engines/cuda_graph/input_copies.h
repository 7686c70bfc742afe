// InputCopies: enqueues how one input of a batch comes to the device: each request's rows from where they lie, and
// zeros for the padding of the bucket.
#pragma once

#include <cstddef>

#include "base/status.h"
#include "cuda/pinned_allocator.h"
#include "cuda/stream.h"
#include "engines/cuda_graph/graph_counters.h"
#include "inference/scattered_tensor.h"

namespace pyserver {

class InputCopies {
 public:
  // All must outlive this.
  InputCopies(const cuda::PinnedAllocator& pinned, GraphCounters& counters) : pinned_(pinned), counters_(counters) {}

  // Copies the parts of `input` to `to`, one after another, and makes what follows up to `bucket_bytes` zero: whatever
  // an earlier batch left there, or a graph that works in place, does not reach this one. Parts on the device are
  // copied there, since a graph reads a fixed address; nothing of them crosses the bus.
  // The parts must stay as they are until the stream has come past the copies. INTERNAL where they are not
  // `input_bytes` together.
  Status enqueue(cuda::Stream& stream, const ScatteredTensor& input, CUdeviceptr to, std::size_t input_bytes,
                 std::size_t bucket_bytes);

 private:
  const cuda::PinnedAllocator& pinned_;
  GraphCounters& counters_;
};

}  // namespace pyserver
