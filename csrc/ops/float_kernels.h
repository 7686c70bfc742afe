// Functions of float numbers in place, with the vectors of the machine that runs them (Google Highway chooses).
#pragma once

#include <span>

namespace pyserver {

// exp(x - max) / sum. All NaN where one of them is NaN, the largest is infinite, or all are -infinity: as NumPy's
// arithmetic has it.
void softmax(std::span<float> numbers);
void softmax(std::span<double> numbers);

// 1 / (1 + exp(-x)), without overflow on the way.
void sigmoid(std::span<float> numbers);
void sigmoid(std::span<double> numbers);

// To the nearest whole number, ties to even.
void round_to_even(std::span<float> numbers);
void round_to_even(std::span<double> numbers);

// The sum of the squares, each computed and added in double.
double sum_of_squares(std::span<const float> numbers);
double sum_of_squares(std::span<const double> numbers);

}  // namespace pyserver
