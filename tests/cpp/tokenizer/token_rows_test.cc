// Promises of make_rows: cut, surround, pad.
#include "tokenizer/token_rows.h"

#include <gtest/gtest.h>

namespace pyserver {
namespace {

using Ids = std::vector<std::int64_t>;
using Texts = std::vector<std::vector<std::int32_t>>;

TokenRowOptions surrounded() {
  TokenRowOptions options;
  options.before = {{101, 0}};
  options.after = {{102, 1}};
  return options;
}

Status rows_of(const Texts& texts, const TokenRowOptions& options, Encoded& out) {
  std::vector<std::span<const std::int32_t>> spans(texts.begin(), texts.end());
  return make_rows(spans, options, out);
}

TEST(TokenRows, EndWithTheLongestTextAndMaskWhatIsPadding) {
  Encoded rows;
  ASSERT_TRUE(rows_of({{7, 8}, {}}, surrounded(), rows).ok());
  EXPECT_EQ(rows.rows, 2u);
  EXPECT_EQ(rows.length, 4u);
  EXPECT_EQ(rows.ids, (Ids{101, 7, 8, 102, 101, 102, 0, 0}));
  EXPECT_EQ(rows.mask, (Ids{1, 1, 1, 1, 1, 1, 0, 0}));
  EXPECT_EQ(rows.types, (Ids{0, 0, 0, 1, 0, 1, 0, 0}));
}

TEST(TokenRows, ArePaddedOnTheLeftWhereThatIsAskedFor) {
  TokenRowOptions options = surrounded();
  options.pad = Side::kLeft;
  options.pad_to = 4;
  options.pad_id = 9;
  options.pad_type = 2;
  Encoded rows;
  ASSERT_TRUE(rows_of({{7}}, options, rows).ok());
  EXPECT_EQ(rows.ids, (Ids{9, 101, 7, 102}));
  EXPECT_EQ(rows.mask, (Ids{0, 1, 1, 1}));
  EXPECT_EQ(rows.types, (Ids{2, 0, 0, 1}));
}

TEST(TokenRows, KeepTheirSpecialTokensWhereATextIsCut) {
  TokenRowOptions options = surrounded();
  options.max_length = 4;
  Encoded rows;
  ASSERT_TRUE(rows_of({{1, 2, 3, 4}}, options, rows).ok());
  EXPECT_EQ(rows.ids, (Ids{101, 1, 2, 102}));
  options.cut = Side::kLeft;
  ASSERT_TRUE(rows_of({{1, 2, 3, 4}}, options, rows).ok());
  EXPECT_EQ(rows.ids, (Ids{101, 3, 4, 102}));
}

TEST(TokenRows, RefuseALengthThatLeavesNoRoomForATokenOfTheText) {
  TokenRowOptions options = surrounded();
  options.max_length = 2;
  EXPECT_EQ(check(options).code(), StatusCode::kInvalidArgument);
  options.max_length = 3;
  EXPECT_TRUE(check(options).ok());
}

TEST(TokenRows, RefuseABatchWithTooManyElements) {
  TokenRowOptions options;
  options.max_elements = 5;
  Encoded rows;
  EXPECT_TRUE(rows_of({{1, 2, 3, 4, 5}}, options, rows).ok());
  EXPECT_EQ(rows_of({{1, 2, 3}, {1}}, options, rows).code(), StatusCode::kResourceExhausted);
}

TEST(TokenRows, MayBeNone) {
  Encoded rows;
  ASSERT_TRUE(rows_of({}, surrounded(), rows).ok());
  EXPECT_EQ(rows.rows, 0u);
  EXPECT_TRUE(rows.ids.empty());
}

}  // namespace
}  // namespace pyserver
