// map_elements: a function of numbers over the elements of a row, whatever their datatype.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "ops/element.h"
#include "tensor/tensor_view.h"

namespace pyserver {

template <typename Number>
inline constexpr Datatype kDatatypeOf = std::same_as<Number, double> ? Datatype::kFp64 : Datatype::kFp32;

// Calls function(Number* numbers, first, count), Number being float or double, for `count` elements from `first` on, a
// block after another; what it leaves there is written to `output` as `datatype`. `output` is aligned to its element.
template <typename Number, typename Function>
void map_elements_as(const TensorView& input, std::byte* output, Datatype datatype, const Function& function) noexcept {
  constexpr std::size_t kBlock = 1024;  // it stays in the first cache
  std::array<Number, kBlock> block;
  const std::size_t count = input.bytes.size() / size_of(input.datatype);
  for (std::size_t first = 0; first < count; first += kBlock) {
    const std::size_t length = std::min(kBlock, count - first);
    std::byte* const to = output + first * size_of(datatype);
    auto* const numbers = datatype == kDatatypeOf<Number> ? reinterpret_cast<Number*>(to) : block.data();
    convert_elements(input.bytes.data() + first * size_of(input.datatype), input.datatype,
                     reinterpret_cast<std::byte*>(numbers), kDatatypeOf<Number>, length);
    function(numbers, first, length);
    convert_elements(reinterpret_cast<const std::byte*>(numbers), kDatatypeOf<Number>, to, datatype, length);
  }
}

// FP64 as double, all else as float.
template <typename Function>
void map_elements(const TensorView& input, std::byte* output, Datatype datatype, const Function& function) noexcept {
  if (input.datatype == Datatype::kFp64) {
    map_elements_as<double>(input, output, datatype, function);
  } else {
    map_elements_as<float>(input, output, datatype, function);
  }
}

}  // namespace pyserver
