// RowReader: the rows of a tensor, one after another.
#pragma once

#include <cstdint>

#include "tensor/tensor_view.h"

namespace pyserver {

class RowReader {
 public:
  // `tensor`, whose contents are checked, is `rows` rows along its first dimension, or with `whole` one row as it is.
  RowReader(const TensorView& tensor, bool whole) noexcept : row_(tensor), rest_(tensor.bytes) {
    if (whole) return;
    if (tensor.shape[0] > 0) row_bytes_ = tensor.bytes.size() / static_cast<std::size_t>(tensor.shape[0]);
    row_.shape = tensor.shape.without_front();
    cut_ = true;
  }

  // To be called as often as there are rows.
  TensorView next() noexcept {
    if (!cut_) return row_;
    std::size_t bytes = row_bytes_;
    if (row_.datatype == Datatype::kBytes) {
      std::span<const std::byte> after = rest_;
      for (std::int64_t left = row_.shape.element_count().value_or(0); left > 0; --left) take_bytes_element(after);
      bytes = rest_.size() - after.size();
    }
    TensorView row = row_;
    row.bytes = rest_.first(bytes);
    rest_ = rest_.subspan(bytes);
    return row;
  }

 private:
  TensorView row_;
  std::span<const std::byte> rest_;
  std::size_t row_bytes_ = 0;
  bool cut_ = false;
};

}  // namespace pyserver
