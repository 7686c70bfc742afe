// The end of a block of memory, and what is wrong with it.
#pragma once

#include <memory>

#include "call.h"

namespace fake_cuda {

// The living block that begins at `address`; null after a fault.
std::shared_ptr<Block> block_to_release(Call& call, CUdeviceptr address, Where where, const char* kind);

// Marks the block as released. What is enqueued and not known to be done may still use it: a fault.
void release_block(Call& call, Block& block);

}  // namespace fake_cuda
