// InstancePlan: which group of instances takes the next batch, and how much of what waits one instance takes.
//
// A wide instance (all threads in one) answers a lone request soonest; narrow ones (one a core) answer the most
// requests, because they lose nothing to splitting one execution over cores. So the group follows the number of
// requests in the system, waiting or executing. Nothing here is thread-safe: the batcher's mutex guards it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/clock.h"
#include "inference/engine.h"

namespace pyserver {

// Averages over time, decaying exponentially, of what is in the system, and over batches of how long one executes.
//
// The momentary number misleads: clients that re-send when they are answered leave the queue empty just when an
// instance looks. The average over time is Little's number of requests in the system. Idle time counts: a server that
// is busy one tenth of the time with two requests mostly meets lone ones. The time constant is kExecutions executions,
// so that a change of load shows after about that many; kShortest keeps gaps between the requests of fast models, which
// last as long as a thread takes to wake, from reading as a lower load, and kLongest keeps slow models from following
// for seconds.
class LoadEstimate {
 public:
  static constexpr double kExecutions = 4;
  static constexpr Duration kShortest = std::chrono::milliseconds(1);
  static constexpr Duration kLongest = std::chrono::milliseconds(200);
  static constexpr Duration kUnmeasured = std::chrono::milliseconds(50);

  // More requests in the system than `most_requests` count as that many, so that a great load is forgotten no slower
  // than a small one.
  explicit LoadEstimate(double most_requests) noexcept : most_requests_(most_requests) {}

  // `requests` and `rows` are in the system from `now` on. Times never go back.
  void observe(TimePoint now, std::size_t requests, std::int64_t rows) noexcept;
  // A batch was executed.
  void executed(Duration duration) noexcept;
  // At least `requests` is known to be the load.
  void raise(double requests) noexcept;

  double requests() const noexcept { return requests_; }
  double rows() const noexcept { return rows_; }
  // 0 until the first execution.
  Duration execution() const noexcept { return execution_; }

 private:
  Duration time_constant() const noexcept;

  double most_requests_;
  double requests_ = 0, rows_ = 0;  // the averages
  double now_requests_ = 0, now_rows_ = 0;
  TimePoint observed_{};
  Duration execution_{0};
};

// The group for `requests` in the system on average, where `current` was the choice before. Groups are from the widest
// to the narrowest. The next narrower group of n instances is worth its slower executions when nearly all n have work:
// it is chosen from kEnterAt * n on, and left at kLeaveAt * n; the gap keeps the choice from swinging. Measured for
// MiniLM on two cores (one wide instance 200/s, two narrow 243/s): with clients that take so long between requests
// that 1.6 are in the system, both groups answer as many.
inline constexpr double kEnterAt = 0.8;
inline constexpr double kLeaveAt = 0.65;
std::size_t choose_group(std::span<const InstanceGroup> groups, std::size_t current, double requests) noexcept;

class InstancePlan {
 public:
  // `groups` is not empty.
  explicit InstancePlan(std::vector<InstanceGroup> groups);

  // Whether there is anything to choose; if not, `load` need not be kept up to date for choose().
  bool adaptive() const noexcept { return groups_.size() > 1; }
  // Whether the instances of `group` share what waits among them, because more of them means more cores at work.
  // Where the engine names no threads (a GPU), one full batch beats two half ones.
  bool shares(std::size_t group) const noexcept { return groups_[group].count > 1 && groups_[group].threads > 0; }
  // What to make a LoadEstimate with.
  double most_requests() const noexcept;

  // The group that takes the next batch. Two or more requests that wait while nothing executes are a load that needs no
  // average: it is raised to them, and a burst on an idle server is spread at once.
  std::size_t choose(LoadEstimate& load, std::size_t waiting, bool executing) noexcept;
  std::size_t current() const noexcept { return current_; }

  // Rows that one idle instance of `group` should leave the others their part of: not more than its share of what waits
  // among the instances that are idle now, itself included, and not more than its share of all that is in the system
  // among all instances, as those busy now are idle soon. At least 1.
  std::int64_t fair_share(std::size_t group, std::size_t idle, std::int64_t waiting_rows, std::int64_t rows_in_system,
                          double average_rows) const noexcept;

 private:
  std::vector<InstanceGroup> groups_;
  std::size_t current_ = 0;
};

}  // namespace pyserver
