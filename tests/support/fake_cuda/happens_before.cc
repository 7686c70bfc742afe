#include "happens_before.h"

#include <algorithm>
#include <utility>

#include "exported.h"

namespace fake_cuda {

void Clock::join(const Clock& other) {
  if (times_.size() < other.times_.size()) times_.resize(other.times_.size());
  for (std::size_t agent = 0; agent < other.times_.size(); ++agent) {
    times_[agent] = std::max(times_[agent], other.times_[agent]);
  }
}

std::uint64_t Clock::tick(Agent agent) {
  if (times_.size() <= agent) times_.resize(agent + 1);
  return ++times_[agent];
}

std::optional<AccessEntry> AccessLog::conflict(std::size_t begin, std::size_t end, int kind, const Clock& clock) const {
  for (const AccessEntry& entry : entries_) {
    const bool overlaps = begin < entry.end && entry.begin < end;
    const bool writes = ((kind | entry.kind) & FAKE_WRITE) != 0;
    if (overlaps && writes && !clock.knows(entry.agent, entry.time)) return entry;
  }
  return std::nullopt;
}

std::optional<AccessEntry> AccessLog::running(const Clock& host) const {
  for (const AccessEntry& entry : entries_) {
    if (!host.knows(entry.agent, entry.time)) return entry;
  }
  return std::nullopt;
}

bool AccessLog::has_running_write(std::size_t begin, std::size_t end, const Clock& host) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const AccessEntry& entry) {
    return begin < entry.end && entry.begin < end && (entry.kind & FAKE_WRITE) != 0 &&
           !host.knows(entry.agent, entry.time);
  });
}

void AccessLog::add(AccessEntry entry, const Clock& host) {
  std::erase_if(entries_, [&](const AccessEntry& old) {
    const bool replaced =
        old.agent == entry.agent && old.kind == entry.kind && old.begin == entry.begin && old.end == entry.end;
    return replaced || host.knows(old.agent, old.time);
  });
  entries_.push_back(std::move(entry));
}

const char* verb_of(int kind) {
  if (kind == FAKE_READ) return "reads";
  return kind == FAKE_WRITE ? "writes" : "reads and writes";
}

}  // namespace fake_cuda
