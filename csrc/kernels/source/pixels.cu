// Ops that look at one element at a time, as one pass from [pixels, channels] to [channels, pixels]: a picture of UINT8
// HWC becomes FP32 CHW without going through memory in between.
//
// What comes before it: In, Out, kPixels, kChannels (at most 4); value_of(x, at), `at` being the channel; kPack, how many
// pixels a thread takes: 1 where rows or planes do not begin at whole packs.
#include "numbers.cuh"

extern "C" __global__ void device_op(const In* __restrict__ in, Out* __restrict__ out, Int64 rows) {
  const Uint32 first = (blockIdx.x * blockDim.x + threadIdx.x) * kPack;
  if (first >= kPixels) return;
  for (Int64 row = blockIdx.y; row < rows; row += gridDim.y) {
    const In* const from = in + (row * kPixels + first) * kChannels;
    Out* const to = out + row * kPixels * kChannels + first;
    Pack<In, kPack> taken[kChannels];
#pragma unroll
    for (int at = 0; at < kChannels; ++at) taken[at] = reinterpret_cast<const Pack<In, kPack>*>(from)[at];
#pragma unroll
    for (int channel = 0; channel < kChannels; ++channel) {
      Pack<Out, kPack> made;
#pragma unroll
      for (int pixel = 0; pixel < kPack; ++pixel) {
        const int at = pixel * kChannels + channel;
        made.elements[pixel] = value_of(taken[at / kPack].elements[at % kPack], channel);
      }
      *reinterpret_cast<Pack<Out, kPack>*>(to + channel * kPixels) = made;
    }
  }
}
