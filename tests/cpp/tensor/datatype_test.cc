#include "tensor/datatype.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string_view>

namespace pyserver {
namespace {

struct Expected {
  Datatype datatype;
  int number;
  std::string_view name;
  std::size_t size;
};

// Written out a second time on purpose: the numbers are a wire contract (proto/pyserver/v1/tensor.proto).
constexpr Expected kExpected[] = {
    {Datatype::kBool, 1, "BOOL", 1},     {Datatype::kUint8, 2, "UINT8", 1},   {Datatype::kUint16, 3, "UINT16", 2},
    {Datatype::kUint32, 4, "UINT32", 4}, {Datatype::kUint64, 5, "UINT64", 8}, {Datatype::kInt8, 6, "INT8", 1},
    {Datatype::kInt16, 7, "INT16", 2},   {Datatype::kInt32, 8, "INT32", 4},   {Datatype::kInt64, 9, "INT64", 8},
    {Datatype::kFp16, 10, "FP16", 2},    {Datatype::kFp32, 11, "FP32", 4},    {Datatype::kFp64, 12, "FP64", 8},
    {Datatype::kBytes, 13, "BYTES", 0},  {Datatype::kBf16, 14, "BF16", 2}};

TEST(Datatype, HasTheNumberNameAndSizeOfTheContract) {
  for (const Expected& expected : kExpected) {
    EXPECT_EQ(static_cast<int>(expected.datatype), expected.number) << expected.name;
    EXPECT_EQ(name_of(expected.datatype), expected.name);
    EXPECT_EQ(size_of(expected.datatype), expected.size) << expected.name;
  }
}

TEST(Datatype, IsFoundByItsNameAndByItsNumber) {
  for (const Expected& expected : kExpected) {
    EXPECT_EQ(datatype_from_name(expected.name), expected.datatype) << expected.name;
    EXPECT_EQ(datatype_from_number(static_cast<std::uint64_t>(expected.number)), expected.datatype) << expected.name;
  }
}

TEST(Datatype, RefusesNamesThatAreNone) {
  for (const std::string_view name : {"", "fp32", "FP32 ", "FLOAT", "TYPE_FP32", "FP3"}) {
    EXPECT_FALSE(datatype_from_name(name).has_value()) << name;
  }
}

TEST(Datatype, RefusesNumbersThatAreNone) {
  for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{15}, std::uint64_t{257}, UINT64_MAX}) {
    EXPECT_FALSE(datatype_from_number(number).has_value()) << number;
  }
}

}  // namespace
}  // namespace pyserver
