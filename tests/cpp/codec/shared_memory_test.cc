// What the decoder makes of the parameters shared_memory_*, and what the encoder writes of them.
#include <gtest/gtest.h>

#include <array>

#include "codec/open_inference_codec.h"
#include "codec/wire_message.h"
#include "support/shared_object.h"

namespace pyserver {
namespace {

using test::bytes_of;
using test::number;
using test::sized;
using test::text_of;
using test::varint;

std::string as_int64(std::uint64_t value) { return number(2, value); }
std::string as_string(std::string_view value) { return sized(3, value); }
std::string parameter(std::uint32_t field, std::string_view key, const std::string& value) {
  return sized(field, sized(1, key) + sized(2, value));
}
// In field `field` of a tensor; an offset of 0 is not written.
std::string place(std::uint32_t field, std::string_view region, std::uint64_t offset, std::uint64_t byte_size) {
  return parameter(field, "shared_memory_region", as_string(region)) +
         parameter(field, "shared_memory_byte_size", as_int64(byte_size)) +
         (offset == 0 ? "" : parameter(field, "shared_memory_offset", as_int64(offset)));
}
std::string input(std::string_view name, std::string_view datatype, std::uint64_t elements, const std::string& more) {
  return sized(5, sized(1, name) + sized(2, datatype) + sized(3, varint(elements)) + more);
}
std::string output(std::string_view name, const std::string& more) { return sized(6, sized(1, name) + more); }

// One region, "r": "0123456789".
class SharedMemoryCodec : public testing::Test {
 protected:
  SharedMemoryCodec() { EXPECT_TRUE(table_.register_system("r", object_.key(), 0, 10).ok()); }

  Status decode(const std::string& fields, const RegionTable* regions) {
    message_ = sized(1, "m") + fields;
    return decode_model_infer_request(bytes_of(std::string_view(message_)), TimePoint(), *test::pool, request_,
                                      regions);
  }
  void expect_refused(const std::string& fields, std::string_view reason) {
    Request request;
    const std::string message = sized(1, "m") + fields;
    const Status status =
        decode_model_infer_request(bytes_of(std::string_view(message)), TimePoint(), *test::pool, request, &table_);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(status.message(), reason);
  }

