#include "engines/cuda_graph/input_copies.h"

#include "base/text.h"
#include "cuda/copy.h"

namespace pyserver {

Status InputCopies::enqueue(cuda::Stream& stream, const ScatteredTensor& input, CUdeviceptr to, std::size_t input_bytes,
                            std::size_t bucket_bytes) {
  std::size_t bytes = 0;
  for (const auto part : input.parts) bytes += part.size();
  if (bytes != input_bytes) {
    return internal_error(
        concat("input ", quoted(input.whole.name), ": expected ", input_bytes, " bytes in all parts, got ", bytes));
  }
  std::size_t at = 0;
  for (std::size_t index = 0; index < input.parts.size(); ++index) {
    const std::span<const std::byte> part = input.parts[index];
    if (part.empty()) continue;
    if (!input.device_parts.empty() && input.device_parts[index] != 0) {
      PYSERVER_RETURN_IF_ERROR(cuda::copy_on_device(stream, to + at, input.device_parts[index], part.size()));
      counters_.device_input_copies.add();
    } else {
      PYSERVER_RETURN_IF_ERROR(cuda::copy_to_device(stream, to + at, part));
      counters_.input_copies.add();
      if (!pinned_.is_pinned(part)) counters_.pageable_input_copies.add();
    }
    at += part.size();
  }
  return cuda::fill(stream, to + input_bytes, std::byte{0}, bucket_bytes - input_bytes);
}

}  // namespace pyserver
