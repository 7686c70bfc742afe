#include "codec/request_decoding.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/text.h"

namespace pyserver {
namespace {

// Up to here comparing every pair is faster than sorting, and needs no memory.
constexpr std::size_t kFewNames = 16;

// The name that comes more than once, or nullptr. `name_at` gives a name by its index.
template <typename NameAt>
const std::string_view* find_repeated(std::size_t count, NameAt&& name_at) {
  if (count <= kFewNames) {
    for (std::size_t i = 1; i < count; ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (name_at(i) == name_at(j)) return &name_at(i);
      }
    }
    return nullptr;
  }
  std::vector<const std::string_view*> sorted(count);
  for (std::size_t i = 0; i < count; ++i) sorted[i] = &name_at(i);
  std::ranges::sort(sorted, [](const auto* a, const auto* b) { return *a < *b; });
  const auto repeated = std::ranges::adjacent_find(sorted, [](const auto* a, const auto* b) { return *a == *b; });
  return repeated == sorted.end() ? nullptr : *repeated;
}

}  // namespace

Status about_model(std::string_view model, const Status& status) {
  if (status.ok() || model.empty()) return status;
  return Status(status.code(), concat("model ", quoted(model), ": ", status.message()));
}

Status about_input(std::string_view input, const Status& status) {
  if (status.ok()) return status;
  return Status(status.code(), concat("input ", quoted(input), ": ", status.message()));
}

Status check_tensor_counts(std::size_t inputs, std::size_t outputs) {
  if (inputs > kMaxTensorsPerRequest) {
    return invalid_argument(concat("expected at most ", kMaxTensorsPerRequest, " inputs, got ", inputs));
  }
  if (outputs > kMaxTensorsPerRequest) {
    return invalid_argument(concat("expected at most ", kMaxTensorsPerRequest, " wanted outputs, got ", outputs));
  }
  return {};
}

Status check_inputs_differ(std::span<const TensorView> inputs) {
  const auto* name = find_repeated(inputs.size(), [&](std::size_t i) -> const auto& { return inputs[i].name; });
  if (name == nullptr) return {};
  return about_input(*name, invalid_argument("expected one tensor of this name, got more than one"));
}

Status check_outputs_differ(std::span<const std::string_view> outputs) {
  const auto* name = find_repeated(outputs.size(), [&](std::size_t i) -> const auto& { return outputs[i]; });
  if (name == nullptr) return {};
  return invalid_argument(concat("output ", quoted(*name), ": expected to be asked for once, got more than once"));
}

Status ShapeFields::finish(Shape& shape) const {
  if (rank_ > Shape::kMaxRank) {
    return invalid_argument(concat("expected at most ", Shape::kMaxRank, " dimensions, got ", rank_));
  }
  shape = shape_;
  if (!shape.element_count()) {
    return invalid_argument(concat("expected a shape without negative dimensions and of at most ", INT64_MAX,
                                   " elements, got ", to_string(shape)));
  }
  return {};
}

Status add_contents_piece(std::pmr::vector<WireReader>& pieces, const WireReader& piece) {
  if (pieces.size() == kMaxContentsPieces) {
    return invalid_argument(concat("expected contents in at most ", kMaxContentsPieces, " pieces, got more"));
  }
  pieces.push_back(piece);
  return {};
}

Status pack_bytes_elements(const BytesElementsFields& elements, BufferPool& pool, Request& request,
                           TensorView& tensor) {
  const std::int64_t expected = *tensor.shape.element_count();
  if (static_cast<std::uint64_t>(expected) != elements.count) {
    return invalid_argument(
        concat("expected ", expected, " BYTES elements for shape ", to_string(tensor.shape), ", got ", elements.count));
  }
  if (expected == 0) return {};
  Result<Buffer> buffer = pool.take(elements.bytes + elements.count * sizeof(std::uint32_t));
  if (!buffer.ok()) return std::move(buffer).status();
  std::byte* out = buffer->data();
  for (WireReader message : elements.messages) {
    WireField field;
    while (message.next(field)) {
      if (field.tag != bytes_tag(elements.number)) continue;
      const auto length = static_cast<std::uint32_t>(field.bytes.size());
      std::memcpy(out, &length, sizeof length);
      out += sizeof length;
      if (length != 0) std::memcpy(out, field.bytes.data(), length);
      out += length;
    }
  }
  tensor.bytes = buffer->bytes();
  request.owned.push_back(*std::move(buffer));
  return {};
}

}  // namespace pyserver
