// One pass of resizing: each element is a weighted sum of those of its line, or of its column.
//
// What comes before it: In, Out, Rule; kAlongLines; the source's kSourceHeight and kSourceWidth, the target's kHeight
// and kWidth, kChannels; the tables kFirst, kCount and kWeights (kTaps of them a pixel); row_of(y), which row of the
// source a line is.
#include "numbers.cuh"

constexpr Uint32 kElements = kHeight * kWidth * kChannels;

extern "C" __global__ void device_op(const In* __restrict__ in, Out* __restrict__ out, Int64 rows) {
  const Uint32 element = blockIdx.x * blockDim.x + threadIdx.x;
  if (element >= kElements) return;
  const Uint32 channel = element % kChannels;
  const Uint32 x = element / kChannels % kWidth;
  const Uint32 y = element / kChannels / kWidth;
  const Uint32 pixel = kAlongLines ? x : y;
  const Uint32 first = kFirst[pixel];
  const Uint32 source = kAlongLines ? (row_of(y) * kSourceWidth + first) * kChannels + channel
                                    : (first * kSourceWidth + x) * kChannels + channel;
  constexpr Uint32 step = kAlongLines ? kChannels : kSourceWidth * kChannels;
  const auto* const weights = kWeights + pixel * kTaps;
  for (Int64 row = blockIdx.y; row < rows; row += gridDim.y) {
    const In* const from = in + row * kSourceHeight * kSourceWidth * kChannels + source;
    auto sum = Rule::start();
    for (Uint32 tap = 0; tap < kCount[pixel]; ++tap) sum = Rule::add(sum, from[tap * step], weights[tap]);
    out[row * kElements + element] = Rule::end(sum, weights[0]);
  }
}
