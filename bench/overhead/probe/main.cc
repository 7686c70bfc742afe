// probe: the latency of unary calls, exact for every single one.
//
//   probe closed --to ADDRESS --path /SERVICE/METHOD --body FILE [--seconds S] [--warm-up S]
//   probe open   … [--rate PER_SECOND] [--connections N] [--seed N]
//
// closed: one request in flight; the next is sent when the answer is complete.
// open: requests are due at random moments (a Poisson process, the same for the same seed), whatever the server does,
// and go to the connections in turn. Their latency counts from when they were due, so that a server that stands still
// is charged for every request that it kept waiting. (h2load's --rps cannot do this: its timer sends bursts every
// 10 or 100 ms.)
//
// Prints one line of JSON, see latencies.h. Fails where a connection breaks, or where answers are missing 10 s after
// the end.
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "connection.h"
#include "latencies.h"

namespace probe {
namespace {

constexpr std::chrono::seconds kLastAnswers{10};

struct Options {
  std::map<std::string, std::string> texts = {{"--to", ""},           {"--path", ""},     {"--body", ""},
                                              {"--seconds", "3"},     {"--warm-up", "1"}, {"--rate", "2000"},
                                              {"--connections", "8"}, {"--seed", "1"}};

  Clock::duration seconds(const std::string& name) const {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(std::stod(texts.at(name))));
  }
};

// Sleeps until something is there to read or write, or until a moment; to the microsecond.
class Poller {
 public:
  Poller() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    // The kernel may otherwise wake us up to 50 us late, to save power.
    prctl(PR_SET_TIMERSLACK, 1);
  }
  ~Poller() { close(epoll_); }
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  void add(Connection& connection) { control(EPOLL_CTL_ADD, connection); }
  // After everything that may have changed what the connection waits for.
  void update(Connection& connection) { control(EPOLL_CTL_MOD, connection); }

  void wait_until(Clock::time_point end) {
    const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(end - Clock::now()).count();
    const long long wait = left > 0 ? left : 0;
    const timespec time{static_cast<time_t>(wait / 1'000'000'000), static_cast<long>(wait % 1'000'000'000)};
    epoll_event events[64];
    const int count = epoll_pwait2(epoll_, events, static_cast<int>(std::size(events)), &time, nullptr);
    if (count < 0 && errno != EINTR) throw std::runtime_error(std::strerror(errno));
    for (int index = 0; index < count; ++index) {
      auto& connection = *static_cast<Connection*>(events[index].data.ptr);
      connection.on_ready();
      update(connection);
    }
  }

 private:
  void control(int operation, Connection& connection) {
    bool& armed = writes_[&connection];
    if (operation == EPOLL_CTL_MOD && armed == connection.wants_to_write()) return;
    armed = connection.wants_to_write();
    epoll_event event{};
    event.events = EPOLLIN | (armed ? EPOLLOUT : 0u);
    event.data.ptr = &connection;
    if (epoll_ctl(epoll_, operation, connection.fd(), &event) != 0) throw std::runtime_error(std::strerror(errno));
  }

  const int epoll_;
  std::map<const Connection*, bool> writes_;  // which ones are woken when they can be written to
};

Message read_message(const Options& options) {
  std::ifstream file(options.texts.at("--body"), std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + options.texts.at("--body"));
  return {.authority = "localhost",
          .path = options.texts.at("--path"),
          .body = {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()}};
}

std::string closed_loop(const Options& options, const Message& message) {
  const auto measured_from = Clock::now() + options.seconds("--warm-up");
  const auto end = measured_from + options.seconds("--seconds");
  Latencies latencies(measured_from);
  Connection connection(options.texts.at("--to"), message, [&](const Outcome& outcome) { latencies.add(outcome); });
  Poller poller;
  poller.add(connection);
  std::size_t sent = 0;
  for (auto now = Clock::now(); now < end; now = Clock::now()) {
    connection.send(now);
    poller.update(connection);
    ++sent;
    while (connection.in_flight() > 0 && Clock::now() < end + kLastAnswers) poller.wait_until(end + kLastAnswers);
  }
  return latencies.json(sent);
}

std::string open_loop(const Options& options, const Message& message) {
  const auto began = Clock::now();
  const auto measured_from = began + options.seconds("--warm-up");
  const auto end = measured_from + options.seconds("--seconds");
  Latencies latencies(measured_from);
  Poller poller;
  std::vector<std::unique_ptr<Connection>> connections;
  for (int index = std::stoi(options.texts.at("--connections")); index > 0; --index) {
    connections.push_back(std::make_unique<Connection>(options.texts.at("--to"), message,
                                                       [&](const Outcome& outcome) { latencies.add(outcome); }));
    poller.add(*connections.back());
  }
  std::mt19937_64 random(std::stoull(options.texts.at("--seed")));
  std::exponential_distribution<double> gap(std::stod(options.texts.at("--rate")));
  const auto next_gap = [&] {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(gap(random)));
  };
  std::size_t sent = 0;
  for (auto due = began + next_gap(); due < end; due += next_gap()) {
    // At least once, so that answers are read even where this client is behind.
    do {
      poller.wait_until(due);
    } while (Clock::now() < due);
    Connection& connection = *connections[sent++ % connections.size()];
    connection.send(due);
    poller.update(connection);
  }
  const auto deadline = Clock::now() + kLastAnswers;
  while (latencies.answered() < sent && Clock::now() < deadline) poller.wait_until(deadline);
  return latencies.json(sent);
}

int run(int count, char** words) {
  const std::string mode = count > 1 ? words[1] : "";
  Options options;
  for (int index = 2; index < count; index += 2) {
    const auto option = options.texts.find(words[index]);
    if (option == options.texts.end() || index + 1 == count) {
      throw std::runtime_error(std::string("what is ") + words[index] + "? See the top of main.cc.");
    }
    option->second = words[index + 1];
  }
  if (mode != "closed" && mode != "open") throw std::runtime_error("expected closed or open. See the top of main.cc.");
  const Message message = read_message(options);
  std::puts((mode == "closed" ? closed_loop(options, message) : open_loop(options, message)).c_str());
  return 0;
}

}  // namespace
}  // namespace probe

int main(int argc, char** argv) {
  try {
    return probe::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "probe: %s\n", error.what());
    return 1;
  }
}
