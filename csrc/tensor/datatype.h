// Datatype: the type of one element of a tensor, by the names of the Open Inference Protocol.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace pyserver {

// The numbers are those of pyserver.v1.Datatype.
enum class Datatype : std::uint8_t {
  kBool = 1,
  kUint8 = 2,
  kUint16 = 3,
  kUint32 = 4,
  kUint64 = 5,
  kInt8 = 6,
  kInt16 = 7,
  kInt32 = 8,
  kInt64 = 9,
  kFp16 = 10,
  kFp32 = 11,
  kFp64 = 12,
  kBytes = 13,
  kBf16 = 14,
};

// Bytes of one element; 0 for BYTES, whose elements differ.
std::size_t size_of(Datatype datatype) noexcept;

// "FP32" and its like.
std::string_view name_of(Datatype datatype) noexcept;

// Nothing for a name or a number that is no datatype.
std::optional<Datatype> datatype_from_name(std::string_view name) noexcept;
std::optional<Datatype> datatype_from_number(std::uint64_t number) noexcept;

}  // namespace pyserver
