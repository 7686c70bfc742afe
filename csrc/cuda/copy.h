// Copies and fills, enqueued on a stream. None waits, as long as host memory is page-locked (PinnedAllocator): from
// other memory the driver copies the bytes first, and to other memory it waits until they are there.
//
// The memory must stay as it is, and alive, until the stream has come past the copy. No bytes: nothing is enqueued.
#pragma once

#include <cstddef>
#include <span>

#include "base/status.h"
#include "cuda/stream.h"

namespace pyserver::cuda {

Status copy_to_device(Stream& stream, CUdeviceptr to, std::span<const std::byte> from);
Status copy_from_device(Stream& stream, std::span<std::byte> to, CUdeviceptr from);
Status copy_on_device(Stream& stream, CUdeviceptr to, CUdeviceptr from, std::size_t bytes);
Status fill(Stream& stream, CUdeviceptr to, std::byte value, std::size_t bytes);

}  // namespace pyserver::cuda
