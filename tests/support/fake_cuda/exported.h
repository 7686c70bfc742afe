// The functions that the double exports, as their headers declare them; all else of it is hidden.
#pragma once

#pragma GCC visibility push(default)
#include "fake_cuda.h"

// cuda.h of CUDA 13 gives this name to a newer function of the same signature; drivers have both.
#undef cuEventElapsedTime
extern "C" CUresult CUDAAPI cuEventElapsedTime(float* milliseconds, CUevent start, CUevent end);
#pragma GCC visibility pop
