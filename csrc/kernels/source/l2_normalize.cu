// x / max(length, kEpsilon) along lines, length being the root of the sum of squares, computed in double.
#include "lines.cuh"

using Number = Computed<In>;

struct Sum {
  __device__ double operator()(double a, double b) const { return a + b; }
};

extern "C" __global__ void device_op(const In* __restrict__ in, Out* __restrict__ out, Int64 rows) {
  const Uint32 line = line_of_thread();
  if (line >= kLines) return;
  for (Int64 row = blockIdx.y; row < rows; row += gridDim.y) {
    const In* const from = in + row * kRowElements;
    Out* const to = out + row * kRowElements;
    const auto number = [&](Uint32 at) { return converted<Number>(from[element_of_line(line, at)]); };
    double squares = 0;
    for (Uint32 at = rank_in_team(); at < kLength; at += kTeam) squares += double(number(at)) * number(at);
    const double length = sqrt(over_team(squares, Sum()));
    const double factor = 1 / (length < kEpsilon ? kEpsilon : length);
    for (Uint32 at = rank_in_team(); at < kLength; at += kTeam) {
      to[element_of_line(line, at)] = converted<Out>(Number(number(at) * factor));
    }
  }
}
