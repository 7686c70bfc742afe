#include "grpc/metadata.h"

#include <gtest/gtest.h>

namespace pyserver {
namespace {

using namespace std::string_literals;

HeaderList headers(std::initializer_list<HeaderField> fields) {
  HeaderList list;
  for (const HeaderField& field : fields) list.add(field.name, field.value);
  return list;
}

TEST(ReadMetadata, LeavesOutWhatIsTheProtocols) {
  const Result<Metadata> metadata = read_metadata(headers({{":method", "POST"},
                                                           {":path", "/a/b"},
                                                           {":authority", "host"},
                                                           {"content-type", "application/grpc"},
                                                           {"te", "trailers"},
                                                           {"grpc-timeout", "1S"},
                                                           {"grpc-encoding", "gzip"},
                                                           {"grpc-accept-encoding", "gzip"},
                                                           {"user-agent", "test"},
                                                           {"key", "value"},
                                                           {"grpc-trace-bin", "AAA"}}));
  ASSERT_TRUE(metadata.ok());
  EXPECT_EQ(*metadata, (Metadata{{"user-agent", "test"}, {"key", "value"}, {"grpc-trace-bin", "\0\0"s}}));
}

TEST(ReadMetadata, KeepsTheOrderOfEqualKeys) {
  const Result<Metadata> metadata = read_metadata(headers({{"k", "1"}, {"l", "2"}, {"k", "3"}}));
  ASSERT_TRUE(metadata.ok());
  EXPECT_EQ(*metadata, (Metadata{{"k", "1"}, {"l", "2"}, {"k", "3"}}));
}

TEST(ReadMetadata, TrimsText) {
  const Result<Metadata> metadata = read_metadata(headers({{"k", "  a, b \t"}, {"blank", "  "}, {"empty", ""}}));
  ASSERT_TRUE(metadata.ok());
  EXPECT_EQ(*metadata, (Metadata{{"k", "a, b"}, {"blank", ""}, {"empty", ""}}));
}

TEST(ReadMetadata, PassesTextThatIsNotAsciiAsItCame) {
  const Result<Metadata> metadata = read_metadata(headers({{"city", "S\xc3\xa3o Paulo \xff"}}));
  ASSERT_TRUE(metadata.ok());
  EXPECT_EQ(*metadata, (Metadata{{"city", "S\xc3\xa3o Paulo \xff"}}));
}

TEST(ReadMetadata, SplitsJoinedBinaryValues) {
  const Result<Metadata> metadata = read_metadata(headers({{"k-bin", "Zg==, Zm8,Zm9v ,"}, {"l-bin", ""}}));
  ASSERT_TRUE(metadata.ok());
  EXPECT_EQ(*metadata, (Metadata{{"k-bin", "f"}, {"k-bin", "fo"}, {"k-bin", "foo"}, {"k-bin", ""}, {"l-bin", ""}}));
}

TEST(ReadMetadata, NamesABinaryValueThatIsNotBase64) {
  const Result<Metadata> metadata = read_metadata(headers({{"k-bin", "Zm8,!"}}));
  ASSERT_FALSE(metadata.ok());
  EXPECT_EQ(metadata.status(), invalid_argument("metadata 'k-bin': its value 'Zm8,!' is not base64"));
}

TEST(CheckMetadata, PassesWhatCanBeSent) {
  EXPECT_TRUE(check_metadata({}).ok());
  EXPECT_TRUE(check_metadata({{"a-z_0.9", " ~!"}, {"k", ""}, {"k-bin", "\0\xff\n"s}, {"user-agent-of", "x"}}).ok());
}

TEST(CheckMetadata, RefusesKeysThatCannotBeSent) {
  for (const char* key : {"",
                          "Key",
                          "k k",
                          "k:",
                          ":status",
                          "k\n",
                          "clé",
                          "k\x7f",
                          "k/l",
                          "grpc-status",
                          "grpc-x-bin",
                          "grpc-status-details-bin",
                          "content-type",
                          "te",
                          "connection",
                          "content-length",
                          "host",
                          "transfer-encoding",
                          "upgrade",
                          "keep-alive",
                          "proxy-connection",
                          "trailer"}) {
    const Status status = check_metadata({{key, "value"}});
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << key;
  }
  EXPECT_EQ(check_metadata({{"k\0"s, "v"}}).code(), StatusCode::kInvalidArgument);
}

TEST(CheckMetadata, RefusesTextThatIsNotPrintableAscii) {
  for (const std::string& value : {"a\nb"s, "a\rb"s, "a\tb"s, "\0"s, "\x7f"s, "é"s, "\x1f"s}) {
    const Status status = check_metadata({{"k", value}});
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << value;
  }
  EXPECT_EQ(check_metadata({{"k", "a\nb"}}).message(),
            "metadata 'k': its value 'a\\x0ab' is not printable ASCII; bytes need a key that ends in '-bin'");
}

TEST(CheckMetadata, RefusesMoreThanAHeaderBlockHolds) {
  EXPECT_TRUE(check_metadata({{"k", std::string(kMaxSentMetadataBytes - 33, 'x')}}).ok());
  EXPECT_FALSE(check_metadata({{"k", std::string(kMaxSentMetadataBytes - 32, 'x')}}).ok());
  EXPECT_FALSE(check_metadata({{"k-bin", std::string(kMaxSentMetadataBytes * 3 / 4, 'x')}}).ok());
  EXPECT_FALSE(check_metadata(Metadata(kMaxSentMetadataBytes / 33, {"k", "v"})).ok());
}

TEST(WireValue, EncodesBytesAndTrimsText) {
  EXPECT_EQ(wire_value({"k-bin", "fo"}), "Zm8");
  EXPECT_EQ(wire_value({"k", " a b "}), "a b");
}

}  // namespace
}  // namespace pyserver
