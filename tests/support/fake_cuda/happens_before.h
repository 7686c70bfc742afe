// What is ordered with what: vector clocks, and the accesses of one block of memory that are not yet known to be done.
//
// An agent is what does one thing after another: the host, a stream, or a chain of nodes of a graph. Everything
// enqueued later comes after what the host knows, so what it knows can be forgotten.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fake_cuda {

using Agent = std::size_t;
inline constexpr Agent kHostAgent = 0;
// Names a call for reports, such as "cuMemAlloc_v2 (call 12)". Shared by all that the call left behind.
using Label = std::shared_ptr<const std::string>;

class Clock {
 public:
  // Whether what `agent` did at `time` happens before.
  bool knows(Agent agent, std::uint64_t time) const noexcept { return agent < times_.size() && times_[agent] >= time; }
  void join(const Clock& other);
  // The next time of `agent`.
  std::uint64_t tick(Agent agent);

 private:
  std::vector<std::uint64_t> times_;
};

struct AccessEntry {
  std::size_t begin = 0;  // within the block
  std::size_t end = 0;
  int kind = 0;  // FAKE_READ, FAKE_WRITE or both
  Agent agent = 0;
  std::uint64_t time = 0;
  Label what;
};

class AccessLog {
 public:
  // An entry that conflicts with an access at `clock`: overlaps, one of the two writes, and nothing orders them.
  std::optional<AccessEntry> conflict(std::size_t begin, std::size_t end, int kind, const Clock& clock) const;
  // An entry that the host does not know to be done.
  std::optional<AccessEntry> running(const Clock& host) const;
  // Likewise, one that writes bytes of the range.
  bool has_running_write(std::size_t begin, std::size_t end, const Clock& host) const;
  // Adds, and forgets what the host knows to be done.
  void add(AccessEntry entry, const Clock& host);

 private:
  std::vector<AccessEntry> entries_;
};

// "reads", "writes", "reads and writes".
const char* verb_of(int kind);

}  // namespace fake_cuda
