// CallList: the calls of a connection that are in flight, in the order in which they began, and those that wait to be
// used again: nothing is allocated for a call once there were as many at once.
//
// Owns them. Thread-compatible.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace pyserver::loadgen {

// `Call` derives from CallList<Call>::Links.
template <typename Call>
class CallList {
 public:
  struct Links {
    Call* previous = nullptr;
    Call* next = nullptr;
    std::size_t place = 0;  // never changes
  };

  // The call is the last in the list. `make` makes one where none waits.
  template <typename Make>
  Call& take(Make&& make) {
    if (idle_.empty()) {
      calls_.push_back(make());
      calls_.back()->place = calls_.size() - 1;
      idle_.reserve(calls_.capacity());
      idle_.push_back(calls_.back().get());
    }
    Call& call = *idle_.back();
    idle_.pop_back();
    call.previous = last_;
    call.next = nullptr;
    (last_ == nullptr ? first_ : last_->next) = &call;
    last_ = &call;
    ++size_;
    return call;
  }
  void give_back(Call& call) noexcept {
    (call.previous == nullptr ? first_ : call.previous->next) = call.next;
    (call.next == nullptr ? last_ : call.next->previous) = call.previous;
    --size_;
    idle_.push_back(&call);
  }

  Call* first() const noexcept { return first_; }
  // By Links::place; nullptr where there is none. It may be idle.
  Call* at(std::size_t place) const noexcept { return place < calls_.size() ? calls_[place].get() : nullptr; }
  std::size_t size() const noexcept { return size_; }

 private:
  std::vector<std::unique_ptr<Call>> calls_;
  std::vector<Call*> idle_;
  Call* first_ = nullptr;
  Call* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace pyserver::loadgen
