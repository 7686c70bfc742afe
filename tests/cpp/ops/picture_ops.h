// Chains of picture ops for tests.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "memory/allocator.h"
#include "ops/op_chain.h"
#include "ops/op_registry.h"

namespace pyserver {

using Options = std::map<std::string, OpOptions::Value, std::less<>>;
using Numbers = std::vector<double>;

inline Result<OpChain> chain_of(const std::vector<std::pair<std::string, Options>>& named, const RowSpec& input) {
  std::vector<std::unique_ptr<Op>> ops;
  for (const auto& [name, options] : named) {
    auto op = make_op(name, OpOptions(options));
    if (!op.ok()) return op.status();
    ops.push_back(*std::move(op));
  }
  return OpChain::create(std::move(ops), input);
}

// One op on any picture of UINT8 with three channels.
inline Result<OpChain> on_any_picture(const std::string& name, const Options& options) {
  return chain_of({{name, options}}, {Datatype::kUint8, {-1, -1, 3}});
}

inline std::vector<std::byte> random_bytes(std::size_t count, unsigned seed = 1) {
  std::mt19937 engine(seed);
  std::vector<std::byte> bytes(count);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(engine() & 0xff);
  return bytes;
}

class PictureOpsTest : public testing::Test {
 protected:
  // What the chain makes of a row.
  Result<std::vector<std::byte>> run(const OpChain& chain, const Shape& shape, std::span<const std::byte> bytes) {
    const TensorView row{"", chain.input().datatype, shape, bytes};
    const Result<Shape> planned = chain.plan(row);
    if (!planned.ok()) return planned.status();
    planned_ = *planned;
    std::vector<std::byte> output(static_cast<std::size_t>(*planned->element_count()) *
                                  size_of(chain.output().datatype));
    context_.geometry = {};
    PYSERVER_RETURN_IF_ERROR(chain.run(row, output, context_));
    return output;
  }

  // Runs a chain whose result is of no interest on a picture of UINT8 with three channels.
  Status run_on(const OpChain& chain, std::int64_t height, std::int64_t width) {
    return run(chain, {height, width, 3}, random_bytes(static_cast<std::size_t>(height * width * 3))).status();
  }

  HostAllocator allocator_;
  std::shared_ptr<BufferPool> pool_ = BufferPool::create(allocator_, {});
  ChainContext context_{*pool_};
  Shape planned_;
};

}  // namespace pyserver
