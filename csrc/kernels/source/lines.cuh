// Lines of elements along one axis of a row, and the teams of threads that look at them.
//
// What comes before it: In, Out; kOuter groups of kInner lines, each kLength elements that are kInner apart; kTeam, how
// many threads look at a line: a whole block, or one.
#pragma once

#include "numbers.cuh"

constexpr Uint32 kLines = kOuter * kInner;
constexpr Uint32 kRowElements = kLines * kLength;

// Of this thread's team in its row. Beyond the last line there is nothing to do; of a block that is one team, all
// threads agree on that.
__device__ inline Uint32 line_of_thread() {
  return kTeam == 1 ? blockIdx.x * blockDim.x + threadIdx.x : blockIdx.x;
}
__device__ inline Uint32 rank_in_team() { return kTeam == 1 ? 0 : threadIdx.x; }

// Where the line's element `at` lies in the row.
__device__ inline Uint32 element_of_line(Uint32 line, Uint32 at) {
  return (line / kInner * kLength + at) * kInner + line % kInner;
}

// What `combine` makes of the numbers of all threads of the team, in an order that is always the same; each gets it.
// All threads of a team that is a block must call it.
template <typename Value, typename Combine>
__device__ inline Value over_team(Value mine, Combine combine) {
  if constexpr (kTeam == 1) {
    return mine;
  } else {
    __shared__ Value values[kTeam];
    __syncthreads();  // until the last call's result has been read
    values[threadIdx.x] = mine;
    for (Uint32 width = kTeam / 2; width > 0; width /= 2) {
      __syncthreads();
      if (threadIdx.x < width) values[threadIdx.x] = combine(values[threadIdx.x], values[threadIdx.x + width]);
    }
    __syncthreads();
    return values[0];
  }
}

// Writes each line of each row anew. `of_line` is called by all threads of a line's team with what gives the line's
// numbers by their places; it returns what makes of a number the one in its place.
template <typename OfLine>
__device__ inline void rewrite_lines(const In* __restrict__ in, Out* __restrict__ out, Int64 rows, OfLine of_line) {
  const Uint32 line = line_of_thread();
  if (line >= kLines) return;
  for (Int64 row = blockIdx.y; row < rows; row += gridDim.y) {
    const In* const from = in + row * kRowElements;
    Out* const to = out + row * kRowElements;
    const auto number = [&](Uint32 at) { return converted<Computed<In>>(from[element_of_line(line, at)]); };
    const auto rewritten = of_line(number);
    for (Uint32 at = rank_in_team(); at < kLength; at += kTeam) {
      to[element_of_line(line, at)] = converted<Out>(rewritten(number(at)));
    }
  }
}
