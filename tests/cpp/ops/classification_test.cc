#include "ops/classification.h"

#include "ops/op_testing.h"

namespace pyserver {
namespace {

std::vector<std::string> texts_in(const std::vector<std::byte>& bytes) {
  std::span<const std::byte> rest = bytes;
  std::vector<std::string> texts;
  while (!rest.empty()) {
    const auto element = take_bytes_element(rest);
    texts.emplace_back(reinterpret_cast<const char*>(element.data()), element.size());
  }
  return texts;
}

TEST(ClassificationTest, WritesWhatTritonWrites) {
  const auto scores = bytes_of(std::vector<float>{0.1F, 0.7F, 0.7F, 0.2F});
  const std::vector<std::string> labels{"ant", "bee"};
  std::vector<std::byte> out;
  ASSERT_TRUE(append_top_k(scores, Datatype::kFp32, 3, labels, out).ok());
  EXPECT_EQ(texts_in(out), (std::vector<std::string>{"0.700000:1:bee", "0.700000:2", "0.200000:3"}));
}

TEST(ClassificationTest, AppendsAtMostAsManyAsThereAre) {
  const auto scores = bytes_of(std::vector<std::int8_t>{-1, 5});
  std::vector<std::byte> out;
  ASSERT_TRUE(append_top_k(scores, Datatype::kInt8, 9, {}, out).ok());
  ASSERT_TRUE(append_top_k(scores, Datatype::kInt8, 0, {}, out).ok());
  ASSERT_TRUE(append_top_k({}, Datatype::kInt8, 1, {}, out).ok());
  EXPECT_EQ(texts_in(out), (std::vector<std::string>{"5:1", "-1:0"}));
}

TEST(ClassificationTest, TextsAreNoScores) {
  std::vector<std::byte> out;
  EXPECT_EQ(append_top_k({}, Datatype::kBytes, 1, {}, out), invalid_argument("expected numbers as scores, got BYTES"));
}

}  // namespace
}  // namespace pyserver
