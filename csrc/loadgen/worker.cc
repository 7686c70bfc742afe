#include "loadgen/worker.h"

#include <time.h>

#include <algorithm>

#include "loadgen/http1_connection.h"
#include "loadgen/in_process_connection.h"
#include "loadgen/stream_connection.h"
#include "loadgen/unary_connection.h"

namespace pyserver::loadgen {
namespace {

constexpr std::size_t kReadBytes = 256 * 1024;
// What is not due at a moment of its own is looked at so often: time-outs, attempts to connect, complete windows.
constexpr Nanos kTick = 2'000'000;

Nanos thread_cpu() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<Nanos>(used.tv_sec) * 1'000'000'000 + used.tv_nsec;
}

}  // namespace

Result<std::unique_ptr<Worker>> Worker::create(const Scope& scope, std::size_t index) {
  Result<std::unique_ptr<Poller>> poller = Poller::create();
  if (!poller.ok()) return std::move(poller).status();
  return std::unique_ptr<Worker>(new Worker(scope, index, *std::move(poller)));
}

Worker::Worker(const Scope& scope, std::size_t index, std::unique_ptr<Poller> poller)
    : scope_(scope),
      index_(index),
      poller_(std::move(poller)),
      recorder_(scope.plan),
      answers_(scope.requests, recorder_),
      schedule_(scope.plan, scope.requests.size(), index, scope.plan.threads),
      read_buffer_(kReadBytes) {
  make_connections();
}

Worker::~Worker() = default;

void Worker::make_connections() {
  const LoadPlan& plan = scope_.plan;
  for (std::size_t number = index_; number < plan.connections; number += plan.threads) {
    connections_.push_back(make_connection({.target = scope_.target,
                                            .requests = scope_.requests,
                                            .plan = plan,
                                            .poller = *poller_,
                                            .recorder = recorder_,
                                            .clock = clock_,
                                            .answers = answers_,
                                            .read_buffer = read_buffer_,
                                            .owner = *this,
                                            .most_in_flight = plan.in_flight_on(number)}));
  }
}

std::unique_ptr<Connection> Worker::make_connection(const ConnectionScope& its) const {
  switch (scope_.target.protocol) {
    case TransportProtocol::kHttp1: return std::make_unique<Http1Connection>(its, scope_.http1_head);
    case TransportProtocol::kInProcess: return std::make_unique<InProcessConnection>(its);
    case TransportProtocol::kGrpc: break;
  }
  if (scope_.requests.options().streaming) return std::make_unique<StreamConnection>(its, scope_.grpc_head);
  return std::make_unique<UnaryConnection>(its, scope_.grpc_head);
}

void Worker::run() {
  be_punctual();
  const std::optional<Nanos> start = scope_.board.report_and_await_start(connect());
  if (start) {
    clock_.start_at(*start);
    send_load();
    drain();
    finish();
  }
  connections_.clear();
}

Status Worker::connect() {
  clock_.start_at(steady_now());
  for (const auto& connection : connections_) connection->start();
  while (true) {
    for (const auto& connection : connections_) PYSERVER_RETURN_IF_ERROR(connection->problem());
    if (std::ranges::all_of(connections_, [](const auto& connection) { return connection->open(); })) return {};
    if (order() != RunOrder::kGo) return cancelled("the run was stopped");
    wait(kNeverNanos);
  }
}

bool Worker::load_has_ended(Nanos now) const noexcept {
  if (now >= scope_.plan.end() || order() != RunOrder::kGo) return true;
  // Without arrivals there may still be some time to pass; with a number of requests there is none.
  return schedule_.exhausted(now) && (!schedule_.open_loop() || scope_.plan.max_requests);
}

void Worker::send_load() {
  phase_ = Phase::kSending;
  next_tick_ = clock_.now();
  for (const auto& connection : connections_) {
    on_room(*connection);
    connection->flush();
  }
  while (true) {
    const Nanos now = clock_.last();
    if (!cpu_before_ && now >= scope_.plan.warmup) cpu_before_ = thread_cpu();
    if (load_has_ended(now)) break;
    send_arrivals(now);
    const bool fits = schedule_.open_loop() && connection_with_room() != nullptr;
    wait(std::min(fits ? schedule_.next_due() : kNeverNanos, scope_.plan.end()));
  }
  load_end_ = std::min(clock_.last(), scope_.plan.end());
}

