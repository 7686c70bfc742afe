// DeviceChain: ops that run on a GPU, for rows of one fixed shape: kernels, enqueued one after another.
//
// Nothing in it waits, allocates or copies from the host, so that it can be captured in a graph, with what comes before
// and after it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "cuda/device.h"
#include "cuda/module.h"
#include "cuda/stream.h"
#include "kernels/kernel_compiler.h"
#include "ops/op.h"

namespace pyserver::kernels {

// Immutable once made, so thread-safe. Its kernels stay loaded as long as it lives: graphs that hold them must go
// first.
class DeviceChain {
 public:
  // Plans, compiles and loads. As plan_kernels() says what is refused, KernelCompiler::compile() what cannot be
  // compiled.
  static Result<DeviceChain> create(const cuda::Device& device, const KernelCompiler& compiler,
                                    std::vector<std::unique_ptr<Op>> ops, const RowSpec& input);

  const RowSpec& input() const noexcept { return input_; }
  const RowSpec& output() const noexcept { return output_; }
  // Of one row.
  std::size_t input_bytes() const noexcept { return input_bytes_; }
  std::size_t output_bytes() const noexcept { return output_bytes_; }
  // As they are written in model.yaml.
  const std::vector<std::string>& op_names() const noexcept { return op_names_; }
  // Fewer, where ops share one.
  std::vector<std::string> kernel_names() const;

  // What lies between the kernels, for so many rows; 0 where there is but one.
  std::size_t scratch_bytes(std::int64_t rows) const noexcept;

  // Rows lie back to back. `in`, `out` and `scratch` are multiples of 256, do not overlap, and have the bytes of `rows`
  // rows and of scratch_bytes(rows). What `in` holds stays as it is. INVALID_ARGUMENT where an address is none of
  // those.
  Status enqueue(cuda::Stream& stream, CUdeviceptr in, CUdeviceptr out, CUdeviceptr scratch, std::int64_t rows) const;

 private:
  struct Kernel {
    cuda::Function function;
    std::string name;
    unsigned threads;
    std::uint32_t blocks_a_row;
    std::size_t output_bytes;  // of a row
  };

  DeviceChain() = default;
  // Of the larger rows on each of the two sides between which kernels take turns.
  std::size_t side_bytes(std::size_t side, std::int64_t rows) const noexcept;

  RowSpec input_;
  RowSpec output_;
  std::size_t input_bytes_ = 0;
  std::size_t output_bytes_ = 0;
  std::vector<std::string> op_names_;
  std::vector<Kernel> kernels_;
};

}  // namespace pyserver::kernels
