// What tests of single ops share.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "memory/allocator.h"
#include "ops/op_chain.h"
#include "ops/op_registry.h"

namespace pyserver {

using Options = std::map<std::string, OpOptions::Value, std::less<>>;

struct NamedOp {
  std::string name;
  Options options;
};

// The chain of these ops over `input`, or why there is none.
inline Result<OpChain> chain_of(const std::vector<NamedOp>& named, const RowSpec& input) {
  std::vector<std::unique_ptr<Op>> ops;
  for (const NamedOp& op : named) {
    auto made = make_op(op.name, OpOptions(op.options));
    if (!made.ok()) return made.status();
    ops.push_back(*std::move(made));
  }
  return OpChain::create(std::move(ops), input);
}

// The sentence with which they are refused; empty where they are not.
inline std::string refusal(const std::vector<NamedOp>& named, const RowSpec& input) {
  const auto chain = chain_of(named, input);
  if (chain.ok()) return "";
  EXPECT_EQ(chain.status().code(), StatusCode::kInvalidArgument);
  return chain.status().message();
}

template <typename Number>
std::vector<std::byte> bytes_of(const std::vector<Number>& numbers) {
  const auto bytes = std::as_bytes(std::span(numbers));
  return {bytes.begin(), bytes.end()};
}

template <typename Number>
std::vector<Number> numbers_in(const std::vector<std::byte>& bytes) {
  std::vector<Number> numbers(bytes.size() / sizeof(Number));
  std::copy(bytes.begin(), bytes.end(), std::as_writable_bytes(std::span(numbers)).begin());
  return numbers;
}

// Runs chains with memory of their own.
class OpTest : public testing::Test {
 protected:
  std::vector<std::byte> run(const OpChain& chain, const TensorView& row) {
    const auto shape = chain.plan(row);
    EXPECT_TRUE(shape.ok()) << shape.status().message();
    if (!shape.ok()) return {};
    const auto count = static_cast<std::size_t>(shape->element_count().value_or(0));
    std::vector<std::byte> output(count * size_of(chain.output().datatype));
    const Status status = chain.run(row, output, context_);
    EXPECT_TRUE(status.ok()) << status.message();
    return output;
  }

  HostAllocator allocator_;
  std::shared_ptr<BufferPool> pool_ = BufferPool::create(allocator_, {});
  ChainContext context_{*pool_};
};

}  // namespace pyserver
