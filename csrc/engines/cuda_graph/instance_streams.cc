#include "engines/cuda_graph/instance_streams.h"

#include <utility>

namespace pyserver {

Result<std::unique_ptr<InstanceStreams>> InstanceStreams::create(const cuda::Device& device) {
  auto in = cuda::Stream::create(device);
  if (!in.ok()) return std::move(in).status();
  auto compute = cuda::Stream::create(device);
  if (!compute.ok()) return std::move(compute).status();
  auto out = cuda::Stream::create(device);
  if (!out.ok()) return std::move(out).status();
  return std::unique_ptr<InstanceStreams>(new InstanceStreams(*std::move(in), *std::move(compute), *std::move(out)));
}

Status InstanceStreams::drain() {
  Status first;
  for (cuda::Stream* stream : {&copy_in, &compute, &copy_out}) {
    Status status = stream->synchronize();
    if (first.ok()) first = std::move(status);
  }
  return first;
}

}  // namespace pyserver
