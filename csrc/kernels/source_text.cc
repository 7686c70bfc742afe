#include "kernels/source_text.h"

#include <array>
#include <cstdio>

#include "base/text.h"

namespace pyserver::kernels {
namespace {

std::string in_hexadecimal(double number) {
  std::array<char, 32> digits;  // "-0x1.fffffffffffffp+1023" and shorter
  const int length = std::snprintf(digits.data(), digits.size(), "%a", number);
  return {digits.data(), static_cast<std::size_t>(length)};
}

}  // namespace

std::string_view type_of(Datatype datatype) noexcept {
  switch (datatype) {
    case Datatype::kBool: return "Bool";
    case Datatype::kUint8: return "Uint8";
    case Datatype::kUint16: return "Uint16";
    case Datatype::kUint32: return "Uint32";
    case Datatype::kUint64: return "Uint64";
    case Datatype::kInt8: return "Int8";
    case Datatype::kInt16: return "Int16";
    case Datatype::kInt32: return "Int32";
    case Datatype::kInt64: return "Int64";
    case Datatype::kFp16: return "Fp16";
    case Datatype::kFp32: return "Fp32";
    case Datatype::kFp64: return "Fp64";
    case Datatype::kBf16: return "Bf16";
    case Datatype::kBytes: break;
  }
  return "";
}

std::string literal(float number) { return in_hexadecimal(static_cast<double>(number)) + "f"; }
std::string literal(double number) { return in_hexadecimal(number); }
std::string literal(std::int64_t number) { return concat(number, "ll"); }

std::string constant(std::string_view name, std::size_t number) {
  return concat("constexpr Uint32 ", name, " = ", number, "u;\n");
}

std::string alias(std::string_view name, std::string_view type) { return concat("using ", name, " = ", type, ";\n"); }

std::string include(std::string_view file) { return concat("#include \"", file, "\"\n"); }

}  // namespace pyserver::kernels
