// How work is checked and put into a stream, or recorded in the graph that the stream captures.
#pragma once

#include <memory>

#include "call.h"

namespace fake_cuda {

// "cuMemcpyHtoDAsync_v2 (call 12, stream 2)".
Label label_on(const Call& call, const Stream& stream);

// Checks each range of `work`, as of what happens at `clock`, which is `time` of `agent`: that the memory lives, is
// large enough and of the device, and that no other access conflicts. Fills `step`; false after a fault, which the call
// then returns.
bool prepare(Call& call, const Work& work, const Clock& clock, Agent agent, std::uint64_t time, Step& step);

// Checked and put into the stream; recorded where it captures.
CUresult enqueue(Call& call, const std::shared_ptr<Stream>& stream, Work work);

// Puts a point into the stream, after all that is there.
std::shared_ptr<Point> enqueue_point(Call& call, Stream& stream);
void enqueue_wait(Stream& stream, std::shared_ptr<Point> point);

// Blocks without the mutex; afterwards the host knows what came before the point.
CUresult wait_on_host(Call& call, const std::shared_ptr<Point>& point);

// Runs the stream until it is destroyed and empty, on a thread of its own.
void run_stream(std::shared_ptr<Stream> stream);

}  // namespace fake_cuda
