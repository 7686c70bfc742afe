// map_lines: a function of a line of numbers over all lines of a row along one axis.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>

#include "base/text.h"
#include "ops/axis.h"
#include "ops/map_elements.h"

namespace pyserver {

// Calls function(std::span<Number>), Number being float or double, with each line; what it leaves there is written to
// `output` as the input's datatype. RESOURCE_EXHAUSTED where there is no memory for a few lines.
template <typename Number, typename Function>
Status map_lines_as(const TensorView& input, const AxisLines& lines, std::byte* output, RowContext& context,
                    const Function& function) {
  // Lines that lie beside one another are taken together, so that each cache line is read once.
  const std::size_t together = std::min<std::size_t>(lines.inner, 16);
  if (lines.length > std::numeric_limits<std::size_t>::max() / 16 / sizeof(Number)) {
    return invalid_argument(concat("a line of ", lines.length, " elements is too long"));
  }
  const std::size_t bytes = together * lines.length * sizeof(Number);
  auto* const numbers = reinterpret_cast<Number*>(context.scratch(bytes));
  if (numbers == nullptr) return resource_exhausted(concat("no memory for ", bytes, " bytes"));
  const std::size_t element = size_of(input.datatype);
  if (lines.inner == 1) {
    for (std::size_t outer = 0; outer < lines.outer; ++outer) {
      const std::size_t at = outer * lines.length * element;
      auto* const line = reinterpret_cast<std::byte*>(numbers);
      convert_elements(input.bytes.data() + at, input.datatype, line, kDatatypeOf<Number>, lines.length);
      function(std::span(numbers, lines.length));
      convert_elements(line, kDatatypeOf<Number>, output + at, input.datatype, lines.length);
    }
    return {};
  }
  with_element(input.datatype, [&]<typename Element>(std::type_identity<Element>) {
    for (std::size_t outer = 0; outer < lines.outer; ++outer) {
      for (std::size_t first = 0; first < lines.inner; first += together) {
        const std::size_t count = std::min(together, lines.inner - first);
        const std::size_t begin = outer * lines.length * lines.inner + first;
        for (std::size_t at = 0; at < lines.length; ++at) {
          for (std::size_t line = 0; line < count; ++line) {
            const auto element_there = load<Element>(input.bytes.data(), begin + at * lines.inner + line);
            numbers[line * lines.length + at] = converted<Number>(element_there);
          }
        }
        for (std::size_t line = 0; line < count; ++line)
          function(std::span(numbers + line * lines.length, lines.length));
        for (std::size_t at = 0; at < lines.length; ++at) {
          for (std::size_t line = 0; line < count; ++line) {
            store<Element>(output, begin + at * lines.inner + line,
                           converted<Element>(numbers[line * lines.length + at]));
          }
        }
      }
    }
  });
  return {};
}

// FP64 as double, all else as float.
template <typename Function>
Status map_lines(const TensorView& input, const AxisLines& lines, std::byte* output, RowContext& context,
                 const Function& function) {
  if (lines.outer == 0) return {};
  if (input.datatype == Datatype::kFp64) return map_lines_as<double>(input, lines, output, context, function);
  return map_lines_as<float>(input, lines, output, context, function);
}

}  // namespace pyserver
