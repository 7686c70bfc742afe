// InferTensorContents, the typed contents of the Open Inference Protocol: from and to the bytes of a TensorView.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

#include "base/status.h"
#include "codec/wire_reader.h"
#include "codec/wire_writer.h"
#include "inference/request.h"
#include "memory/buffer_pool.h"
#include "tensor/tensor_view.h"

namespace pyserver {

// The field of InferTensorContents that holds elements of a datatype; 0 for FP16 and BF16, which have none.
std::uint32_t contents_field_of(Datatype datatype) noexcept;

// The typed contents of one input, from all of its occurrences. Reused from input to input. Thread-compatible.
class TypedContents {
 public:
  explicit TypedContents(std::pmr::memory_resource* memory) : messages_(memory) {}

  void clear() noexcept;
  // One occurrence: counts what is there.
  Status add(WireReader message);
  bool empty() const noexcept;
  // Puts the elements into `tensor`, whose datatype and shape are set: in place where they lie as they should,
  // otherwise in a buffer that `request` then owns. INVALID_ARGUMENT for elements in the wrong field, of the wrong
  // number, or out of the datatype's range.
  Status convert(BufferPool& pool, Request& request, TensorView& tensor) const;

 private:
  static constexpr std::uint32_t kFields = 8;
  struct Field {
    std::size_t count = 0;
    std::size_t bytes = 0;  // of byte strings
    // The last packed piece: fp32 and fp64 that came in one lie as a tensor wants them.
    std::span<const std::byte> packed;
  };

  bool add_field(WireReader& message, const WireField& field) noexcept;
  bool add_packed(WireReader& message, const WireField& field, std::size_t element_size) noexcept;
  Status check_only(std::uint32_t number, const TensorView& tensor) const;

  std::pmr::vector<WireReader> messages_;
  std::array<Field, kFields + 1> fields_;  // by field number
};

// The length of an InferTensorContents with the elements of `tensor`, whose datatype has a field; and the message's
// fields themselves.
std::size_t typed_contents_size(const TensorView& tensor) noexcept;
void write_typed_contents(WireWriter& writer, const TensorView& tensor) noexcept;

}  // namespace pyserver
