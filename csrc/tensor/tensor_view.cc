#include "tensor/tensor_view.h"

#include <cstring>

#include "base/text.h"

namespace pyserver {
namespace {

constexpr std::size_t kLengthBytes = 4;

std::uint32_t read_length(const std::byte* at) noexcept {
  std::uint32_t length;
  std::memcpy(&length, at, sizeof length);  // little-endian, as every machine that we build for
  return length;
}

Status check_bytes_elements(const TensorView& tensor, std::int64_t count) {
  std::span<const std::byte> rest = tensor.bytes;
  for (std::int64_t index = 0; index < count; ++index) {
    if (rest.size() < kLengthBytes) {
      return invalid_argument(concat("expected ", count, " BYTES elements for shape ", to_string(tensor.shape),
                                     ", got ", index, " in ", tensor.bytes.size(), " bytes"));
    }
    const std::uint32_t length = read_length(rest.data());
    rest = rest.subspan(kLengthBytes);
    if (length > rest.size()) {
      return invalid_argument(
          concat("BYTES element ", index, " claims ", length, " bytes, but only ", rest.size(), " follow"));
    }
    rest = rest.subspan(length);
  }
  if (!rest.empty()) {
    return invalid_argument(concat("expected ", count, " BYTES elements for shape ", to_string(tensor.shape), ", got ",
                                   rest.size(), " bytes more"));
  }
  return {};
}

}  // namespace

Status check_contents(const TensorView& tensor) {
  const auto count = tensor.shape.element_count();
  if (!count) {
    return invalid_argument(
        concat("shape ", to_string(tensor.shape), " has a negative dimension or too many elements"));
  }
  if (tensor.datatype == Datatype::kBytes) return check_bytes_elements(tensor, *count);
  std::int64_t expected = 0;
  if (__builtin_mul_overflow(*count, static_cast<std::int64_t>(size_of(tensor.datatype)), &expected)) {
    return invalid_argument(concat("shape ", to_string(tensor.shape), " has too many elements"));
  }
  if (static_cast<std::uint64_t>(expected) != tensor.bytes.size()) {
    return invalid_argument(concat("expected ", expected, " bytes for ", name_of(tensor.datatype), " of shape ",
                                   to_string(tensor.shape), ", got ", tensor.bytes.size()));
  }
  return {};
}

std::span<const std::byte> take_bytes_element(std::span<const std::byte>& contents) noexcept {
  const std::uint32_t length = read_length(contents.data());
  const auto element = contents.subspan(kLengthBytes, length);
  contents = contents.subspan(kLengthBytes + length);
  return element;
}

std::span<const std::byte> row_bytes(const TensorView& tensor, std::int64_t first, std::int64_t count) noexcept {
  const std::int64_t rows = tensor.shape[0];
  if (rows == 0 || tensor.bytes.empty()) return {};
  if (tensor.datatype != Datatype::kBytes) {
    const std::size_t row = tensor.bytes.size() / static_cast<std::size_t>(rows);
    return tensor.bytes.subspan(row * static_cast<std::size_t>(first), row * static_cast<std::size_t>(count));
  }
  const std::int64_t elements_per_row = *tensor.shape.without_front().element_count();
  std::span<const std::byte> rest = tensor.bytes;
  const auto skip = [&rest](std::int64_t elements) {
    for (std::int64_t i = 0; i < elements; ++i) take_bytes_element(rest);
  };
  skip(first * elements_per_row);
  const std::byte* begin = rest.data();
  skip(count * elements_per_row);
  return {begin, rest.data()};
}

}  // namespace pyserver
