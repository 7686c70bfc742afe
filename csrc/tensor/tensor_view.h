// TensorView: a tensor whose name and bytes belong to somebody else. Copying it copies no data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/status.h"
#include "tensor/datatype.h"
#include "tensor/shape.h"

namespace pyserver {

struct TensorView {
  std::string_view name;
  Datatype datatype = Datatype::kFp32;
  Shape shape;
  // Row-major, little-endian, back to back. Each BYTES element is a 4-byte little-endian length and its data.
  // The first byte need not be aligned to the element.
  std::span<const std::byte> bytes;
  // An input that lies on a GPU instead, in a client's CUDA shared memory: then `bytes` only tells its size, and begins
  // at nullptr. -1: it does not.
  int device = -1;
  std::uint64_t device_address = 0;
};

// Whether `tensor.bytes` is exactly what datatype and shape ask for; a BYTES tensor is walked element by element.
// INVALID_ARGUMENT with what was expected and what came; the message does not name the tensor, the caller does.
Status check_contents(const TensorView& tensor);

// The bytes of rows [first, first + count) along the first dimension of `tensor`, whose contents are checked and whose
// rank is at least 1. For BYTES the cost is linear in the bytes before the end of the slice.
std::span<const std::byte> row_bytes(const TensorView& tensor, std::int64_t first, std::int64_t count) noexcept;

// Reads one element off the front of checked BYTES contents.
std::span<const std::byte> take_bytes_element(std::span<const std::byte>& contents) noexcept;

}  // namespace pyserver
