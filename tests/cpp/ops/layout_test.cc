#include <gtest/gtest.h>

#include "memory/allocator.h"
#include "ops/op_chain.h"
#include "ops/op_registry.h"

namespace pyserver {
namespace {

Result<OpChain> layout(const std::string& to, const RowSpec& input) {
  auto op = make_op("layout", OpOptions({{"to", to}}));
  if (!op.ok()) return op.status();
  std::vector<std::unique_ptr<Op>> ops;
  ops.push_back(*std::move(op));
  return OpChain::create(std::move(ops), input);
}

TEST(LayoutTest, TurnsPicturesOfEveryElementSizeAndBack) {
  HostAllocator allocator;
  const auto pool = BufferPool::create(allocator, {});
  ChainContext context(*pool);
  for (const Datatype datatype : {Datatype::kUint8, Datatype::kFp16, Datatype::kFp32, Datatype::kFp64}) {
    const Shape hwc{67, 3, 3};
    const auto forth = layout("CHW", {datatype, hwc});
    const auto back = layout("HWC", {datatype, {3, 67, 3}});
    ASSERT_TRUE(forth.ok() && back.ok());
    EXPECT_EQ(forth->output(), (RowSpec{datatype, {3, 67, 3}}));
    const std::size_t element = size_of(datatype);
    std::vector<std::byte> picture(67 * 9 * element);
    for (std::size_t index = 0; index < picture.size(); ++index) picture[index] = static_cast<std::byte>(index % 251);
    std::vector<std::byte> turned(picture.size());
    std::vector<std::byte> again(picture.size());
    ASSERT_TRUE(forth->run({"", datatype, hwc, picture}, turned, context).ok());
    // Pixel (y, x), channel c.
    const auto at = [&](std::size_t y, std::size_t x, std::size_t c) { return ((y * 3 + x) * 3 + c) * element; };
    EXPECT_EQ(turned[((2 * 67 + 11) * 3 + 1) * element], picture[at(11, 1, 2)]);
    ASSERT_TRUE(back->run({"", datatype, {3, 67, 3}, turned}, again, context).ok());
    EXPECT_EQ(again, picture);
  }
}

TEST(LayoutTest, RefusesWhatIsNoPicture) {
  EXPECT_EQ(layout("CHW", {Datatype::kFp32, {10}}).status(),
            invalid_argument("op 1 (layout): expected a picture of 3 dimensions, got FP32 [10]"));
}

}  // namespace
}  // namespace pyserver
