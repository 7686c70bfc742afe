// Schedule: one worker's share of a run's requests: when the next is due and which body it has.
//
// The n-th request of the run belongs to worker n mod workers, so the shares are alike and together they are all.
// Belongs to one thread; the plan must outlive it. Knows no clock: moments come from outside.
#pragma once

#include <cstddef>
#include <cstdint>

#include "loadgen/plan.h"

namespace pyserver::loadgen {

class Schedule {
 public:
  Schedule(const LoadPlan& plan, std::size_t pool, std::size_t worker, std::size_t workers);

  bool open_loop() const noexcept { return plan_.arrivals.has_value(); }
  // Nothing is left to be sent, or the time for it is over.
  bool exhausted(Nanos now) const noexcept;
  // Open loop: when the next request is due; kNeverNanos where none is left. Closed loop: 0, as soon as there is room.
  Nanos next_due() const noexcept;

  struct Next {
    Nanos due = 0;
    std::uint32_t body = 0;
  };
  // Takes the next request. Closed loop: it is due now. Not where exhausted().
  Next take(Nanos now) noexcept;

 private:
  const LoadPlan& plan_;
  const std::size_t pool_;
  const std::size_t workers_;
  std::uint64_t number_;       // of the next request, counted over the run
  std::uint64_t last_number_;  // open loop: the first that is not sent any more
  std::uint64_t left_;         // closed loop: of those after the warm-up
};

}  // namespace pyserver::loadgen
