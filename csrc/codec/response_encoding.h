// What the encoders of both protocols do alike.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "codec/wire_format.h"
#include "codec/wire_writer.h"
#include "memory/message.h"
#include "tensor/tensor_view.h"

namespace pyserver {

// INTERNAL, naming model and output, where an engine's output does not hold what its datatype and shape ask for: an
// encoder walks over BYTES elements, and must not be led out of them.
Status check_outputs(std::string_view model, std::span<const TensorView> outputs);

// The message of a failure as a proto3 string can carry it, never empty: itself, or with what is not UTF-8 written out
// as \xNN, or the name of the code where there is none.
std::string sendable_message(const Status& status);

// The length of a `repeated bytes` field with the elements of a BYTES tensor, and the field itself.
std::size_t bytes_elements_size(std::uint32_t number, const TensorView& tensor) noexcept;
void write_bytes_elements(WireWriter& writer, std::uint32_t number, const TensorView& tensor) noexcept;

// `buffer`, as far as it was written, and what was lent.
Message finished(WireWriter& writer, Buffer buffer, const Loan& loan);

}  // namespace pyserver
