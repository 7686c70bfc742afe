// What the decoders of both protocols do alike: the words around an error, names that may come only once, dimensions,
// and BYTES elements in their one form.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "codec/wire_format.h"
#include "codec/wire_reader.h"
#include "inference/request.h"
#include "memory/buffer_pool.h"
#include "tensor/tensor_view.h"

namespace pyserver {

// The same status, its message led by "model 'm': " (not where `model` is empty) or "input 'x': ".
Status about_model(std::string_view model, const Status& status);
Status about_input(std::string_view input, const Status& status);

// INVALID_ARGUMENT where two inputs, or two wanted outputs, have one name, or where there are too many.
Status check_tensor_counts(std::size_t inputs, std::size_t outputs);
Status check_inputs_differ(std::span<const TensorView> inputs);
Status check_outputs_differ(std::span<const std::string_view> outputs);

// The dimensions of one tensor, from as many pieces as they come in.
class ShapeFields {
 public:
  // `field` is a repeated int64, packed or not, that `reader` read. False where it is malformed.
  bool add(WireReader& reader, const WireField& field) noexcept {
    return reader.each_varint(field, [this](std::uint64_t value) {
      shape_.push_back(static_cast<std::int64_t>(value));
      ++rank_;
    });
  }
  // INVALID_ARGUMENT where the rank is over Shape::kMaxRank or the number of elements is not one.
  Status finish(Shape& shape) const;

 private:
  Shape shape_;
  std::size_t rank_ = 0;
};

// The messages that the contents of one tensor are spread over: what protobuf merges is one message here, too. Every
// writer sends one; more than kMaxContentsPieces are refused, so that tiny pieces cannot make us remember many of them.
inline constexpr std::size_t kMaxContentsPieces = 1024;
Status add_contents_piece(std::pmr::vector<WireReader>& pieces, const WireReader& piece);

// Byte strings that are spread over one or more messages, in a `repeated bytes` field number `number`.
// `messages` are readers at the beginning of each, all of them read once already without a problem.
struct BytesElementsFields {
  std::span<const WireReader> messages;
  std::uint32_t number = 0;
  std::size_t count = 0;  // how many there are
  std::size_t bytes = 0;  // of all together
};
// Lays them out as a TensorView has BYTES, in a buffer that `request` then owns. INVALID_ARGUMENT where their number is
// not what the shape of `tensor` asks for.
Status pack_bytes_elements(const BytesElementsFields& elements, BufferPool& pool, Request& request, TensorView& tensor);

}  // namespace pyserver
