// Which calls of a connection time out when, and which request a number names.
#include "loadgen/timed_calls.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace pyserver::loadgen::test {
namespace {

struct Call : TimedCalls<Call>::Links {};

using Calls = TimedCalls<Call>;

Call& begin(Calls& calls, Nanos due) {
  return calls.take({nullptr, due}, [] { return std::make_unique<Call>(); });
}

// When the calls that are late now were due.
std::vector<Nanos> late(Calls& calls, Nanos now) {
  std::vector<Nanos> due;
  calls.time_out(now, [&](const Call& call) { due.push_back(call.ticket.due); });
  return due;
}

TEST(TimedCalls, TimeOutInTheOrderInWhichTheyWereDue) {
  Calls calls(100);
  EXPECT_EQ(calls.next_timeout(), kNeverNanos);
  for (const Nanos due : {10, 20, 30}) begin(calls, due);
  EXPECT_EQ(calls.next_timeout(), 110);
  EXPECT_EQ(late(calls, 109), std::vector<Nanos>{});
  EXPECT_EQ(late(calls, 120), (std::vector<Nanos>{10, 20}));
  EXPECT_EQ(calls.next_timeout(), 130);
  EXPECT_EQ(late(calls, 130), std::vector<Nanos>{30});
  EXPECT_EQ(calls.next_timeout(), kNeverNanos);
}

TEST(TimedCalls, NeverTimeOutWithoutATimeOut) {
  Calls calls(std::nullopt);
  begin(calls, 10);
  EXPECT_EQ(calls.next_timeout(), kNeverNanos);
  EXPECT_EQ(late(calls, kNeverNanos - 1), std::vector<Nanos>{});
}

TEST(TimedCalls, AreLateOnceAndStayUntilTheyAreGivenBack) {
  Calls calls(100);
  Call& first = begin(calls, 10);
  EXPECT_EQ(late(calls, 200), std::vector<Nanos>{10});
  EXPECT_TRUE(first.told);
  EXPECT_EQ(late(calls, 200), std::vector<Nanos>{});
  EXPECT_EQ(calls.first(), &first);
  begin(calls, 150);
  EXPECT_EQ(calls.next_timeout(), 250);
  calls.give_back(first);
  EXPECT_EQ(calls.next_timeout(), 250);
  EXPECT_EQ(calls.size(), 1U);
}

TEST(TimedCalls, ThatHaveEndedAreNotLate) {
  Calls calls(100);
  Call& answered = begin(calls, 10);
  Call& told = begin(calls, 20);
  Call& second_answered = begin(calls, 30);
  begin(calls, 40);
  calls.give_back(answered);
  EXPECT_EQ(calls.next_timeout(), 120);
  told.told = true;
  calls.give_back(second_answered);
  EXPECT_EQ(late(calls, 1'000), std::vector<Nanos>{40});
}

TEST(TimedCalls, AreGivenBackAtOnceAndToldOnce) {
  Calls calls(100);
  for (const Nanos due : {10, 20, 30}) begin(calls, due);
  EXPECT_EQ(late(calls, 110), std::vector<Nanos>{10});
  std::vector<Nanos> told;
  calls.give_all_back([&](const Call& call) { told.push_back(call.ticket.due); });
  EXPECT_EQ(told, (std::vector<Nanos>{20, 30}));
  EXPECT_EQ(calls.size(), 0U);
  EXPECT_EQ(calls.next_timeout(), kNeverNanos);
  // One that is used again begins anew.
  EXPECT_FALSE(begin(calls, 500).told);
  EXPECT_EQ(calls.next_timeout(), 600);
}

TEST(TimedCalls, AreFoundByNumberWhileTheyAreInUse) {
  Calls calls(std::nullopt);
  Call& first = begin(calls, 10);
  Call& second = begin(calls, 20);
  const std::uint64_t number = first.number();
  EXPECT_EQ(calls.numbered(number), &first);
  EXPECT_EQ(calls.numbered(second.number()), &second);
  calls.give_back(first);
  EXPECT_EQ(calls.numbered(number), nullptr);
  // Not by a number that nobody was given, either.
  EXPECT_EQ(calls.numbered(first.number()), nullptr);
  EXPECT_EQ(calls.numbered(number + 7), nullptr);
  Call& again = begin(calls, 30);
  EXPECT_EQ(&again, &first);
  EXPECT_EQ(calls.numbered(number), nullptr);
  EXPECT_EQ(calls.numbered(again.number()), &again);
}

}  // namespace
}  // namespace pyserver::loadgen::test
