#include "ops/resample/transpose.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/resample/transpose.cc"
#include "hwy/foreach_target.h"  // compiles this file once for each set of instructions
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace pyserver::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR
// Vectors of one element turn nothing.
template <std::size_t kRows, typename Element, typename Load, typename Store>
void turn_square(const Load& load, const Store& store) {
  for (std::size_t row = 0; row < kRows; ++row) {
    for (std::size_t column = 0; column < kRows; ++column) store(column)[row] = load(row)[column];
  }
}
#else
// One step of a perfect shuffle: log2(n) of them turn n rows of n elements.
template <class D, class V, std::size_t kRows>
void shuffle(D d, const V (&from)[kRows], V (&to)[kRows]) {
  for (std::size_t row = 0; row < kRows / 2; ++row) {
    to[2 * row] = hn::InterleaveLower(d, from[row], from[row + kRows / 2]);
    to[2 * row + 1] = hn::InterleaveUpper(d, from[row], from[row + kRows / 2]);
  }
}

// `kRows` vectors of `kRows` elements, 16 bytes each.
template <std::size_t kRows, typename Element, typename Load, typename Store>
void turn_square(const Load& load, const Store& store) {
  const hn::FixedTag<Element, kRows> d;
  using V = hn::Vec<decltype(d)>;
  static_assert(kRows == 4 || kRows == 16);
  V a[kRows];
  V b[kRows];
  for (std::size_t row = 0; row < kRows; ++row) a[row] = hn::LoadU(d, load(row));
  shuffle(d, a, b);
  shuffle(d, b, a);
  if constexpr (kRows == 16) {
    shuffle(d, a, b);
    shuffle(d, b, a);
  }
  for (std::size_t row = 0; row < kRows; ++row) hn::StoreU(a[row], d, store(row));
}
#endif

// As many rows, and columns, as a square has.
template <typename Element>
inline constexpr std::size_t kSide = 16 / sizeof(Element);

template <typename Element>
void to_strip(const Element* const* rows, std::size_t count, Element* to) {
  constexpr std::size_t kSquare = kSide<Element>;
  std::size_t at = 0;
  for (; at + kSquare <= count; at += kSquare) {
    for (std::size_t row = 0; row < kStripRows; row += kSquare) {
      turn_square<kSquare, Element>([&](std::size_t index) { return rows[row + index] + at; },
                                    [&](std::size_t index) { return to + (at + index) * kStripRows + row; });
    }
  }
  for (; at < count; ++at) {
    for (std::size_t row = 0; row < kStripRows; ++row) to[at * kStripRows + row] = rows[row][at];
  }
}

template <typename Element>
void to_rows(const Element* from, std::size_t count, Element* const* rows, std::size_t row_count) {
  constexpr std::size_t kSquare = kSide<Element>;
  std::size_t row = 0;
  for (; row + kSquare <= row_count; row += kSquare) {
    std::size_t at = 0;
    for (; at + kSquare <= count; at += kSquare) {
      turn_square<kSquare, Element>([&](std::size_t index) { return from + (at + index) * kStripRows + row; },
                                    [&](std::size_t index) { return rows[row + index] + at; });
    }
    for (; at < count; ++at) {
      for (std::size_t index = row; index < row + kSquare; ++index) rows[index][at] = from[at * kStripRows + index];
    }
  }
  for (; row < row_count; ++row) {
    for (std::size_t at = 0; at < count; ++at) rows[row][at] = from[at * kStripRows + row];
  }
}

void bytes_to_strip(const std::uint8_t* const* rows, std::size_t count, std::uint8_t* to) { to_strip(rows, count, to); }
void floats_to_strip(const float* const* rows, std::size_t count, float* to) { to_strip(rows, count, to); }
void strip_to_bytes(const std::uint8_t* from, std::size_t count, std::uint8_t* const* rows, std::size_t row_count) {
  to_rows(from, count, rows, row_count);
}
void strip_to_floats(const float* from, std::size_t count, float* const* rows, std::size_t row_count) {
  to_rows(from, count, rows, row_count);
}
void strip_to_sums(const std::int32_t* from, std::size_t count, std::int32_t* const* rows, std::size_t row_count) {
  to_rows(from, count, rows, row_count);
}

}  // namespace pyserver::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pyserver {

HWY_EXPORT(bytes_to_strip);
HWY_EXPORT(floats_to_strip);
HWY_EXPORT(strip_to_bytes);
HWY_EXPORT(strip_to_floats);
HWY_EXPORT(strip_to_sums);

void rows_to_strip(const std::uint8_t* const* rows, std::size_t count, std::uint8_t* to) {
  HWY_DYNAMIC_DISPATCH(bytes_to_strip)(rows, count, to);
}
void rows_to_strip(const float* const* rows, std::size_t count, float* to) {
  HWY_DYNAMIC_DISPATCH(floats_to_strip)(rows, count, to);
}
void strip_to_rows(const std::uint8_t* from, std::size_t count, std::uint8_t* const* rows, std::size_t row_count) {
  HWY_DYNAMIC_DISPATCH(strip_to_bytes)(from, count, rows, row_count);
}
void strip_to_rows(const float* from, std::size_t count, float* const* rows, std::size_t row_count) {
  HWY_DYNAMIC_DISPATCH(strip_to_floats)(from, count, rows, row_count);
}
void strip_to_rows(const std::int32_t* from, std::size_t count, std::int32_t* const* rows, std::size_t row_count) {
  HWY_DYNAMIC_DISPATCH(strip_to_sums)(from, count, rows, row_count);
}

}  // namespace pyserver
#endif
