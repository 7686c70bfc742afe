// Turning strips of a picture: sixteen rows become the sixteen neighbours of one column, and back, so that a sum along
// a line becomes a sum of rows, which vectors are made for.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pyserver {

inline constexpr std::size_t kStripRows = 16;

// to[i * kStripRows + r] = rows[r][i] for i < count.
void rows_to_strip(const std::uint8_t* const* rows, std::size_t count, std::uint8_t* to);
void rows_to_strip(const float* const* rows, std::size_t count, float* to);

// rows[r][i] = from[i * kStripRows + r] for i < count and r < row_count.
void strip_to_rows(const std::uint8_t* from, std::size_t count, std::uint8_t* const* rows, std::size_t row_count);
void strip_to_rows(const float* from, std::size_t count, float* const* rows, std::size_t row_count);
void strip_to_rows(const std::int32_t* from, std::size_t count, std::int32_t* const* rows, std::size_t row_count);

}  // namespace pyserver
