// Recorder: one worker's numbers. Every request begins once and ends once, and is counted in the window in which it was
// due, however late its end comes.
//
// Belongs to one thread. Windows that are complete are handed out in order; a window is complete when its time is over
// and all of its requests have ended. Knows no clock: moments come from outside, from the start of the run.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "loadgen/window.h"

namespace pyserver::loadgen {

// A request that has begun. Valid until it has ended.
struct Ticket {
  Window* window = nullptr;
  Nanos due = 0;
};

// What went wrong, as sentences: one for each kind, and the last.
struct ErrorExamples {
  std::map<ErrorKind, std::string> by_kind;
  std::string last;
  void add(const ErrorExamples& other);
};

class Recorder {
 public:
  explicit Recorder(const LoadPlan& plan);

  // A request that was due at `due`, not before the one that began last. It must end by one of the three below.
  Ticket begin(Nanos due, std::size_t request_bytes);
  // It waited for so long until a connection took it (open loop).
  void handed(const Ticket& ticket, Nanos now) noexcept { ticket.window->lag.record(now - ticket.due); }

  void answered(const Ticket& ticket, Nanos now, std::size_t response_bytes) noexcept {
    Window& window = *ticket.window;
    ++window.answered;
    window.response_bytes += response_bytes;
    window.latency.record(now - ticket.due);
    end_one(now);
  }
  void failed(const Ticket& ticket, Nanos now, ErrorKind kind, std::string_view sentence);
  void lost(const Ticket& ticket) noexcept;
  void ledger(const Ticket& ticket, const Ledger& ledger) noexcept { ticket.window->ledger.add(ledger); }
  // Something to tell that no request suffered from.
  void note(ErrorKind kind, std::string_view sentence);

  // No request that is due before `moment` will begin any more. Returns the windows that are complete now.
  std::vector<std::unique_ptr<Window>> take_complete(Nanos moment);
  // The load has ended: windows go no further than `end`. Returns all that are left; every request has ended.
  std::vector<std::unique_ptr<Window>> take_rest(Nanos end);

  std::uint64_t in_flight() const noexcept { return in_flight_; }
  std::uint64_t most_in_flight() const noexcept { return most_in_flight_; }
  // When the last request ended; 0: none has.
  Nanos last_end() const noexcept { return last_end_; }
  const ErrorExamples& examples() const noexcept { return examples_; }

 private:
  void open_next();
  void end_one(Nanos now) noexcept {
    --in_flight_;
    last_end_ = now;
  }

  const WindowGrid grid_;
  std::deque<std::unique_ptr<Window>> open_;  // ascending; never empty before take_rest()
  std::size_t next_index_ = 0;
  std::uint64_t in_flight_ = 0;
  std::uint64_t most_in_flight_ = 0;
  Nanos last_end_ = 0;
  ErrorExamples examples_;
};

}  // namespace pyserver::loadgen
