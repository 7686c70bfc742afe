#include "base/status.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <utility>

namespace pyserver {
namespace {

TEST(Status, IsOkAndSaysNothingByDefault) {
  const Status status;
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(status.code(), StatusCode::kOk);
  EXPECT_EQ(status.message(), "");
}

TEST(Status, KeepsItsCodeAndMessage) {
  const Status status = not_found("no model 'a'");
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "no model 'a'");
}

TEST(Status, EqualsOnlyTheSameCodeWithTheSameMessage) {
  EXPECT_EQ(unavailable("x"), unavailable("x"));
  EXPECT_NE(unavailable("x"), unavailable("y"));
  EXPECT_NE(unavailable("x"), cancelled("x"));
}

TEST(Status, EveryConstructorGivesItsOwnCode) {
  EXPECT_EQ(cancelled("").code(), StatusCode::kCancelled);
  EXPECT_EQ(invalid_argument("").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(deadline_exceeded("").code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(not_found("").code(), StatusCode::kNotFound);
  EXPECT_EQ(resource_exhausted("").code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(failed_precondition("").code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(unimplemented("").code(), StatusCode::kUnimplemented);
  EXPECT_EQ(internal_error("").code(), StatusCode::kInternal);
  EXPECT_EQ(unavailable("").code(), StatusCode::kUnavailable);
}

TEST(StatusCode, HasTheNumbersOfTheGrpcWire) {
  const std::pair<int, std::string_view> wire[] = {{0, "OK"},
                                                   {1, "CANCELLED"},
                                                   {2, "UNKNOWN"},
                                                   {3, "INVALID_ARGUMENT"},
                                                   {4, "DEADLINE_EXCEEDED"},
                                                   {5, "NOT_FOUND"},
                                                   {6, "ALREADY_EXISTS"},
                                                   {7, "PERMISSION_DENIED"},
                                                   {8, "RESOURCE_EXHAUSTED"},
                                                   {9, "FAILED_PRECONDITION"},
                                                   {10, "ABORTED"},
                                                   {11, "OUT_OF_RANGE"},
                                                   {12, "UNIMPLEMENTED"},
                                                   {13, "INTERNAL"},
                                                   {14, "UNAVAILABLE"},
                                                   {15, "DATA_LOSS"},
                                                   {16, "UNAUTHENTICATED"}};
  ASSERT_EQ(std::size(wire), static_cast<std::size_t>(kStatusCodeCount));
  for (const auto& [number, name] : wire) EXPECT_EQ(name_of(static_cast<StatusCode>(number)), name);
}

TEST(StatusCode, OutsideTheWireIsCalledUnknown) { EXPECT_EQ(name_of(static_cast<StatusCode>(99)), "UNKNOWN"); }

TEST(Result, HoldsAValueThatCanBeMovedOut) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result.status().ok());
  const std::unique_ptr<int> value = *std::move(result);
  EXPECT_EQ(*value, 7);
}

TEST(Result, HoldsTheReasonWhyThereIsNoValue) {
  const Result<int> result = internal_error("broken");
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(result.status(), internal_error("broken"));
}

TEST(Result, ReachesIntoItsValue) {
  Result<std::string> result = std::string("abc");
  result->push_back('d');
  EXPECT_EQ(*result, "abcd");
}

Status first_failure(const Status& first, const Status& second, int& steps) {
  PYSERVER_RETURN_IF_ERROR(first);
  ++steps;
  PYSERVER_RETURN_IF_ERROR(second);
  ++steps;
  return {};
}

TEST(ReturnIfError, LeavesTheFunctionAtTheFirstFailureOnly) {
  int steps = 0;
  EXPECT_EQ(first_failure({}, Status(StatusCode::kAborted, "stop"), steps).code(), StatusCode::kAborted);
  EXPECT_EQ(steps, 1);
  steps = 0;
  EXPECT_TRUE(first_failure({}, {}, steps).ok());
  EXPECT_EQ(steps, 2);
}

}  // namespace
}  // namespace pyserver
