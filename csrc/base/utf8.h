// What is well-formed UTF-8 (Unicode 15, table 3-7). Thread-safe.
#pragma once

#include <cstddef>
#include <string_view>

namespace pyserver {

// The length of the well-formed sequence at the start of `text`, which is not empty; 0 where there is none.
std::size_t utf8_sequence(std::string_view text) noexcept;

// Takes eight bytes at a time where they are ASCII.
bool is_utf8(std::string_view text) noexcept;

}  // namespace pyserver
