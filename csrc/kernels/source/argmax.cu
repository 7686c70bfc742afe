// Where the largest number lies along lines: the first of several; the first NaN where there is one.
#include "lines.cuh"

using Number = decltype(number_of(In()));

struct Best {
  Number number;
  Uint32 place;
};

__device__ inline bool beats(Number challenger, Number best) {
  return challenger > best || (challenger != challenger && best == best);
}

struct Better {
  __device__ Best operator()(const Best& a, const Best& b) const {
    if (beats(a.number, b.number)) return a;
    if (beats(b.number, a.number)) return b;
    return a.place < b.place ? a : b;
  }
};

extern "C" __global__ void device_op(const In* __restrict__ in, Out* __restrict__ out, Int64 rows) {
  const Uint32 line = line_of_thread();
  if (line >= kLines) return;
  for (Int64 row = blockIdx.y; row < rows; row += gridDim.y) {
    const In* const from = in + row * kRowElements;
    const auto at_place = [&](Uint32 at) { return Best{number_of(from[element_of_line(line, at)]), at}; };
    Best best = at_place(rank_in_team() < kLength ? rank_in_team() : 0);
    for (Uint32 at = rank_in_team() + kTeam; at < kLength; at += kTeam) best = Better()(best, at_place(at));
    best = over_team(best, Better());
    if (rank_in_team() == 0) out[row * kLines + line] = best.place;
  }
}
