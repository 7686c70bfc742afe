// The kTop highest of each line that lies along the last axis, the highest first: pairs of FP64, the number and its
// index. Of equal numbers the lowest index comes first; NaN comes after all numbers.
#include "lines.cuh"

using Number = decltype(number_of(In()));

struct Candidate {
  Number number;
  Uint32 index;  // kLength and more: there is none
};

__device__ inline bool stands_before(const Candidate& a, const Candidate& b) {
  if (a.index >= kLength || b.index >= kLength) return a.index < b.index;
  const bool a_nan = a.number != a.number;
  const bool b_nan = b.number != b.number;
  if (a_nan != b_nan) return b_nan;
  if (a_nan) return a.index < b.index;
  return a.number > b.number || (a.number == b.number && a.index < b.index);
}

struct First {
  __device__ Candidate operator()(const Candidate& a, const Candidate& b) const { return stands_before(a, b) ? a : b; }
};

extern "C" __global__ void device_op(const In* __restrict__ in, Out* __restrict__ out, Int64 rows) {
  const Uint32 line = line_of_thread();
  if (line >= kLines) return;
  for (Int64 row = blockIdx.y; row < rows; row += gridDim.y) {
    const In* const from = in + row * kRowElements + line * kLength;
    Out* const to = out + (row * kLines + line) * (2 * kTop);
    Candidate last{};
    // In each round the first of those that stand behind the round before.
    for (Uint32 round = 0; round < kTop; ++round) {
      Candidate best{Number(), kLength};
      for (Uint32 at = rank_in_team(); at < kLength; at += kTeam) {
        const Candidate candidate{number_of(from[at]), at};
        if (round == 0 || stands_before(last, candidate)) best = First()(candidate, best);
      }
      last = over_team(best, First());
      if (rank_in_team() == 0) {
        to[2 * round] = double(last.number);
        to[2 * round + 1] = double(last.index);
      }
    }
  }
}
