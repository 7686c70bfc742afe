#include "kernels/host_kernels.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "kernels/guarded_memory.h"
#include "kernels/kernel_compiler.h"
#include "kernels/kernel_plan.h"
#include "memory/allocator.h"
#include "ops/op_chain.h"
#include "ops/op_registry.h"

namespace pyserver::testing {
namespace {

// As tests/support/fake_cuda/fake_cuda.h has them.
struct LaunchShape {
  unsigned grid[3];
  unsigned block[3];
  unsigned shared_bytes;
};
struct ModuleKernel {
  const char* name;
  std::size_t parameter_count;
  const std::size_t* parameter_sizes;
  const int* parameter_kinds;
  void (*run)(const LaunchShape* shape, void* const* arguments);
  void (*ranges)(const LaunchShape* shape, void* const* arguments, std::size_t* bytes);
};

std::size_t row_bytes(const RowSpec& row) {
  return static_cast<std::size_t>(row.shape.element_count().value_or(0)) * size_of(row.datatype);
}

// Kernels of one text are compiled once for all tests.
const ModuleKernel* loaded(const kernels::PlannedKernel& kernel) {
  static const auto compiler = kernels::KernelCompiler::create("", FAKE_NVRTC);
  static std::map<std::string, const ModuleKernel*> known;
  if (const auto found = known.find(kernel.source); found != known.end()) return found->second;
  EXPECT_TRUE(compiler.ok()) << compiler.status().message();
  if (!compiler.ok()) return nullptr;
  const auto cubin = (*compiler)->compile(kernel, 9, 0);
  EXPECT_TRUE(cubin.ok()) << cubin.status().message() << "\n" << kernel.source;
  if (!cubin.ok()) return nullptr;
  const int file = memfd_create("kernel", MFD_CLOEXEC);
  EXPECT_EQ(write(file, cubin->data(), cubin->size()), static_cast<ssize_t>(cubin->size()));
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  EXPECT_NE(library, nullptr) << dlerror();
  if (library == nullptr) return nullptr;
  using List = const ModuleKernel* (*)(std::size_t*);
  std::size_t count = 0;
  const ModuleKernel* const entry = reinterpret_cast<List>(dlsym(library, "fakeKernels"))(&count);
  EXPECT_EQ(count, 1U);
  EXPECT_STREQ(entry->name, kernels::kEntryPoint);
  // The descriptor stays open: the loader knows libraries by the path that they came from.
  return known[kernel.source] = entry;
}

}  // namespace

std::vector<std::unique_ptr<Op>> make_ops(const std::vector<NamedOp>& ops) {
  std::vector<std::unique_ptr<Op>> made;
  for (const NamedOp& op : ops) {
    auto result = make_op(op.name, OpOptions(op.options));
    EXPECT_TRUE(result.ok()) << result.status().message();
    if (result.ok()) made.push_back(*std::move(result));
  }
  return made;
}

Rows run_kernels(const std::vector<NamedOp>& ops, const Rows& rows) {
  const auto planned = kernels::plan_kernels(make_ops(ops), rows.spec);
  EXPECT_TRUE(planned.ok()) << planned.status().message();
  return planned.ok() ? run_planned(*planned, rows) : Rows();
}

Rows run_planned(const std::vector<kernels::PlannedKernel>& planned, const Rows& rows) {
  auto at = std::make_unique<GuardedMemory>(rows.bytes.size());
  std::ranges::copy(rows.bytes, at->data());
  for (const kernels::PlannedKernel& kernel : planned) {
    const ModuleKernel* const entry = loaded(kernel);
    if (entry == nullptr) return {};
    auto next = std::make_unique<GuardedMemory>(row_bytes(kernel.output) * static_cast<std::size_t>(rows.count));
    const void* from = at->data();
    void* to = next->data();
    long long count = rows.count;
    const std::array<void*, 3> arguments = {&from, &to, &count};
    // Fewer blocks than rows, so that a block takes several.
    const auto grid_rows = static_cast<unsigned>(std::min<std::int64_t>(rows.count, 3));
    const LaunchShape shape{{kernel.blocks_a_row, grid_rows, 1}, {kernel.threads, 1, 1}, 0};
    entry->run(&shape, arguments.data());
    at = std::move(next);
  }
  return {planned.back().output, rows.count, {at->bytes().begin(), at->bytes().end()}};
}

Rows run_ops(const std::vector<NamedOp>& ops, const Rows& rows) {
  auto chain = OpChain::create(make_ops(ops), rows.spec);
  EXPECT_TRUE(chain.ok()) << chain.status().message();
  if (!chain.ok()) return {};
  HostAllocator allocator;
  const auto pool = BufferPool::create(allocator, {});
  ChainContext context(*pool);
  Rows made{chain->output(), rows.count, {}};
  const std::size_t in = row_bytes(rows.spec);
  const std::size_t out = row_bytes(made.spec);
  made.bytes.resize(out * static_cast<std::size_t>(rows.count));
  for (std::size_t row = 0; row < static_cast<std::size_t>(rows.count); ++row) {
    const TensorView view{"", rows.spec.datatype, rows.spec.shape, std::span(rows.bytes).subspan(row * in, in)};
    const Status status = chain->run(view, std::span(made.bytes).subspan(row * out, out), context);
    EXPECT_TRUE(status.ok()) << status.message();
  }
  return made;
}

std::vector<std::string> kernel_names(const std::vector<NamedOp>& ops, const RowSpec& input) {
  const auto planned = kernels::plan_kernels(make_ops(ops), input);
  EXPECT_TRUE(planned.ok()) << planned.status().message();
  std::vector<std::string> names;
  if (planned.ok()) {
    for (const auto& kernel : *planned) names.push_back(kernel.name);
  }
  return names;
}

}  // namespace pyserver::testing
