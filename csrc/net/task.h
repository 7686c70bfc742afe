// Tasks for an event loop out of anything that can be called.
#pragma once

#include <memory>
#include <utility>

#include "net/event_loop.h"

namespace pyserver {

// `action` is called once, on the loop's thread; it may be move-only. It is destroyed without being called where the
// loop is destroyed before.
template <typename Action>
std::unique_ptr<EventLoop::Task> make_task(Action action) {
  class ActionTask final : public EventLoop::Task {
   public:
    explicit ActionTask(Action&& owned) : action_(std::move(owned)) {}
    void run() override { action_(); }

   private:
    Action action_;
  };
  return std::make_unique<ActionTask>(std::move(action));
}

}  // namespace pyserver
