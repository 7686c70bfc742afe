#include "grid_runner.h"

#include <ucontext.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

thread_local FakeDim fake_thread_index, fake_block_index, fake_block_dim, fake_grid_dim;

namespace {

constexpr std::size_t kStackBytes = 64 * 1024;
constexpr int kFaultExit = 86;  // as fake_cuda.h

struct Thread {
  ucontext_t context{};
  std::unique_ptr<char[]> stack = std::make_unique_for_overwrite<char[]>(kStackBytes);
  bool ended = false;
};

struct Block {
  ucontext_t scheduler{};
  std::vector<Thread> threads;
  Thread* running = nullptr;
  void (*function)(void*) = nullptr;
  void* argument = nullptr;
};

thread_local Block* current = nullptr;

void begin_thread() {
  Block& block = *current;
  block.function(block.argument);
  block.running->ended = true;
  swapcontext(&block.running->context, &block.scheduler);
}

void start_all(Block& block) {
  for (Thread& thread : block.threads) {
    thread.ended = false;
    getcontext(&thread.context);
    thread.context.uc_stack.ss_sp = thread.stack.get();
    thread.context.uc_stack.ss_size = kStackBytes;
    thread.context.uc_link = nullptr;
    makecontext(&thread.context, begin_thread, 0);
  }
}

void run_block(Block& block, FakeDim dim) {
  start_all(block);
  const std::size_t count = block.threads.size();
  std::size_t ended = 0;
  for (bool backwards = false; ended < count; backwards = !backwards) {
    ended = 0;
    for (std::size_t turn = 0; turn < count; ++turn) {
      const auto index = static_cast<unsigned>(backwards ? count - 1 - turn : turn);
      Thread& thread = block.threads[index];
      if (!thread.ended) {
        block.running = &thread;
        fake_thread_index = {index % dim.x, index / dim.x % dim.y, index / dim.x / dim.y};
        swapcontext(&block.scheduler, &thread.context);
      }
      ended += thread.ended ? 1 : 0;
    }
    if (ended != 0 && ended != count) {
      std::fprintf(stderr, "fake_nvrtc: %zu threads of a block have ended, %zu wait for them in __syncthreads()\n",
                   ended, count - ended);
      std::_Exit(kFaultExit);
    }
  }
}

}  // namespace

void fake_wait_for_block() { swapcontext(&current->running->context, &current->scheduler); }

void fake_run_grid(FakeDim grid, FakeDim dim, void (*thread)(void*), void* argument) {
  Block block;
  block.threads.resize(std::size_t{dim.x} * dim.y * dim.z);
  block.function = thread;
  block.argument = argument;
  current = &block;
  fake_block_dim = dim;
  fake_grid_dim = grid;
  for (unsigned z = 0; z < grid.z; ++z) {
    for (unsigned y = 0; y < grid.y; ++y) {
      for (unsigned x = 0; x < grid.x; ++x) {
        fake_block_index = {x, y, z};
        run_block(block, dim);
      }
    }
  }
  current = nullptr;
}
