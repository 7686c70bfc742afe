// Ops that look at one element at a time, as one pass: element `at` of the input becomes element place_of(at).
//
// What comes before it: In, Out, kElements of a row; value_of(x, at); kMoves, whether place_of() is another place; kPack,
// how many elements a thread takes: 1 where they move, or rows do not begin at whole packs.
#include "numbers.cuh"

extern "C" __global__ void device_op(const In* __restrict__ in, Out* __restrict__ out, Int64 rows) {
  const Uint32 first = (blockIdx.x * blockDim.x + threadIdx.x) * kPack;
  if (first >= kElements) return;
  for (Int64 row = blockIdx.y; row < rows; row += gridDim.y) {
    const In* const from = in + row * kElements;
    Out* const to = out + row * kElements;
    if constexpr (kMoves) {
      to[place_of(first)] = value_of(from[first], first);
    } else {
      const auto taken = *reinterpret_cast<const Pack<In, kPack>*>(from + first);
      Pack<Out, kPack> made;
#pragma unroll
      for (int at = 0; at < kPack; ++at) made.elements[at] = value_of(taken.elements[at], first + at);
      *reinterpret_cast<Pack<Out, kPack>*>(to + first) = made;
    }
  }
}
