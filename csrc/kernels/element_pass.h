// ElementPass: ops that look at one element at a time, taken together as one kernel: each element is loaded once and
// stored once.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernels/planned_kernel.h"
#include "ops/op_description.h"

namespace pyserver::kernels {

// Built by one thread. Rows have elements, and fewer than 2^31.
class ElementPass {
 public:
  // Nothing is done yet: the kernel copies.
  explicit ElementPass(const RowSpec& input);

  // Takes in an op that makes what the pass gives so far `output`. False, and no change, where it looks at more than
  // one element.
  bool add(const OpDescription& op, const RowSpec& output);

  bool empty() const noexcept { return steps_.empty(); }
  PlannedKernel kernel() const;

 private:
  // Either moves elements, of `rows` × `columns` to columns × rows; or changes the value `x` of one, which lies at
  // place `place` of `lines`.
  struct Step {
    std::size_t rows = 0;
    std::size_t columns = 0;
    AxisLines lines{1, 1, 1};
    std::function<std::string(const std::string& x, const std::string& place)> value;
  };

  void add_pixel_effect(const PixelEffect& effect, const RowSpec& output);
  void add_arithmetic(const PixelEffect& effect, Datatype output);
  void add_dequantize(const DequantizeDescription& op);
  void add_move(const PixelEffect& effect);
  // What stands for the number of an element's place: the number itself where there is only one, else a table's.
  template <typename Number>
  std::function<std::string(const std::string&)> number_at(std::string_view type, const std::vector<Number>& numbers);
  bool planar() const noexcept;

  RowSpec input_;
  RowSpec output_;
  std::vector<Step> steps_;
  std::string tables_;
  std::size_t table_count_ = 0;
};

}  // namespace pyserver::kernels
