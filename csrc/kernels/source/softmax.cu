// exp(x - max) / sum along lines. All NaN where one of them is NaN, the largest is infinite, or all are -infinity.
#include "lines.cuh"

using Number = Computed<In>;

struct Larger {
  __device__ Number operator()(Number a, Number b) const { return a != a || a > b ? a : b; }
};
struct Sum {
  __device__ Number operator()(Number a, Number b) const { return a + b; }
};

extern "C" __global__ void device_op(const In* __restrict__ in, Out* __restrict__ out, Int64 rows) {
  rewrite_lines(in, out, rows, [](auto number) {
    Number largest = number(rank_in_team() < kLength ? rank_in_team() : 0);
    for (Uint32 at = rank_in_team() + kTeam; at < kLength; at += kTeam) largest = Larger()(number(at), largest);
    largest = over_team(largest, Larger());
    // The difference to itself of what is not finite is NaN.
    const Number shift = largest - largest == 0 ? largest : largest - largest;
    Number sum = 0;
    for (Uint32 at = rank_in_team(); at < kLength; at += kTeam) sum += exp(number(at) - shift);
    sum = over_team(sum, Sum());
    return [shift, sum](Number x) { return exp(x - shift) / sum; };
  });
}
