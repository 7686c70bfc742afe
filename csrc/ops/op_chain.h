// OpChain: ops one after another, from what one party has to what the other takes.
//
//     chain.plan(row)         the shape that comes out, told before anything is computed
//     chain.run(row, output)
//
// Ops that are cheaper together are fused when the chain is made; the last one writes straight into `output`.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "memory/buffer_pool.h"
#include "ops/op.h"

namespace pyserver {

// The memory in which one thread runs chains: two intermediate rows and an op's scratch, reused from row to row and
// taken from the pool, so that they count against its limit.
class ChainContext final : public RowContext {
 public:
  explicit ChainContext(BufferPool& pool) : pool_(pool) {}
  std::byte* scratch(std::size_t bytes) override;

 private:
  friend class OpChain;
  std::byte* intermediate(std::size_t index, std::size_t bytes);
  std::byte* reserved(Buffer& buffer, std::size_t bytes);

  BufferPool& pool_;
  Buffer scratch_;
  Buffer intermediates_[2];
};

// Immutable once made, so thread-safe.
class OpChain {
 public:
  // Checks each op against what the one before it gives, from `input` on. INVALID_ARGUMENT, naming the op and its place
  // in the chain, where two do not fit.
  static Result<OpChain> create(std::vector<std::unique_ptr<Op>> ops, const RowSpec& input);

  const RowSpec& input() const noexcept { return input_; }
  const RowSpec& output() const noexcept { return output_; }
  // As they were given, for people: before any was fused with another.
  const std::vector<std::string>& op_names() const noexcept { return op_names_; }

  // The shape that comes out for this row: datatype and shape are such as input() takes, contents are checked.
  Result<Shape> plan(const TensorView& row) const;

  // `output` has the bytes of plan()'s shape; its first byte is aligned to its element. INVALID_ARGUMENT, naming the
  // op, where the row is bad.
  Status run(const TensorView& row, std::span<std::byte> output, ChainContext& context) const;

  // Instead of run() where output() is BYTES: appends the elements that come out, each with its length in front.
  Status append_texts(const TensorView& row, std::vector<std::byte>& output, ChainContext& context) const;

 private:
  OpChain() = default;
  // All ops but the last. What the last one takes, its memory in `context`.
  Result<TensorView> run_to_last(const TensorView& row, ChainContext& context) const;

  std::vector<std::unique_ptr<Op>> ops_;
  std::vector<std::string> op_names_;
  RowSpec input_;
  RowSpec output_;
  std::vector<RowSpec> specs_;  // what goes into each op
};

}  // namespace pyserver