  const test::SharedObject object_{"0123456789"};
  RegionTable table_;
  std::string message_;
  Request request_;
};

TEST_F(SharedMemoryCodec, AnInputIsCopiedFromItsPlace) {
  ASSERT_TRUE(decode(input("x", "UINT8", 4, place(4, "r", 3, 4)), &table_).ok());
  object_.write("----------");
  EXPECT_EQ(text_of(request_.inputs.at(0).bytes), "3456") << "as it was when it was checked";
  EXPECT_FALSE(request_.wants_typed_contents);
}

TEST_F(SharedMemoryCodec, RawContentsAreForTheInputsThatAreNotInSharedMemory) {
  // Also where they come first.
  const std::string fields = sized(7, "ab") + input("x", "UINT8", 2, "") + input("y", "UINT8", 3, place(4, "r", 0, 3)) +
                             input("z", "UINT8", 1, "") + sized(7, "c");
  ASSERT_TRUE(decode(fields, &table_).ok());
  EXPECT_EQ(text_of(request_.inputs.at(0).bytes), "ab");
  EXPECT_EQ(text_of(request_.inputs.at(1).bytes), "012");
  EXPECT_EQ(text_of(request_.inputs.at(2).bytes), "c");
}

TEST_F(SharedMemoryCodec, TypedContentsAreForTheOthersToo) {
  const std::string typed = sized(5, sized(4, varint(7)));
  ASSERT_TRUE(decode(input("x", "UINT8", 1, typed) + input("y", "UINT8", 3, place(4, "r", 0, 3)), &table_).ok());
  EXPECT_EQ(text_of(request_.inputs.at(0).bytes), "\7");
  EXPECT_EQ(text_of(request_.inputs.at(1).bytes), "012");
  EXPECT_TRUE(request_.wants_typed_contents);
}

TEST_F(SharedMemoryCodec, ContentsInTwoPlacesAreRefused) {
  expect_refused(input("x", "UINT8", 3, place(4, "r", 0, 3)) + sized(7, "abc"),
                 "model 'm': expected 0 raw_input_contents, one for each input that is not in shared memory, got 1");
  expect_refused(input("x", "UINT8", 1, place(4, "r", 0, 1) + sized(5, sized(4, varint(7)))),
                 "model 'm': input 'x': expected contents either in shared memory or typed, got both");
}

TEST_F(SharedMemoryCodec, TheSizeOfAPlaceIsWhatTheShapeAsksFor) {
  expect_refused(input("x", "FP32", 2, place(4, "r", 0, 9)),
                 "model 'm': input 'x': parameter 'shared_memory_byte_size': expected 8 bytes for FP32 of shape [2], "
                 "got 9");
  const std::uint64_t huge = std::uint64_t{1} << 62;
  EXPECT_EQ(decode(input("x", "FP64", huge, place(4, "r", 0, 8)), &table_).code(), StatusCode::kInvalidArgument);
}

TEST_F(SharedMemoryCodec, BytesAreWalkedAsTheyWereCopied) {
  object_.write(std::string("\1\0\0\0a\1\0\0\0b", 10));
  ASSERT_TRUE(decode(input("x", "BYTES", 2, place(4, "r", 0, 10)), &table_).ok());
  object_.write("\xff\xff\xff\xff");
  EXPECT_EQ(text_of(request_.inputs.at(0).bytes), std::string("\1\0\0\0a\1\0\0\0b", 10));
  expect_refused(input("x", "BYTES", 2, place(4, "r", 0, 10)),
                 "model 'm': input 'x': BYTES element 0 claims 4294967295 bytes, but only 6 follow");
}

TEST_F(SharedMemoryCodec, ParametersThatNameNoPlaceAreRefused) {
  const auto refused = [&](const std::string& parameters, const std::string& reason) {
    expect_refused(input("x", "UINT8", 1, parameters), "model 'm': input 'x': " + reason);
  };
  refused(place(4, "q", 0, 1), "shared memory region 'q' is not registered");
  refused(place(4, "", 0, 1), "shared memory region '' is not registered");
  refused(place(4, "r", 10, 1),
          "expected a place within the 10 bytes of shared memory region 'r', got 1 bytes at offset 10");
  refused(parameter(4, "shared_memory_region", as_string("r")),
          "expected parameter 'shared_memory_byte_size', got none");
  refused(parameter(4, "shared_memory_region", as_int64(7)),
          "parameter 'shared_memory_region': expected the name of a region as a string");
  refused(place(4, "r", 0, UINT64_MAX),
          "parameter 'shared_memory_byte_size': expected a whole number of 0 to "
          "9223372036854775807, got -1");
  refused(place(4, "r", UINT64_MAX, 1),
          "parameter 'shared_memory_offset': expected a whole number of 0 to 9223372036854775807, got -1");
}

TEST_F(SharedMemoryCodec, TheLastOfSeveralParametersCounts) {
  ASSERT_TRUE(decode(input("x", "UINT8", 1, place(4, "nobody", 99, 99) + place(4, "r", 5, 1)), &table_).ok());
  EXPECT_EQ(text_of(request_.inputs.at(0).bytes), "5");
}

TEST_F(SharedMemoryCodec, ATruncatedObjectIsTheCallersError) {
  object_.truncate_from_outside(4);
  const Status status = decode(input("x", "UINT8", 10, place(4, "r", 0, 10)), &table_);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(status.message().starts_with("model 'm': input 'x': shared memory region 'r': shared memory object"))
      << status.message();
}

TEST_F(SharedMemoryCodec, OutputsAreGivenTheirPlaces) {
  ASSERT_TRUE(decode(output("x", "") + output("y", place(2, "r", 2, 8)), &table_).ok());
  ASSERT_EQ(request_.output_places.size(), 2u);
  EXPECT_EQ(request_.output_places[0].region, nullptr);
  EXPECT_EQ(request_.output_places[1].region->size(), 10u);
  EXPECT_EQ(request_.output_places[1].offset, 2u);
  EXPECT_EQ(request_.output_places[1].byte_size, 8u);
  expect_refused(output("y", place(2, "q", 0, 1)), "model 'm': output 'y': shared memory region 'q' is not registered");
  expect_refused(output("y", place(2, "r", 0, 1) + parameter(2, "classification", as_int64(1))),
                 "model 'm': output 'y': expected classes in the answer or the tensor in shared memory, got a wish for "
                 "both");
}

TEST_F(SharedMemoryCodec, WhereItIsSwitchedOffTheSentenceNamesTheOption) {
  for (const std::string& fields : {input("x", "UINT8", 1, place(4, "r", 0, 1)), output("y", place(2, "r", 0, 1))}) {
    const Status status = decode(fields, nullptr);
    EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
    EXPECT_NE(status.message().find("start the server with --allow-client-shm"), std::string::npos);
    request_.wanted_outputs.clear();
  }
}

TEST_F(SharedMemoryCodec, AnAnswerSaysWhereAnOutputLiesAndDoesNotSendIt) {
  const std::array outputs = {test::tensor("x", Datatype::kUint8, {2}, "ab"),
                              test::tensor("y", Datatype::kUint8, {3}, "cde")};
  const std::array<SharedPlace, 2> places = {SharedPlace{}, *table_.find("r", 4, 6)};
  const ResponseHead head{.model = "m", .version = 3, .id = "id", .places = places};
  const std::string described = sized(1, "y") + sized(2, "UINT8") + sized(3, "\3") + place(4, "r", 0, 3) +
                                parameter(4, "shared_memory_offset", as_int64(4));
  const auto encoded = [&](bool typed) {
    auto message = encode_model_infer_response(head, outputs, typed, Loan{}, *test::pool);
    std::string bytes(message->size(), '\0');
    message->copy_to(reinterpret_cast<std::byte*>(bytes.data()));
    return bytes;
  };
  const std::string begin = sized(1, "m") + sized(2, "3") + sized(3, "id");
  EXPECT_EQ(encoded(false), begin + sized(5, sized(1, "x") + sized(2, "UINT8") + sized(3, "\2")) + sized(5, described) +
                                sized(6, "ab") + sized(6, ""));
  EXPECT_EQ(encoded(true), begin +
                               sized(5, sized(1, "x") + sized(2, "UINT8") + sized(3, "\2") + sized(5, sized(4, "ab"))) +
                               sized(5, described));
}

}  // namespace
}  // namespace pyserver
