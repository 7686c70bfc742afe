// map_lines: a function of lines of numbers over all lines of a row along one axis.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>

#include "base/text.h"
#include "ops/axis.h"
#include "ops/map_elements.h"

namespace pyserver {

// How many lines that lie beside one another are taken together: whole vectors on every machine that we build for.
inline constexpr std::size_t kLinesTogether = 128;

// Lines of float or double: either one whose numbers are back to back (width 1), or kLinesTogether side by side, so
// that those of one place in all lines are back to back.
template <typename Number>
struct LineBlock {
  Number* numbers = nullptr;
  std::size_t length = 0;
  std::size_t width = 0;
};

// Calls function(LineBlock<Number>) with blocks of all lines; what it leaves there is written to `output` as the
// input's datatype. Lines of zeros fill up a block. RESOURCE_EXHAUSTED where there is no memory for a block.
template <typename Number, typename Function>
Status map_lines_as(const TensorView& input, const AxisLines& lines, std::byte* output, RowContext& context,
                    const Function& function) {
  const std::size_t width = lines.inner == 1 ? 1 : kLinesTogether;
  if (lines.length > std::numeric_limits<std::size_t>::max() / kLinesTogether / sizeof(Number)) {
    return invalid_argument(concat("a line of ", lines.length, " elements is too long"));
  }
  const std::size_t bytes = width * lines.length * sizeof(Number);
  const LineBlock<Number> block{reinterpret_cast<Number*>(context.scratch(bytes)), lines.length, width};
  if (block.numbers == nullptr) return resource_exhausted(concat("no memory for ", bytes, " bytes"));
  const std::size_t element = size_of(input.datatype);
  for (std::size_t outer = 0; outer < lines.outer; ++outer) {
    for (std::size_t first = 0; first < lines.inner; first += width) {
      const std::size_t count = std::min(width, lines.inner - first);
      if (count < width) std::fill_n(block.numbers, width * lines.length, Number{0});
      // Of a lone line all elements are back to back, of several those of one place.
      const std::size_t runs = width == 1 ? 1 : lines.length;
      const std::size_t run = width == 1 ? lines.length : count;
      const auto for_each_run = [&](const auto& convert) {
        for (std::size_t at = 0; at < runs; ++at) {
          const std::size_t place = (outer * lines.length + at) * lines.inner + first;
          convert(place * element, reinterpret_cast<std::byte*>(block.numbers + at * width));
        }
      };
      for_each_run([&](std::size_t place, std::byte* numbers) {
        convert_elements(input.bytes.data() + place, input.datatype, numbers, kDatatypeOf<Number>, run);
      });
      function(block);
      for_each_run([&](std::size_t place, std::byte* numbers) {
        convert_elements(numbers, kDatatypeOf<Number>, output + place, input.datatype, run);
      });
    }
  }
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
