// A picture of another size by picking, for each pixel, one of the source.
//
// What comes before it: In; kSourceHeight, kSourceWidth, kHeight, kWidth, kChannels; kColumnOf, kRowOf.
#include "numbers.cuh"

constexpr Uint32 kElements = kHeight * kWidth * kChannels;

extern "C" __global__ void device_op(const In* __restrict__ in, In* __restrict__ out, Int64 rows) {
  const Uint32 element = blockIdx.x * blockDim.x + threadIdx.x;
  if (element >= kElements) return;
  const Uint32 pixel = element / kChannels;
  const Uint32 source = (kRowOf[pixel / kWidth] * kSourceWidth + kColumnOf[pixel % kWidth]) * kChannels;
  for (Int64 row = blockIdx.y; row < rows; row += gridDim.y) {
    out[row * kElements + element] =
        in[row * kSourceHeight * kSourceWidth * kChannels + source + element % kChannels];
  }
}
