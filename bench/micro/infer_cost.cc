// What one request costs the core without any transport: decode, hand over, execute (nothing), encode.
// `infer_cost [REQUESTS]` prints CPU and wall time a request for several numbers of requests in flight.
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <semaphore>
#include <vector>

#include "base/text.h"
#include "engines/identity/identity_engine.h"
#include "server/infer_service.h"
#include "server/predict_message.h"

namespace pyserver {
namespace {

using Answers = std::counting_semaphore<1 << 20>;

class Answered final : public InferCompletion {
 public:
  explicit Answered(Answers& answers) : answers_(answers) {}
  void done(InferResult result) override {
    if (!result.status.ok()) {
      std::fprintf(stderr, "%s\n", result.status.message().c_str());
      std::abort();
    }
    answers_.release();
  }

 private:
  Answers& answers_;
};

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::shared_ptr<ModelRuntime> make_identity(const std::shared_ptr<BufferPool>& pool, Clock& clock, bool inlined) {
  ModelSignature signature;
  signature.max_batch_size = 64;
  signature.inputs = {{"INPUT0", Datatype::kFp32, {64}}};
  signature.outputs = {{"OUTPUT0", Datatype::kFp32, {64}}};
  auto engine = make_identity_engine(signature, {}, std::make_shared<SteadyClock>());
  BatchSettings settings;
  // A preferred size of one waits for nothing, and keeps the model from being executed inline.
  if (!inlined) settings.preferred_batch_sizes = {1};
  auto runtime = std::make_shared<ModelRuntime>("identity", 1, *std::move(engine), settings, pool, clock);
  return runtime->start().ok() ? runtime : nullptr;
}

void measure(bool inlined, int in_flight, int requests) {
  SteadyClock clock;
  HostAllocator allocator;
  const std::shared_ptr<BufferPool> pool = BufferPool::create(allocator);
  ModelTable models;
  InferService service(models, *pool, clock);
  const std::shared_ptr<ModelRuntime> runtime = make_identity(pool, clock, inlined);
  if (runtime == nullptr) std::abort();
  models.publish("identity", {{1, {runtime, ""}}}, 1);
  const std::string message = test::predict_message("identity", "INPUT0", 1, std::vector<float>(64, 1.0F));
  Answers answers(0);
  const auto send = [&](int count) {
    for (int sent = 0; sent < count; sent += in_flight) {
      for (int one = 0; one < in_flight; ++one) {
        service.infer(Protocol::kPredict, std::as_bytes(std::span(message)), clock.now(), kNever,
                      std::make_unique<Answered>(answers));
      }
      for (int one = 0; one < in_flight; ++one) answers.acquire();
    }
  };
  send(1000);
  const double cpu = cpu_seconds();
  const TimePoint began = clock.now();
  send(requests);
  const double wall = std::chrono::duration<double>(clock.now() - began).count();
  std::printf("%-12s %4d in flight: %6.2f us of CPU, %6.2f us a request\n", inlined ? "inline" : "handed over",
              in_flight, 1e6 * (cpu_seconds() - cpu) / requests, 1e6 * wall / requests);
  runtime->stop(std::chrono::seconds(1));
}

}  // namespace
}  // namespace pyserver

int main(int argc, char** argv) {
  const int requests = argc > 1 ? std::atoi(argv[1]) : 200'000;
  for (const int in_flight : {1, 8, 64}) {
    for (const bool inlined : {false, true}) pyserver::measure(inlined, in_flight, requests);
  }
}
