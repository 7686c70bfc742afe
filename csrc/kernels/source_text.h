// The constants of a kernel, as text of CUDA C++.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/datatype.h"

namespace pyserver::kernels {

// "Uint8" and its like: the types of source/numbers.cuh. Not of BYTES.
std::string_view type_of(Datatype datatype) noexcept;

// Exact: in hexadecimal. Only of finite numbers.
std::string literal(float number);
std::string literal(double number);
std::string literal(std::int64_t number);

// "constexpr Uint32 NAME = number;" and a new line.
std::string constant(std::string_view name, std::size_t number);
// "using NAME = type;" and a new line.
std::string alias(std::string_view name, std::string_view type);

// "__device__ constexpr TYPE NAME[] = {…};" and a new line.
template <typename Number>
std::string table(std::string_view type, std::string_view name, std::span<const Number> numbers) {
  std::string text = "__device__ constexpr ";
  text.append(type).append(" ").append(name).append("[] = {");
  for (const Number number : numbers) text += literal(number) + ", ";
  return text + "};\n";
}

// "#include "FILE"" and a new line.
std::string include(std::string_view file);

}  // namespace pyserver::kernels
