#include "loadgen/recorder.h"

#include <gtest/gtest.h>

namespace pyserver::loadgen::test {
namespace {

using Windows = std::vector<std::unique_ptr<Window>>;

// Two windows of warm-up (100 and 50), three measured ones (100, 100 and 50).
LoadPlan plan() {
  LoadPlan made;
  made.warmup = 150;
  made.duration = 250;
  made.window = 100;
  return made;
}

TEST(WindowGrid, NoWindowHoldsWarmUpAndMeasuredTime) {
  const WindowGrid grid(plan());
  ASSERT_EQ(grid.size(), 5u);
  const std::vector<std::array<Nanos, 2>> expected{{0, 100}, {100, 150}, {150, 250}, {250, 350}, {350, 400}};
  for (std::size_t index = 0; index < 5; ++index) {
    EXPECT_EQ(grid.bounds(index).start, expected[index][0]);
    EXPECT_EQ(grid.bounds(index).end, expected[index][1]);
    EXPECT_EQ(grid.bounds(index).warmup, index < 2);
  }
}

TEST(Recorder, CountsARequestInTheWindowInWhichItWasDue) {
  Recorder recorder(plan());
  const Ticket early = recorder.begin(90, 10);
  const Ticket late = recorder.begin(160, 20);
  recorder.answered(late, 390, 7);
  recorder.answered(early, 400, 7);
  const Windows windows = recorder.take_rest(400);
  ASSERT_EQ(windows.size(), 5u);
  EXPECT_EQ(windows[0]->sent, 1u);
  EXPECT_EQ(windows[0]->answered, 1u);
  EXPECT_EQ(windows[0]->request_bytes, 10u);
  EXPECT_EQ(windows[0]->latency.max(), 310u);
  EXPECT_EQ(windows[1]->sent, 0u);
  EXPECT_EQ(windows[2]->answered, 1u);
  EXPECT_EQ(windows[2]->latency.max(), 230u);
  EXPECT_EQ(recorder.last_end(), 400);
}

TEST(Recorder, AWindowIsCompleteWhenItsTimeIsOverAndItsRequestsHaveEnded) {
  Recorder recorder(plan());
  const Ticket first = recorder.begin(10, 0);
  EXPECT_TRUE(recorder.take_complete(99).empty());
  EXPECT_TRUE(recorder.take_complete(120).empty());  // over, but `first` has not ended
  const Ticket second = recorder.begin(120, 0);
  recorder.answered(second, 130, 0);
  EXPECT_TRUE(recorder.take_complete(200).empty());  // in order: the second waits for the first
  recorder.failed(first, 210, ErrorKind::connection(), "broken");
  const Windows windows = recorder.take_complete(210);
  ASSERT_EQ(windows.size(), 2u);
  EXPECT_EQ(windows[0]->failed, 1u);
  EXPECT_EQ(windows[1]->answered, 1u);
}

TEST(Recorder, SentIsTheSumOfAllEnds) {
  Recorder recorder(plan());
  std::vector<Ticket> tickets;
  for (Nanos due = 0; due < 400; ++due) tickets.push_back(recorder.begin(due, 0));
  EXPECT_EQ(recorder.in_flight(), 400u);
  for (std::size_t index = 0; index < tickets.size(); ++index) {
    switch (index % 3) {
      case 0: recorder.answered(tickets[index], 500, 0); break;
      case 1: recorder.failed(tickets[index], 500, ErrorKind::http(503), "busy"); break;
      default: recorder.lost(tickets[index]); break;
    }
  }
  EXPECT_EQ(recorder.in_flight(), 0u);
  std::uint64_t sent = 0;
  for (const auto& window : recorder.take_rest(400)) {
    EXPECT_EQ(window->sent, window->answered + window->failed + window->lost);
    EXPECT_EQ(window->sent, static_cast<std::uint64_t>(window->end - window->start));
    sent += window->sent;
  }
  EXPECT_EQ(sent, 400u);
}

TEST(Recorder, WindowsGoNoFurtherThanTheEndOfTheLoad) {
  Recorder recorder(plan());
  recorder.answered(recorder.begin(160, 0), 170, 0);
  const Windows windows = recorder.take_rest(200);
  ASSERT_EQ(windows.size(), 3u);
  EXPECT_EQ(windows.back()->start, 150);
  EXPECT_EQ(windows.back()->end, 200);
}

TEST(Recorder, WhatIsDueAtTheVeryEndBelongsToTheLastWindow) {
  Recorder recorder(plan());
  recorder.answered(recorder.begin(400, 0), 410, 0);
  const Windows windows = recorder.take_rest(400);
  ASSERT_EQ(windows.size(), 5u);
  EXPECT_EQ(windows.back()->sent, 1u);
}

TEST(Recorder, LagIsCountedFromDue) {
  Recorder recorder(plan());
  const Ticket ticket = recorder.begin(10, 0);
  recorder.handed(ticket, 35);
  EXPECT_EQ(ticket.window->lag.max(), 25u);
}

TEST(Recorder, RemembersASentenceForEachKindOfErrorAndTheLast) {
  Recorder recorder(plan());
  recorder.failed(recorder.begin(1, 0), 2, ErrorKind::http(503), "first");
  recorder.failed(recorder.begin(2, 0), 3, ErrorKind::http(503), "second");
  recorder.note(ErrorKind::connection(), "third");
  EXPECT_EQ(recorder.examples().by_kind.at(ErrorKind::http(503)), "first");
  EXPECT_EQ(recorder.examples().last, "third");
  const Windows windows = recorder.take_rest(10);
  ASSERT_EQ(windows[0]->errors.size(), 1u);
  EXPECT_EQ(windows[0]->errors[0].second, 2u);
}

TEST(ErrorKind, HasTheNamesOfReports) {
  EXPECT_EQ(error_of_grpc_status(14).name(), "UNAVAILABLE");
  EXPECT_EQ(error_of_grpc_status(99).name(), "UNKNOWN");
  EXPECT_EQ(ErrorKind::http(503).name(), "HTTP 503");
  EXPECT_EQ(ErrorKind::http(7).name(), "UNKNOWN");
  EXPECT_EQ(ErrorKind::connection().name(), "CONNECTION");
  EXPECT_EQ(ErrorKind::mismatch().name(), "MISMATCH");
  EXPECT_EQ(ErrorKind::timeout().name(), "TIMEOUT");
  EXPECT_EQ(error_of_reset(Http2Error::kRefusedStream).name(), "UNAVAILABLE");
}

}  // namespace
}  // namespace pyserver::loadgen::test
