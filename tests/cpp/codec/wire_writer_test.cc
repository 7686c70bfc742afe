#include "codec/wire_writer.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "codec/wire_message.h"

namespace pyserver {
namespace {

using test::bytes_of;

TEST(WireWriter, MeasuresVarintsAtTheirEdges) {
  for (int bits = 0; bits < 64; ++bits) {
    for (const std::uint64_t value : {std::uint64_t{1} << bits, (std::uint64_t{1} << bits) - 1}) {
      EXPECT_EQ(varint_size(value), test::varint(value).size()) << value;
    }
  }
  EXPECT_EQ(varint_size(UINT64_MAX), kMaxVarintSize);
}

TEST(WireWriter, WritesExactlyWhatWasMeasured) {
  const std::array<std::int64_t, 3> shape = {2, 300, -1};
  const std::size_t size = scalar_size(1, 300) + text_size(200, "name") + packed_size(2, shape) + bytes_size(3, 0);
  std::string room(size, 'x');
  WireWriter writer(std::as_writable_bytes(std::span(room)));
  writer.scalar(1, 300);
  writer.text(200, "name");
  writer.packed(2, shape);
  writer.bytes(3, {});
  EXPECT_EQ(writer.written(), size);
  EXPECT_EQ(room, test::number(1, 300) + test::sized(200, "name") +
                      test::sized(2, test::varint(2) + test::varint(300) + test::varint(UINT64_MAX)) +
                      test::sized(3, ""));
}

TEST(WireWriter, LeavesOutWhatProto3LeavesOut) {
  EXPECT_EQ(scalar_size(1, 0) + text_size(2, "") + packed_size(3, {}), 0u);
  WireWriter writer({});
  writer.scalar(1, 0);
  writer.text(2, "");
  writer.packed(3, {});
  EXPECT_EQ(writer.written(), 0u);
}

TEST(WireWriter, ALengthPatchedLaterReadsLikeAnyOther) {
  for (const std::size_t length : {0, 1, 127, 128, 70'000}) {
    std::string room(1 + WireWriter::kPaddedLengthSize + length, 'x');
    WireWriter writer(std::as_writable_bytes(std::span(room)));
    writer.varint(bytes_tag(1));
    const std::size_t place = writer.reserve_length();
    writer.raw(bytes_of(std::string(length, 'y')));
    writer.patch_length(place, length);
    WireReader reader(bytes_of(std::string_view(room)));
    WireField field;
    ASSERT_TRUE(reader.next(field));
    EXPECT_EQ(field.bytes.size(), length);
    EXPECT_FALSE(reader.next(field));
    EXPECT_TRUE(reader.ok());
  }
}

}  // namespace
}  // namespace pyserver
