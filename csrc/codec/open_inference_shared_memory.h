// The shared memory extension of the Open Inference Protocol: the parameters shared_memory_region, _offset and
// _byte_size of a tensor, which say where its contents lie or shall go.
#pragma once

#include <optional>

#include "base/status.h"
#include "codec/open_inference_parameters.h"
#include "codec/wire_writer.h"
#include "inference/request.h"
#include "memory/buffer_pool.h"
#include "shared_memory/region_table.h"
#include "tensor/tensor_view.h"

namespace pyserver {

// Those of one tensor. The last of several with one key counts.
class SharedMemoryParameters {
 public:
  // Of other parameters it takes no notice.
  void add(const Parameter& parameter) noexcept;
  bool present() const noexcept { return region_.has_value(); }
  // The place that they name. FAILED_PRECONDITION where `regions` is null: shared memory is switched off.
  // INVALID_ARGUMENT for parameters that are missing or of the wrong kind, and for places that are none.
  Result<SharedPlace> find(const RegionTable* regions) const;

 private:
  std::optional<ParameterValue> region_;
  std::optional<ParameterValue> byte_size_;
  std::optional<ParameterValue> offset_;
};

// Makes `tensor`, whose datatype and shape are set, of what lies at `place`: a copy, which `request` then owns; or, in
// the memory of a GPU, the address alone. INVALID_ARGUMENT where the place has not the size that the shape asks for, or
// holds no such tensor.
Status read_shared_input(const SharedPlace& place, BufferPool& pool, Request& request, TensorView& tensor);

// The length of the parameters of an output of `byte_size` bytes at `place`, as map entries in field `number`; and the
// fields themselves.
std::size_t place_parameters_size(std::uint32_t number, const SharedPlace& place, std::size_t byte_size) noexcept;
void write_place_parameters(WireWriter& writer, std::uint32_t number, const SharedPlace& place,
                            std::size_t byte_size) noexcept;

}  // namespace pyserver
