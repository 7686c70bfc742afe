#include "ops/pixel_pass.h"

#include <hwy/highway.h>

#include <random>

#include "ops/op_testing.h"
#include "ops/pixel_op.h"

namespace pyserver {
namespace {

// Calls function() once for every set of instructions that this machine and this build have.
template <typename Function>
void on_every_target(const Function& function) {
  const std::int64_t targets = hwy::SupportedTargets() & HWY_TARGETS;
  for (std::int64_t rest = targets; rest != 0; rest &= rest - 1) {
    const std::int64_t target = rest & -rest;
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    function(target);
  }
  hwy::SetSupportedTargetsForTest(0);
}

// Adds 1 to each value, as FP32; says that it does what `claim` tells.
class AddOne final : public PixelStep {
 public:
  explicit AddOne(std::optional<PixelArithmetic> claim) : claim_(std::move(claim)) {}
  std::string_view name() const noexcept override { return "add_one"; }
  Result<RowSpec> check(const RowSpec& input) const override { return RowSpec{Datatype::kFp32, input.shape}; }
  PixelEffect effect() const override {
    PixelEffect effect;
    effect.changes_values = true;
    effect.arithmetic = claim_;
    return effect;
  }
  void run(const TensorView& input, std::span<std::byte> output) const noexcept override {
    auto* const to = reinterpret_cast<float*>(output.data());
    for (std::size_t at = 0; at < input.bytes.size(); ++at)
      to[at] = static_cast<float>(std::to_integer<int>(input.bytes[at]) + 1);
  }

 private:
  const std::optional<PixelArithmetic> claim_;
};

std::optional<PixelPass> pass_of(std::optional<PixelArithmetic> claim) {
  return PixelPass::create({std::make_shared<AddOne>(std::move(claim))});
}

TEST(PixelPassTest, ComputesWithVectorsOnlyWhereTheyGiveWhatTheStepsGive) {
  on_every_target([](std::int64_t) {
    const struct {
      std::optional<PixelArithmetic> claim;
      bool right;
    } cases[] = {
        {std::nullopt, false}, {PixelArithmetic{.means = {-1}}, true}, {PixelArithmetic{.means = {-2}}, false}};
    for (const auto& [claim, right] : cases) {
      const auto pass = pass_of(claim);
      ASSERT_TRUE(pass);
      EXPECT_EQ(pass->vectorized(), right);
      const std::vector<std::byte> picture(5 * 7 * 3, std::byte{41});
      std::vector<std::byte> output(picture.size() * sizeof(float));
      pass->run({"", Datatype::kUint8, {5, 7, 3}, picture}, output);
      EXPECT_EQ(numbers_in<float>(output), std::vector<float>(picture.size(), 42));
    }
  });
}

class PixelChainTest : public OpTest {};

const std::vector<double> kMean{0.485, 0.456, 0.406};
const std::vector<double> kStd{0.229, 0.224, 0.225};

// As if the values had come as FP32: there is no pass for those, the steps run one after another.
TEST_F(PixelChainTest, OnePassGivesWhatTheStepsGiveOnEveryTarget) {
  const NamedOp normalize{"normalize", {{"mean", kMean}, {"std", kStd}, {"scale", std::string("1/255")}}};
  const NamedOp plain{"normalize", {{"mean", 3.5}, {"std", 0.7}}};
  const NamedOp layout{"layout", {}};
  const NamedOp half{"cast", {{"", std::string("FP16")}}};
  const NamedOp table_only{"cast", {{"", std::string("INT16")}}};
  std::mt19937 random(1);
  on_every_target([&](std::int64_t) {
    for (const auto& ops : std::vector<std::vector<NamedOp>>{{normalize},
                                                             {normalize, layout},
                                                             {layout, plain, plain},
                                                             {normalize, layout, half},
                                                             {normalize, table_only},
                                                             {plain, plain, plain, layout}}) {
      for (const std::int64_t width : {1, 2, 15, 16, 17, 63, 64, 65, 200}) {
        const Shape shape{2, width, 3};
        std::vector<std::uint8_t> values(static_cast<std::size_t>(2 * width * 3));
        for (auto& value : values) value = static_cast<std::uint8_t>(random());
        const auto picture = bytes_of(values);
        const auto floats = bytes_of(std::vector<float>(values.begin(), values.end()));
        const auto chain = chain_of(ops, {Datatype::kUint8, shape});
        const auto plainly = chain_of(ops, {Datatype::kFp32, shape});
        ASSERT_TRUE(chain.ok() && plainly.ok());
        EXPECT_EQ(run(*chain, {"", Datatype::kUint8, shape, picture}),
                  run(*plainly, {"", Datatype::kFp32, shape, floats}));
      }
    }
  });
}

TEST_F(PixelChainTest, StepsApartTakeTheirMemoryFromTheContext) {
  const auto chain = chain_of({{"normalize", {}}, {"layout", {}}}, {Datatype::kFp32, {1, 2, 1}});
  ASSERT_TRUE(chain.ok());
  const auto pool = BufferPool::create(allocator_, {.max_bytes = 1, .max_idle_bytes = 0});
  ChainContext context(*pool);
  const auto row = bytes_of(std::vector<float>{1, 2});
  std::vector<std::byte> output(8);
  EXPECT_EQ(chain->run({"", Datatype::kFp32, {1, 2, 1}, row}, output, context),
            resource_exhausted("normalize+layout: no memory for 128 bytes"));
}

TEST_F(PixelChainTest, ARowNeedNotBeAligned) {
  const auto chain = chain_of({{"normalize", {{"mean", 1.0}}}}, {Datatype::kFp32, {3}});
  ASSERT_TRUE(chain.ok());
  std::vector<std::byte> shifted{std::byte{0}};
  for (const std::byte byte : bytes_of(std::vector<float>{1, 2, 3})) shifted.push_back(byte);
  const TensorView row{"", Datatype::kFp32, {3}, std::span(shifted).subspan(1)};
  EXPECT_EQ(numbers_in<float>(run(*chain, row)), (std::vector<float>{0, 1, 2}));
}

}  // namespace
}  // namespace pyserver
