#include "release.h"

#include "text.h"

namespace fake_cuda {

void release_block(Call& call, Block& block) {
  // A device that has failed runs nothing any more, and cannot be waited for either.
  const bool failed = call.state().devices[static_cast<std::size_t>(call.device())].failed != CUDA_SUCCESS;
  if (const auto running = block.log.running(call.state().host); running && !failed) {
    call.fault(text("releases ", block.name(), ", which ", *running->what, " ", verb_of(running->kind),
                    ": nobody has waited for that"),
               CUDA_SUCCESS);
  }
  if (!block.bytes->guards_intact()) {
    call.fault(text("finds that something has written beyond ", block.name()), CUDA_SUCCESS);
  }
  block.released_by = call.label();
  block.bytes.reset();
  block.log = {};
}

std::shared_ptr<Block> block_to_release(Call& call, CUdeviceptr address, Where where, const char* kind) {
  const auto block = call.state().memory.find(address);
  if (!block || block->where != where || block->base != address) {
    call.fault(text("releases ", hex(address), ", where no ", kind, " begins"), CUDA_ERROR_INVALID_VALUE);
    return nullptr;
  }
  if (!block->living()) {
    call.fault(text("releases ", block->name(), ", which ", *block->released_by, " has released"),
               CUDA_ERROR_INVALID_VALUE);
    return nullptr;
  }
  return block;
}

}  // namespace fake_cuda
