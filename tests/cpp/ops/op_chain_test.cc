#include "ops/op_chain.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "memory/allocator.h"
#include "ops/op_registry.h"

namespace pyserver {
namespace {

// Adds `amount` to each UINT8; takes rows of at most `longest` elements.
class Adder final : public Op {
 public:
  Adder(int amount, std::int64_t longest) : amount_(amount), longest_(longest) {}
  std::string_view name() const noexcept override { return "add"; }
  Result<RowSpec> check(const RowSpec& input) const override {
    if (input.datatype != Datatype::kUint8) return invalid_argument(concat("expected UINT8, got ", to_string(input)));
    return input;
  }
  Result<Shape> shape_for(const TensorView& input) const override {
    if (input.shape[0] > longest_) return invalid_argument(concat("a row of ", input.shape[0], " is too long"));
    return input.shape;
  }
  Status run(const TensorView& input, std::span<std::byte> output, RowContext& context) const override {
    std::byte* const scratch = context.scratch(output.size());
    if (scratch == nullptr) return resource_exhausted("no memory");
    std::memcpy(scratch, input.bytes.data(), output.size());
    for (std::size_t index = 0; index < output.size(); ++index) {
      output[index] = static_cast<std::byte>(std::to_integer<int>(scratch[index]) + amount_);
    }
    return {};
  }
  std::unique_ptr<Op> fused_with(const Op& next) const override {
    const auto* adder = dynamic_cast<const Adder*>(&next);
    if (adder == nullptr || !fuses) return nullptr;
    return std::make_unique<Adder>(amount_ + adder->amount_, std::min(longest_, adder->longest_));
  }

  bool fuses = false;

 private:
  const int amount_;
  const std::int64_t longest_;
};

class Namer final : public Op {
 public:
  std::string_view name() const noexcept override { return "name"; }
  Result<RowSpec> check(const RowSpec&) const override { return RowSpec{Datatype::kBytes, {1}}; }
  Result<Shape> shape_for(const TensorView&) const override { return Shape{1}; }
  Status run(const TensorView&, std::span<std::byte>, RowContext&) const override { return internal_error("texts"); }
  Status append_texts(const TensorView& input, std::vector<std::byte>& output, RowContext&) const override {
    output.push_back(input.bytes[0]);
    return {};
  }
};

std::vector<std::unique_ptr<Op>> adders(int count, bool fuse, std::int64_t longest = 100) {
  std::vector<std::unique_ptr<Op>> ops;
  for (int index = 0; index < count; ++index) {
    auto adder = std::make_unique<Adder>(1, longest);
    adder->fuses = fuse;
    ops.push_back(std::move(adder));
  }
  return ops;
}

class OpChainTest : public testing::Test {
 protected:
  HostAllocator allocator_;
  std::shared_ptr<BufferPool> pool_ = BufferPool::create(allocator_, {});
  ChainContext context_{*pool_};
  std::vector<std::byte> bytes_{std::byte{5}, std::byte{6}, std::byte{7}};
  TensorView row_{"", Datatype::kUint8, {3}, bytes_};
  std::vector<std::byte> output_ = std::vector<std::byte>(3);
};

TEST_F(OpChainTest, RunsItsOpsOneAfterAnother) {
  for (const bool fuse : {false, true}) {
    const auto chain = OpChain::create(adders(5, fuse), {Datatype::kUint8, {-1}});
    ASSERT_TRUE(chain.ok()) << chain.status().message();
    EXPECT_EQ(*chain->plan(row_), Shape{3});
    ASSERT_TRUE(chain->run(row_, output_, context_).ok());
    EXPECT_EQ(output_, (std::vector<std::byte>{std::byte{10}, std::byte{11}, std::byte{12}})) << fuse;
  }
}

TEST_F(OpChainTest, WithoutOpsItGivesWhatItTakes) {
  const auto chain = OpChain::create({}, {Datatype::kUint8, {3}});
  ASSERT_TRUE(chain.ok());
  EXPECT_EQ(chain->output(), (RowSpec{Datatype::kUint8, {3}}));
  ASSERT_TRUE(chain->run(row_, output_, context_).ok());
  EXPECT_EQ(output_, bytes_);
}

TEST_F(OpChainTest, TwoOpsThatDoNotFitAreNamedAtTheirPlace) {
  std::vector<std::unique_ptr<Op>> ops = adders(1, false);
  EXPECT_EQ(OpChain::create(std::move(ops), {Datatype::kFp32, {3}}).status(),
            invalid_argument("op 1 (add): expected UINT8, got FP32 [3]"));
  ops = adders(1, false);
  ops.push_back(std::make_unique<Namer>());
  ops.push_back(std::make_unique<Adder>(1, 3));
  EXPECT_EQ(OpChain::create(std::move(ops), {Datatype::kUint8, {3}}).status(),
            invalid_argument("op 2 (name): it gives texts, and no op can follow it"));
}

TEST_F(OpChainTest, ARowThatIsBadIsRefusedBeforeAnythingIsComputed) {
  const auto chain = OpChain::create(adders(2, false, 2), {Datatype::kUint8, {-1}});
  ASSERT_TRUE(chain.ok());
  EXPECT_EQ(chain->plan(row_).status(), invalid_argument("add: a row of 3 is too long"));
  EXPECT_EQ(chain->run(row_, output_, context_), invalid_argument("add: a row of 3 is too long"));
}

TEST_F(OpChainTest, TextsAreAppended) {
  auto ops = adders(2, false);
  ops.push_back(std::make_unique<Namer>());
  const auto chain = OpChain::create(std::move(ops), {Datatype::kUint8, {3}});
  ASSERT_TRUE(chain.ok());
  std::vector<std::byte> texts{std::byte{1}};
  ASSERT_TRUE(chain->append_texts(row_, texts, context_).ok());
  EXPECT_EQ(texts, (std::vector<std::byte>{std::byte{1}, std::byte{7}}));
}

TEST_F(OpChainTest, WithoutMemoryTheRowIsRefused) {
  const auto pool = BufferPool::create(allocator_, {.max_bytes = 1, .max_idle_bytes = 0});
  ChainContext context(*pool);
  const auto chain = OpChain::create(adders(1, false), {Datatype::kUint8, {-1}});
  EXPECT_EQ(chain->run(row_, output_, context).code(), StatusCode::kResourceExhausted);
}

TEST(OpRegistryTest, OpsAreInAlphabeticalOrderAndExplained) {
  const auto entries = op_entries();
  EXPECT_TRUE(std::ranges::is_sorted(entries, {}, &OpEntry::name));
  for (const OpEntry& entry : entries) EXPECT_FALSE(entry.help.empty()) << entry.name;
}

TEST(OpRegistryTest, AnUnknownOpAndAWrongOptionAreNamed) {
  EXPECT_TRUE(make_op("dream", {}).status().message().starts_with("there is no op 'dream': expected one of "));
  EXPECT_EQ(make_op("layout", OpOptions({{"", std::string("WCH")}})).status(),
            invalid_argument("layout: 'to': expected one of CHW, HWC, got 'WCH'"));
  EXPECT_EQ(make_op("layout", OpOptions({{"too", std::string("CHW")}})).status(),
            invalid_argument("layout: 'too' is no option of it: expected to"));
}

}  // namespace
}  // namespace pyserver
