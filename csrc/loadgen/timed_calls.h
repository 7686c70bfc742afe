// TimedCalls: a CallList whose calls time out: it knows which is the next, and names each request by a number.
//
// Calls begin in the order in which they were due, so that a call that is too late has none before it that is not. One
// that was told to be late stays in the list until it is given back.
// Owns them. Thread-compatible.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "loadgen/call_list.h"
#include "loadgen/recorder.h"

namespace pyserver::loadgen {

// `Call` derives from TimedCalls<Call>::Links.
template <typename Call>
class TimedCalls {
 public:
  struct Links : CallList<Call>::Links {
    Ticket ticket;
    bool told = false;             // the recorder knows how it ended
    std::uint32_t generation = 0;  // tells its requests apart; odd while it is in use

    // Of this request alone, until the generations begin again.
    std::uint64_t number() const noexcept {
      return static_cast<std::uint64_t>(generation) << 32 | static_cast<std::uint32_t>(this->place);
    }
  };

  explicit TimedCalls(const std::optional<Nanos>& timeout) noexcept : timeout_(timeout) {}

  // A call for this request, the last in the list. `make` makes one where none waits.
  template <typename Make>
  Call& take(const Ticket& ticket, Make&& make) {
    Call& call = calls_.take(std::forward<Make>(make));
    call.ticket = ticket;
    call.told = false;
    ++call.generation;
    if (next_to_time_out_ == nullptr) next_to_time_out_ = &call;
    return call;
  }
  void give_back(Call& call) noexcept {
    if (next_to_time_out_ == &call) next_to_time_out_ = call.next;
    ++call.generation;
    calls_.give_back(call);
  }
  // Gives all back; `tell` is called before with each that the recorder does not know the end of.
  template <typename Tell>
  void give_all_back(Tell&& tell) {
    while (Call* call = calls_.first()) {
      if (!call->told) tell(*call);
      give_back(*call);
    }
  }

  Call* first() const noexcept { return calls_.first(); }
  // By Links::number(); nullptr where it was given back.
  Call* numbered(std::uint64_t number) const noexcept {
    Call* call = calls_.at(static_cast<std::uint32_t>(number));
    if (call == nullptr || call->generation != number >> 32) return nullptr;
    return (call->generation & 1) != 0 ? call : nullptr;
  }
  std::size_t size() const noexcept { return calls_.size(); }

  // When time_out() has something to do; kNeverNanos: as it is now, never.
  Nanos next_timeout() const noexcept {
    if (!timeout_ || next_to_time_out_ == nullptr) return kNeverNanos;
    return next_to_time_out_->ticket.due + *timeout_;
  }
  // Calls `tell` with each that is late now and whose end the recorder does not know; it counts as told.
  template <typename Tell>
  void time_out(Nanos now, Tell&& tell) {
    while (next_timeout() <= now) {
      Call& call = *next_to_time_out_;
      next_to_time_out_ = call.next;
      if (!std::exchange(call.told, true)) tell(call);
    }
  }

 private:
  CallList<Call> calls_;
  std::optional<Nanos> timeout_;
  Call* next_to_time_out_ = nullptr;  // the first in the list that was not told to be late
};

}  // namespace pyserver::loadgen
