// How sums of pixels are rounded: as in csrc/ops/resample/weigh.h, which says whose arithmetic each is. `Weight` is the
// type of the table's numbers; a sum begins as start(), add() takes a tap in, end() is the element. The taps of a pixel
// come in their order, and each step is rounded.
#pragma once

#include "numbers.cuh"

__device__ inline Uint8 limited(Int32 value) { return value < 0 ? 0 : value > 255 ? 255 : Uint8(value); }

struct PillowBytes {
  using Sum = Int32;
  __device__ static Sum start() { return 1 << 21; }
  __device__ static Sum add(Sum sum, Uint8 pixel, Int32 weight) { return sum + pixel * weight; }
  __device__ static Uint8 end(Sum sum, Int32) { return limited(sum >> 22); }
};

struct Floats {
  using Sum = double;
  __device__ static Sum start() { return 0; }
  __device__ static Sum add(Sum sum, float pixel, double weight) { return sum + pixel * weight; }
  __device__ static float end(Sum sum, double) { return float(sum); }
};

struct BytesToSums {
  using Sum = Int32;
  __device__ static Sum start() { return 0; }
  __device__ static Sum add(Sum sum, Uint8 pixel, Int32 weight) { return sum + pixel * weight; }
  __device__ static Int32 end(Sum sum, Int32) { return sum; }
};

struct LinearSums {
  using Sum = Int32;
  __device__ static Sum start() { return 2; }
  __device__ static Sum add(Sum sum, Int32 pixel, Int32 weight) { return sum + (((pixel >> 4) * weight) >> 16); }
  __device__ static Uint8 end(Sum sum, Int32) { return limited(sum >> 2); }
};

struct Sums {
  using Sum = Int32;
  __device__ static Sum start() { return 1 << 21; }
  __device__ static Sum add(Sum sum, Int32 pixel, Int32 weight) { return sum + pixel * weight; }
  __device__ static Uint8 end(Sum sum, Int32) { return limited(sum >> 22); }
};

struct BytesToFloats {
  using Sum = float;
  __device__ static Sum start() { return 0; }
  __device__ static Sum add(Sum sum, Uint8 pixel, float weight) { return sum + pixel * weight; }
  __device__ static float end(Sum sum, float) { return sum; }
};

struct FloatsToBytes {
  using Sum = float;
  __device__ static Sum start() { return 0; }
  __device__ static Sum add(Sum sum, float pixel, float weight) { return sum + pixel * weight; }
  __device__ static Uint8 end(Sum sum, float) { return limited(Int32(rintf(sum))); }
};

// All taps of a row have one weight: the sum is weighed, not the taps.
struct SumsOfFloats {
  using Sum = float;
  __device__ static Sum start() { return 0; }
  __device__ static Sum add(Sum sum, float pixel, float) { return sum + pixel; }
  __device__ static Uint8 end(Sum sum, float weight) { return limited(Int32(rintf(sum * weight))); }
};
