#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "image/sample_files.h"
#include "memory/allocator.h"
#include "ops/op_chain.h"
#include "ops/op_registry.h"

namespace pyserver {
namespace {

using Options = std::map<std::string, OpOptions::Value, std::less<>>;

Result<OpChain> decoding(const Options& options, const RowSpec& input = {Datatype::kBytes, {}}) {
  auto op = make_op("decode_image", OpOptions(options));
  if (!op.ok()) return op.status();
  std::vector<std::unique_ptr<Op>> ops;
  ops.push_back(*std::move(op));
  return OpChain::create(std::move(ops), input);
}

// A BYTES element: its length and its data.
std::vector<std::byte> element(const File& file) {
  std::vector<std::byte> contents(4 + file.size());
  const auto length = static_cast<std::uint32_t>(file.size());
  std::memcpy(contents.data(), &length, sizeof length);
  std::ranges::copy(file, contents.begin() + 4);
  return contents;
}

TEST(DecodeImageTest, GivesAPictureOfAnySizeInTheWantedColours) {
  EXPECT_EQ(decoding({})->output(), (RowSpec{Datatype::kUint8, {-1, -1, 3}}));
  EXPECT_EQ(decoding({{"", std::string("BGR")}})->output(), (RowSpec{Datatype::kUint8, {-1, -1, 3}}));
  EXPECT_EQ(decoding({{"color", std::string("GRAY")}})->output(), (RowSpec{Datatype::kUint8, {-1, -1, 1}}));
}

TEST(DecodeImageTest, TakesOneEncodedPictureOnly) {
  EXPECT_EQ(decoding({}, {Datatype::kUint8, {-1}}).status(),
            invalid_argument("op 1 (decode_image): expected an encoded picture of BYTES [], got UINT8 [-1]"));
  EXPECT_EQ(decoding({}, {Datatype::kBytes, {1}}).status(),
            invalid_argument("op 1 (decode_image): expected an encoded picture of BYTES [], got BYTES [1]"));
}

TEST(DecodeImageTest, WrongOptionsAreNamed) {
  EXPECT_EQ(decoding({{"color", std::string("CMYK")}}).status(),
            invalid_argument("decode_image: 'color': expected one of RGB, BGR, GRAY, got 'CMYK'"));
  EXPECT_EQ(decoding({{"max_pixels", std::int64_t{0}}}).status(),
            invalid_argument("decode_image: 'max_pixels': expected a whole number from 1 to 4294836225, got 0"));
}

TEST(DecodeImageTest, TellsWhereItsPixelsCameFrom) {
  HostAllocator allocator;
  const auto pool = BufferPool::create(allocator, {});
  ChainContext context(*pool);
  const std::vector<std::byte> contents = element(sample_jpeg());
  const TensorView row{"", Datatype::kBytes, {}, contents};
  const auto full = decoding({});
  ASSERT_EQ(*full->plan(row), (Shape{3, 5, 3}));
  std::vector<std::byte> pixels(45);
  ASSERT_TRUE(full->run(row, pixels, context).ok());
  EXPECT_EQ(context.geometry.source_width, 5);
  EXPECT_EQ(context.geometry.source_height, 3);
  EXPECT_EQ(context.geometry.scale_x, 1);

  const auto draft = decoding({{"draft", std::int64_t{1}}});
  ASSERT_EQ(*draft->plan(row), (Shape{2, 3, 3}));
  ASSERT_TRUE(draft->run(row, std::span(pixels).first(18), context).ok());
  EXPECT_EQ(context.geometry.source_width, 5);
  EXPECT_EQ(context.geometry.scale_x, 0.5);
  EXPECT_EQ(context.geometry.scale_y, 0.5);
}

TEST(DecodeImageTest, WithoutMemoryForTheScratchTheRowIsRefused) {
  HostAllocator allocator;
  const auto pool = BufferPool::create(allocator, {.max_bytes = 1, .max_idle_bytes = 0});
  ChainContext context(*pool);
  const std::vector<std::byte> contents = element(sample_webp());
  std::vector<std::byte> pixels(15);
  // libwebp gives colours, from which the gray is computed.
  EXPECT_EQ(decoding({{"color", std::string("GRAY")}})->run({"", Datatype::kBytes, {}, contents}, pixels, context),
            resource_exhausted("decode_image: no memory for 45 bytes"));
}

}  // namespace
}  // namespace pyserver
