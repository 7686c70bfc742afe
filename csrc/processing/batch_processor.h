// BatchProcessor: runs a model version's processing over whole batches, rows in parallel.
//
// Not thread-safe: one for each instance.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "base/status.h"
#include "inference/request.h"
#include "memory/buffer_pool.h"
#include "processing/processing.h"
#include "processing/row_threads.h"

namespace pyserver {

class BatchProcessor {
 public:
  // `processing` and `pool` must outlive this. `threads` as the instance has.
  BatchProcessor(const Processing& processing, BufferPool& pool, std::size_t threads);

  // Tokenizes the texts of a batch, whose requests Processing::plan() has seen, and sets the lengths of the inputs that
  // are made of them. A failure is the batch's as a whole.
  Status prepare(std::span<const std::unique_ptr<Request>> requests);

  // Makes the rows of a batch, that prepare() has seen. rooms[i] is where those of the model's input
  // i go, one request after another; it is empty for inputs that are not made. `statuses` gets one for each request:
  // INVALID_ARGUMENT, naming input and row, where a row is bad.
  void preprocess(std::span<const std::unique_ptr<Request>> requests, std::span<const std::span<std::byte>> rooms,
                  std::vector<Status>& statuses);

  // The client's outputs of the batch that preprocess() made last, from the model's. Their memory is valid until the
  // next call.
  Result<std::span<const TensorView>> postprocess(std::span<const TensorView> outputs);

 private:
  // One row on its way through one chain.
  struct Step {
    const OpChain* chain;
    TensorView row;
    std::span<std::byte> output;
    std::size_t batch_row;
    std::size_t request;
    Status status;
  };
  // The texts of a row, where its chain ends in texts.
  using Texts = std::vector<std::byte>;

  void write_texts(std::span<const std::span<std::byte>> rooms);
  void add_steps(const MadeInput& made, const Request& request, std::size_t index, std::size_t first_row,
                 std::span<std::byte> room);
  Status make_output(const MadeOutput& made, TensorView& output, Buffer& buffer);

  const Processing& processing_;
  BufferPool& pool_;
  RowThreads threads_;
  std::vector<ChainContext> contexts_;  // one a thread
  std::vector<Step> steps_;
  std::vector<Encoded> encoded_;             // one for each of the processing's texts
  std::vector<PictureGeometry> geometries_;  // one a row of the batch
  std::vector<Texts> texts_;                 // one a row
  std::vector<TensorView> outputs_;
  std::vector<Buffer> output_buffers_;
};

}  // namespace pyserver
