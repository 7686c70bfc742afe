/* Runs a kernel that was compiled for the host: block after block, the threads of a block by turns, each on a stack of
 * its own. A thread runs until it ends or waits for its block; a round goes through all that do not wait, each other
 * round from the last thread to the first, so that what needs a __syncthreads() and has none comes out wrong.
 *
 * Linked into every module; nothing here is exported. */
#ifndef PYSERVER_TESTS_FAKE_NVRTC_GRID_RUNNER_H_
#define PYSERVER_TESTS_FAKE_NVRTC_GRID_RUNNER_H_

struct FakeDim {
  unsigned x, y, z;
};

/* What the running thread sees. Blocks of several streams may run at the same time, so each OS thread has its own. */
extern thread_local FakeDim fake_thread_index, fake_block_index, fake_block_dim, fake_grid_dim;

/* __syncthreads(). Ends the process where a thread of the block has ended and others wait: a device would hang. */
void fake_wait_for_block();

/* Calls thread(context) for each thread of the grid. */
void fake_run_grid(FakeDim grid, FakeDim block, void (*thread)(void* context), void* context);

#endif
