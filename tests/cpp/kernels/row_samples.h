// Rows of any datatype, with the numbers that are easily got wrong; and how what comes out is compared.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/host_kernels.h"

namespace pyserver::testing {

enum class Odd { kNone, kSome };  // NaN, infinities, zeros of both signs, subnormal numbers, in one of ten places

// Floats around 0; of integers all that there are.
Rows random_rows(Datatype datatype, const Shape& shape, std::int64_t count, std::uint32_t seed, Odd odd = Odd::kNone);
// Floats of which many are equal.
Rows rows_with_ties(Datatype datatype, const Shape& shape, std::int64_t count, std::uint32_t seed);

// To the last bit, but that any NaN is as good as another.
void expect_identical(const Rows& got, const Rows& expected);
// Floats: NaN and infinities in the same places, all else nearer than `tolerance` times the larger of 1 and the number.
void expect_close(const Rows& got, const Rows& expected, double tolerance);

// What a row's elements are, as doubles: floats exactly.
std::vector<double> numbers_of(const Rows& rows);

}  // namespace pyserver::testing
