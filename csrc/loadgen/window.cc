#include "loadgen/window.h"

#include <algorithm>

namespace pyserver::loadgen {

void Window::add_error(ErrorKind kind, std::uint64_t count) {
  const auto found = std::ranges::find(errors, kind, &std::pair<ErrorKind, std::uint64_t>::first);
  if (found == errors.end()) {
    errors.emplace_back(kind, count);
  } else {
    found->second += count;
  }
}

void Window::add(const Window& other) {
  end = std::max(end, other.end);
  sent += other.sent;
  answered += other.answered;
  failed += other.failed;
  lost += other.lost;
  for (const auto& [kind, count] : other.errors) add_error(kind, count);
  request_bytes += other.request_bytes;
  response_bytes += other.response_bytes;
  latency.add(other.latency);
  lag.add(other.lag);
  ledger.add(other.ledger);
}

}  // namespace pyserver::loadgen
