#include "loadgen/load_run.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <system_error>

#include "base/text.h"
#include "loadgen/grpc_connection.h"
#include "loadgen/http1_connection.h"

namespace pyserver::loadgen {
namespace {

// Signals are for the threads that were there before: none reaches a thread that is started while this lives.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

Status check_protocol(const LoadTarget& target, const LoadRequests& requests) {
  if (target.protocol == TransportProtocol::kGrpc) return {};
  if (requests.options().streaming) return invalid_argument("only gRPC has streams");
  if (target.protocol != TransportProtocol::kHttp1) return {};
  const auto& expectations = requests.options().expectations;
  const bool tensors_expected = std::ranges::any_of(
      expectations, [](const std::optional<Expectation>& one) { return one && one->form != AnswerForm::kMessage; });
  if (tensors_expected) return invalid_argument("of an answer over HTTP/1.1, only the whole body can be compared");
  return {};
}

}  // namespace

Result<std::unique_ptr<LoadRun>> LoadRun::create(LoadTarget target, std::shared_ptr<const LoadRequests> requests,
                                                 LoadPlan plan) {
  PYSERVER_RETURN_IF_ERROR(plan.check(requests->size()));
  PYSERVER_RETURN_IF_ERROR(check_protocol(target, *requests));
  if (target.protocol == TransportProtocol::kHttp1) plan.max_in_flight = 1;
  // HTTP/1.1 has one request at a time on a connection.
  if (target.protocol == TransportProtocol::kHttp1 && plan.concurrency) {
    plan.connections = std::max(plan.connections, *plan.concurrency);
  }
  std::unique_ptr<LoadRun> run(new LoadRun(std::move(target), std::move(requests), std::move(plan)));
  PYSERVER_RETURN_IF_ERROR(run->make_workers());
  return run;
}

LoadRun::LoadRun(LoadTarget target, std::shared_ptr<const LoadRequests> requests, LoadPlan plan)
    : target_(std::move(target)),
      requests_(std::move(requests)),
      plan_(std::move(plan)),
      grpc_head_(make_grpc_head(target_, *requests_)),
      http1_head_(make_http1_head(target_, *requests_)),
      board_(plan_.threads) {}

LoadRun::~LoadRun() {
  order(RunOrder::kAbandon);
  join();
}

Status LoadRun::make_workers() {
  const Worker::Scope scope{target_, *requests_, plan_, *grpc_head_, http1_head_, board_, order_};
  for (std::size_t index = 0; index < plan_.threads; ++index) {
    Result<std::unique_ptr<Worker>> worker = Worker::create(scope, index);
    if (!worker.ok()) return worker.status();
    workers_.push_back(*std::move(worker));
  }
  return {};
}

Status LoadRun::start() {
  if (started_.exchange(true)) return failed_precondition("the run was started before");
  const Status started = start_threads();
  const Status connected = started.ok() ? board_.await_connected() : started;
  if (!connected.ok()) join();
  return connected;
}

Status LoadRun::start_threads() {
  const SignalsBlocked blocked;
  try {
    for (const std::unique_ptr<Worker>& worker : workers_) {
      threads_.emplace_back([&worker = *worker] { worker.run(); });
      ::pthread_setname_np(threads_.back().native_handle(), concat("loadgen-", threads_.size()).c_str());
    }
  } catch (const std::system_error& error) {
    const Status status = resource_exhausted(concat("no thread for the load: ", std::string(error.what())));
    board_.call_off(status);
    return status;
  }
  return {};
}

bool LoadRun::wait(std::chrono::nanoseconds patience) { return board_.await_end(patience); }

void LoadRun::stop() { order(RunOrder::kStop); }

void LoadRun::order(RunOrder order) {
  order_.store(order, std::memory_order_relaxed);
  for (const std::unique_ptr<Worker>& worker : workers_) worker->wake();
}

Result<LoadSummary> LoadRun::summary() {
  if (!board_.await_end(std::chrono::nanoseconds(0))) return failed_precondition("the run has not ended yet");
  return board_.summary(plan_.warmup);
}

void LoadRun::join() {
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace pyserver::loadgen
