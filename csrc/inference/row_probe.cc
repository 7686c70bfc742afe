#include "inference/row_probe.h"

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

namespace pyserver {
namespace {

constexpr std::int64_t kRows = 2;
// For all free dimensions alike: tokens, frames, pixels.
constexpr std::int64_t kSizes[] = {8, 32, 64, 224};
// Far above what another order of additions does, far below what a neighbour's row does.
constexpr double kAbsolute = 1e-2, kRelative = 1e-2;

using Bytes = std::vector<std::byte>;

template <typename T>
void append(Bytes& bytes, T value) {
  const auto* begin = reinterpret_cast<const std::byte*>(&value);
  bytes.insert(bytes.end(), begin, begin + sizeof value);
}

// Numbers between -1 and 1 for floats, a letter for BYTES; 0 or 1 for all else, which may be indices, masks or labels.
Bytes random_contents(Datatype datatype, std::int64_t elements, std::mt19937& random) {
  std::uniform_real_distribution<float> real(-1, 1);
  Bytes bytes;
  for (std::int64_t index = 0; index < elements; ++index) {
    if (datatype == Datatype::kFp32) {
      append(bytes, real(random));
    } else if (datatype == Datatype::kFp64) {
      append(bytes, static_cast<double>(real(random)));
    } else if (datatype == Datatype::kFp16 || datatype == Datatype::kBf16) {
      // 0 or 1: 0x3C00 and 0x3F80.
      append(bytes, static_cast<std::uint16_t>(random() % 2 * (datatype == Datatype::kFp16 ? 0x3C00 : 0x3F80)));
    } else if (datatype == Datatype::kBytes) {
      // A text of one letter behind its length.
      append(bytes, std::uint32_t{1});
      append(bytes, static_cast<char>('a' + random() % 2));
    } else {
      append(bytes, static_cast<std::uint8_t>(random() % 2));
      bytes.resize(bytes.size() + size_of(datatype) - 1);
    }
  }
  return bytes;
}

Shape with_size(Shape shape, std::int64_t size) {
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == kFreeDimension) shape[axis] = size;
  }
  return shape;
}

template <typename T>
bool differ_as_numbers(std::span<const std::byte> a, std::span<const std::byte> b) {
  for (std::size_t at = 0; at + sizeof(T) <= a.size(); at += sizeof(T)) {
    T x, y;
    std::memcpy(&x, a.data() + at, sizeof x);
    std::memcpy(&y, b.data() + at, sizeof y);
    if (std::isnan(x) && std::isnan(y)) continue;
    if (x == y) continue;  // infinities too
    if (!(std::abs(x - y) <= kAbsolute + kRelative * std::abs(y))) return true;
  }
  return false;
}

bool differ(Datatype datatype, std::span<const std::byte> a, std::span<const std::byte> b) {
  if (a.size() != b.size()) return true;
  if (datatype == Datatype::kFp32) return differ_as_numbers<float>(a, b);
  if (datatype == Datatype::kFp64) return differ_as_numbers<double>(a, b);
  // Half-precision rounds too coarsely to be compared.
  if (datatype == Datatype::kFp16 || datatype == Datatype::kBf16) return false;
  return !a.empty() && std::memcmp(a.data(), b.data(), a.size()) != 0;
}

// An output and its bytes, which the next execution does not change.
struct Answer {
  TensorView output;  // its bytes are `bytes`
  Bytes bytes;
};

// Nothing where the model does not take the inputs.
std::optional<std::vector<Answer>> execute(EngineInstance& instance, std::span<const TensorView> inputs) {
  std::vector<TensorView> outputs;
  if (!instance.execute(inputs, outputs).ok()) return std::nullopt;
  std::vector<Answer> answers;
  for (const TensorView& output : outputs) {
    answers.push_back({output, Bytes(output.bytes.begin(), output.bytes.end())});
    answers.back().output.bytes = answers.back().bytes;
  }
  return answers;
}

// Whether `alone` is not what `together` has in that row.
bool row_differs(const Answer& together, std::int64_t row, const Answer& alone) {
  const TensorView& all = together.output;
  if (all.shape.rank() == 0 || all.shape[0] != kRows || !check_contents(all).ok()) return true;
  return differ(all.datatype, row_bytes(all, row, 1), alone.bytes);
}

// Nothing where the model does not take free dimensions of this size.
std::optional<bool> mixes_rows_of(std::int64_t size, const ModelSignature& signature, EngineInstance& instance) {
  std::mt19937 random(1);  // NOLINT: the same rows at every load
  std::vector<Bytes> contents;
  std::vector<TensorView> both;
  for (const TensorSpec& spec : signature.inputs) {
    const Shape shape = with_size(spec.shape, size).with_front(kRows);
    contents.push_back(random_contents(spec.datatype, shape.element_count().value_or(0), random));
    both.push_back({spec.name, spec.datatype, shape, contents.back()});
  }
  const auto together = execute(instance, both);
  if (!together) return std::nullopt;
  for (std::int64_t row = 0; row < kRows; ++row) {
    std::vector<TensorView> one = both;
    for (std::size_t index = 0; index < one.size(); ++index) {
      one[index].bytes = row_bytes(both[index], row, 1);
      one[index].shape[0] = 1;
    }
    const auto alone = execute(instance, one);
    if (!alone) return std::nullopt;
    if (alone->size() != together->size()) return true;
    for (std::size_t index = 0; index < alone->size(); ++index) {
      if (row_differs((*together)[index], row, (*alone)[index])) return true;
    }
  }
  return false;
}

}  // namespace

std::optional<bool> mixes_rows(const ModelSignature& signature, EngineInstance& instance) {
  for (const std::int64_t size : kSizes) {
    if (const std::optional<bool> mixes = mixes_rows_of(size, signature, instance)) return mixes;
  }
  return std::nullopt;
}

}  // namespace pyserver
