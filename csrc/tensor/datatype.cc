#include "tensor/datatype.h"

#include <array>

namespace pyserver {
namespace {

struct Entry {
  std::string_view name;
  std::size_t size;
};

// Indexed by the datatype's number; 0 is none.
constexpr std::array<Entry, 15> kEntries = {{{"", 0},
                                             {"BOOL", 1},
                                             {"UINT8", 1},
                                             {"UINT16", 2},
                                             {"UINT32", 4},
                                             {"UINT64", 8},
                                             {"INT8", 1},
                                             {"INT16", 2},
                                             {"INT32", 4},
                                             {"INT64", 8},
                                             {"FP16", 2},
                                             {"FP32", 4},
                                             {"FP64", 8},
                                             {"BYTES", 0},
                                             {"BF16", 2}}};

}  // namespace

std::size_t size_of(Datatype datatype) noexcept { return kEntries[static_cast<std::size_t>(datatype)].size; }

std::string_view name_of(Datatype datatype) noexcept { return kEntries[static_cast<std::size_t>(datatype)].name; }

std::optional<Datatype> datatype_from_name(std::string_view name) noexcept {
  for (std::size_t number = 1; number < kEntries.size(); ++number) {
    if (kEntries[number].name == name) return static_cast<Datatype>(number);
  }
  return std::nullopt;
}

std::optional<Datatype> datatype_from_number(std::uint64_t number) noexcept {
  if (number == 0 || number >= kEntries.size()) return std::nullopt;
  return static_cast<Datatype>(number);
}

}  // namespace pyserver
