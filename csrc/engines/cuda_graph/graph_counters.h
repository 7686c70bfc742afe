// GraphCounters: what the lanes of one engine count. Thread-safe; times in nanoseconds.
#pragma once

#include "metrics/counter.h"

namespace pyserver {

struct GraphCounters {
  Counter batches;  // executed well; the next three add up to the batches asked for
  Counter graph_hits, graph_misses;
  Counter uncaptured_batches;  // misses that were executed all the same
  Counter failed_batches;
  Counter rows, padding_rows;                             // of batches that a graph executed
  Counter input_copies;                                   // from host memory to the device: one a request and input
  Counter pageable_input_copies, pageable_output_copies;  // of memory that is not page-locked: the driver waits in them
  Counter device_input_copies;         // of inputs that lay on the device already: nothing crossed the bus
  Counter enqueue_ns;                  // of the CPU, to hand a batch to the driver
  Counter h2d_ns, compute_ns, d2h_ns;  // of the device, by its own events
};

}  // namespace pyserver