void Worker::drain() {
  phase_ = Phase::kDraining;
  const Nanos patience = clock_.last() + scope_.plan.drain;
  while (clock_.last() < patience && order() != RunOrder::kAbandon) {
    const bool stopped = order() != RunOrder::kGo;
    if (!stopped) send_arrivals(load_end_);
    if (recorder_.in_flight() == 0 && (stopped || !arrivals_wait(load_end_))) break;
    wait(patience);
  }
}

void Worker::finish() {
  LoadSummary summary;
  summary.most_in_flight = recorder_.most_in_flight();
  // What was due and never sent was asked of the server as well, and not answered.
  while (arrivals_wait(load_end_)) {
    const Schedule::Next next = schedule_.take(load_end_);
    recorder_.lost(recorder_.begin(next.due, 0));
  }
  for (const auto& connection : connections_) {
    connection->abandon();
    summary.connections_opened += connection->times_opened() > 0 ? 1 : 0;
    summary.reconnects += std::max<std::uint64_t>(connection->times_opened(), 1) - 1;
  }
  summary.cpu = cpu_before_ ? thread_cpu() - *cpu_before_ : 0;
  summary.errors = recorder_.examples();
  const Nanos last_moment = std::max(load_end_, recorder_.last_end());
  scope_.board.hand_over(index_, recorder_.take_rest(std::min(last_moment, scope_.plan.end())));
  scope_.board.report_end(index_, summary, last_moment);
}

void Worker::on_room(Connection& connection) {
  if (phase_ != Phase::kSending || schedule_.open_loop()) return;
  const Nanos now = clock_.last();
  while (connection.room() > 0 && !schedule_.exhausted(now)) begin_on(connection, now);
}

void Worker::send_arrivals(Nanos now) {
  if (!arrivals_wait(now)) return;
  fail_overdue(now);
  while (arrivals_wait(now)) {
    Connection* connection = connection_with_room();
    if (connection == nullptr) break;
    begin_on(*connection, clock_.last());
    unflushed_.push_back(connection);
    if (++next_connection_ == connections_.size()) next_connection_ = 0;
  }
  // Those that got several requests have nothing left to flush the second time.
  for (Connection* connection : unflushed_) connection->flush();
  unflushed_.clear();
}

void Worker::begin_on(Connection& connection, Nanos now) {
  const Schedule::Next next = schedule_.take(now);
  const Ticket ticket = recorder_.begin(next.due, scope_.requests.message(next.body).size());
  if (schedule_.open_loop()) recorder_.handed(ticket, now);
  connection.begin(ticket, next.body);
}

Connection* Worker::connection_with_room() noexcept {
  for (std::size_t tried = 0; tried < connections_.size(); ++tried) {
    Connection& connection = *connections_[next_connection_];
    if (connection.room() > 0) return &connection;
    if (++next_connection_ == connections_.size()) next_connection_ = 0;
  }
  return nullptr;
}

void Worker::fail_overdue(Nanos now) {
  if (!scope_.plan.timeout) return;
  while (arrivals_wait(now) && schedule_.next_due() + *scope_.plan.timeout <= clock_.last()) {
    const Schedule::Next next = schedule_.take(now);
    recorder_.failed(recorder_.begin(next.due, 0), clock_.last(), ErrorKind::timeout(),
                     "no connection took the request within the time-out");
  }
}

void Worker::wait(Nanos until) {
  poller_->wait(clock_.origin() + std::min(until, next_tick_));
  if (const Nanos now = clock_.now(); now >= next_tick_) tick(now);
}

void Worker::tick(Nanos now) {
  next_tick_ = now + kTick;
  for (const auto& connection : connections_) connection->tick(now);
  const Nanos next_due = schedule_.open_loop() ? schedule_.next_due() : kNeverNanos;
  std::vector<std::unique_ptr<Window>> complete = recorder_.take_complete(std::min(now, next_due));
  if (!complete.empty()) scope_.board.hand_over(index_, std::move(complete));
}

}  // namespace pyserver::loadgen
