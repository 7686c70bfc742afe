#include "kernels/device_chain.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "kernels/kernel_plan.h"

namespace pyserver::kernels {
namespace {

constexpr std::size_t kAlignment = 256;
// The most that a grid has along its second dimension; further rows are taken by the same blocks.
constexpr std::int64_t kMostGridRows = 65535;

std::size_t row_bytes(const RowSpec& row) {
  return static_cast<std::size_t>(row.shape.element_count().value_or(0)) * size_of(row.datatype);
}

Status check_address(const char* what, CUdeviceptr address) {
  if (address != 0 && address % kAlignment == 0) return {};
  return invalid_argument(
      concat("device ops: expected the address of the ", what, " to be a multiple of ", kAlignment, ", got ", address));
}

}  // namespace

Result<DeviceChain> DeviceChain::create(const cuda::Device& device, const KernelCompiler& compiler,
                                        std::vector<std::unique_ptr<Op>> ops, const RowSpec& input) {
  auto planned = plan_kernels(ops, input);
  if (!planned.ok()) return planned.status();
  DeviceChain chain;
  for (const auto& op : ops) chain.op_names_.emplace_back(op->name());
  chain.input_ = input;
  chain.output_ = planned->back().output;
  chain.input_bytes_ = row_bytes(chain.input_);
  chain.output_bytes_ = row_bytes(chain.output_);
  for (const PlannedKernel& kernel : *planned) {
    const cuda::DeviceInfo& info = device.info();
    const auto cubin = compiler.compile(kernel, info.compute_major, info.compute_minor);
    if (!cubin.ok()) return cubin.status();
    const auto module = cuda::Module::load(device, *cubin);
    if (!module.ok()) return module.status();
    auto function = module->function(kEntryPoint);
    if (!function.ok()) return function.status();
    chain.kernels_.push_back(
        {*std::move(function), kernel.name, kernel.threads, kernel.blocks_a_row, row_bytes(kernel.output)});
  }
  return chain;
}

std::vector<std::string> DeviceChain::kernel_names() const {
  std::vector<std::string> names;
  for (const Kernel& kernel : kernels_) names.push_back(kernel.name);
  return names;
}

std::size_t DeviceChain::side_bytes(std::size_t side, std::int64_t rows) const noexcept {
  std::size_t largest = 0;
  for (std::size_t at = side; at + 1 < kernels_.size(); at += 2) {
    largest = std::max(largest, kernels_[at].output_bytes);
  }
  return (largest * static_cast<std::size_t>(rows) + kAlignment - 1) / kAlignment * kAlignment;
}

std::size_t DeviceChain::scratch_bytes(std::int64_t rows) const noexcept {
  return side_bytes(0, rows) + side_bytes(1, rows);
}

Status DeviceChain::enqueue(cuda::Stream& stream, CUdeviceptr in, CUdeviceptr out, CUdeviceptr scratch,
                            std::int64_t rows) const {
  if (rows < 1) return invalid_argument(concat("device ops: expected at least one row, got ", rows));
  PYSERVER_RETURN_IF_ERROR(check_address("input", in));
  PYSERVER_RETURN_IF_ERROR(check_address("output", out));
  if (kernels_.size() > 1) PYSERVER_RETURN_IF_ERROR(check_address("scratch", scratch));
  const std::array<CUdeviceptr, 2> sides = {scratch, scratch + side_bytes(0, rows)};
  CUdeviceptr from = in;
  for (std::size_t at = 0; at < kernels_.size(); ++at) {
    const Kernel& kernel = kernels_[at];
    CUdeviceptr to = at + 1 == kernels_.size() ? out : sides[at % 2];
    long long count = rows;
    const std::array<void*, 3> arguments = {&from, &to, &count};
    const cuda::Dim3 grid{kernel.blocks_a_row, static_cast<unsigned>(std::min(rows, kMostGridRows)), 1};
    PYSERVER_RETURN_IF_ERROR(cuda::launch(stream, kernel.function, grid, {kernel.threads, 1, 1}, 0, arguments));
    from = to;
  }
  return {};
}

}  // namespace pyserver::kernels
