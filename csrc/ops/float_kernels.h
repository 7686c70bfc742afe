// Functions of float numbers in place, with the vectors of the machine that runs them (Google Highway chooses).
#pragma once

#include <cstddef>
#include <span>

namespace pyserver {

// exp(x - max) / sum. All NaN where one of them is NaN, the largest is infinite, or all are -infinity: as NumPy's
// arithmetic has it.
void softmax(std::span<float> numbers);
void softmax(std::span<double> numbers);

// The same for `width` lines, of which those numbers that have one place in their lines are back to back. The width is
// a multiple of 64, so whole vectors.
void softmax_side_by_side(float* numbers, std::size_t length, std::size_t width);
void softmax_side_by_side(double* numbers, std::size_t length, std::size_t width);

// 1 / (1 + exp(-x)), without overflow on the way.
void sigmoid(std::span<float> numbers);
void sigmoid(std::span<double> numbers);

// round(x * power) / power, or round(x / power) * power where `before_point`: to the nearest, ties to even.
void round_to_even(std::span<float> numbers, float power, bool before_point);
void round_to_even(std::span<double> numbers, double power, bool before_point);

// The sum of the squares, each computed and added in double.
double sum_of_squares(std::span<const float> numbers);
double sum_of_squares(std::span<const double> numbers);

}  // namespace pyserver
