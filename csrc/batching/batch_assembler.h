// BatchAssembler: puts the inputs of a batch together for the engine, and takes its outputs apart again.
//
// A lone request is executed where its bytes lie, unless they are not aligned to their element; then, and for larger
// batches, the rows are gathered once into buffers that are reused from batch to batch. Inputs that pre-processing
// makes get room there instead. An engine that gathers the rows itself is told where they lie. Not thread-safe: one for
// each instance.
#pragma once

#include <span>
#include <vector>

#include "batching/dynamic_batcher.h"
#include "inference/model_signature.h"
#include "inference/scattered_tensor.h"
#include "memory/buffer_pool.h"
#include "metrics/model_metrics.h"

namespace pyserver {

class BatchAssembler {
 public:
  // All must outlive the assembler. `made[i]`: input i is not gathered, but written by whoever makes it. Empty: none
  // is.
  BatchAssembler(const ModelSignature& signature, BufferPool& pool, ModelMetrics& metrics, std::vector<bool> made = {});

  // The inputs of `batch` as EngineInstance::execute() takes them, valid until the next call; those that are made are
  // still to be written to rooms(). RESOURCE_EXHAUSTED where the pool has no memory.
  Result<std::span<const TensorView>> gather(const Batch& batch);

  // The same as EngineInstance::execute_scattered() takes them: nothing is copied; a part is what one request brought.
  // An input that is made is one part.
  Result<std::span<const ScatteredTensor>> scatter(const Batch& batch);

  // Of the last gather() or scatter(), one an input: where the rows of its requests go, one after another. Empty where
  // an input is not made.
  std::span<const std::span<std::byte>> rooms() const noexcept { return rooms_; }

  // Checks that `outputs` are as many, and of the datatypes, that the signature says, that each has `batch.rows` rows
  // where the model batches, and as many bytes as its shape asks for. INTERNAL, naming the output, otherwise.
  Status check_outputs(const Batch& batch, std::span<const TensorView> outputs) const;

  // The outputs of one request: `outputs` itself for a lone request, otherwise its rows, from `first_row` on.
  // Valid until the next call. Cheapest in the order of the batch's requests.
  std::span<const TensorView> slice(const Batch& batch, const Request& request, std::int64_t first_row,
                                    std::span<const TensorView> outputs);

 private:
  Result<TensorView> gather_input(const Batch& batch, std::size_t input);
  void add_parts(const Batch& batch, std::size_t input);
  Result<TensorView> make_room(const Batch& batch, std::size_t input);
  bool is_made(std::size_t input) const noexcept { return !made_.empty() && made_[input]; }

  // Where the last slice of an output ended: BYTES rows are found by walking to them, and the next begins there.
  struct Position {
    std::int64_t row = 0;
    std::size_t offset = 0;
  };

  const ModelSignature& signature_;
  BufferPool& pool_;
  ModelMetrics& metrics_;
  const std::vector<bool> made_;
  std::vector<Buffer> scratch_;  // one an input
  std::vector<std::span<std::byte>> rooms_;
  std::vector<TensorView> inputs_;
  std::vector<ScatteredTensor> scattered_;
  std::vector<std::span<const std::byte>> parts_;  // of all inputs
  std::vector<std::uint64_t> device_parts_;        // likewise
  std::vector<TensorView> sliced_;
  std::vector<Position> positions_;  // one an output
};

}  // namespace pyserver
