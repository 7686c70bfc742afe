// x / max(length, kEpsilon) along lines, length being the root of the sum of squares, computed in double.
#include "lines.cuh"

using Number = Computed<In>;

struct Sum {
  __device__ double operator()(double a, double b) const { return a + b; }
};

extern "C" __global__ void device_op(const In* __restrict__ in, Out* __restrict__ out, Int64 rows) {
  rewrite_lines(in, out, rows, [](auto number) {
    double squares = 0;
    for (Uint32 at = rank_in_team(); at < kLength; at += kTeam) squares += double(number(at)) * number(at);
    const double length = sqrt(over_team(squares, Sum()));
    const double factor = 1 / (length < kEpsilon ? kEpsilon : length);
    return [factor](Number x) { return Number(x * factor); };
  });
}
