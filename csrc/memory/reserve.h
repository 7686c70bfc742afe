// For those who use one buffer again and again.
#pragma once

#include <cstddef>
#include <span>

#include "base/status.h"
#include "memory/buffer_pool.h"

namespace pyserver {

// Gives `buffer` the size `bytes`. Its memory is kept where it is large enough; otherwise it is given back before more
// is taken, so that the pool need not hold both. Contents are not kept. RESOURCE_EXHAUSTED where the pool has no
// memory.
Result<std::span<std::byte>> reserve(BufferPool& pool, Buffer& buffer, std::size_t bytes);

}  // namespace pyserver
