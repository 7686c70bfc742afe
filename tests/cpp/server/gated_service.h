// A service whose models wait at a gate, and the answers to what a test sends it.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/gated_engine.h"
#include "server/infer_service.h"

namespace pyserver::test {

struct Outcome {
  Status status;
  std::string response;
};

class Promised final : public InferCompletion {
 public:
  explicit Promised(std::promise<Outcome> promise) : promise_(std::move(promise)) {}
  void done(InferResult result) override {
    std::string response(result.response.size(), '\0');
    result.response.copy_to(reinterpret_cast<std::byte*>(response.data()));
    promise_.set_value({result.status, std::move(response)});
  }

 private:
  std::promise<Outcome> promise_;
};

class GatedService {
 protected:
  // `regions`, or null, must outlive it.
  explicit GatedService(GatedEngine::Takes takes, RegionTable* regions = nullptr)
      : service(models, *pool, clock, regions), takes_(takes) {}
  ~GatedService() {
    gate.open();
    for (const auto& runtime : runtimes) runtime->stop(std::chrono::seconds(10));
  }
  GatedService(const GatedService&) = delete;
  GatedService& operator=(const GatedService&) = delete;

  std::shared_ptr<ModelRuntime> start_model(const std::string& name, std::int64_t version,
                                            BatchSettings settings = {}) {
    auto runtime = std::make_shared<ModelRuntime>(name, version, std::make_unique<GatedEngine>(gate, 4, takes_),
                                                  std::move(settings), pool, clock);
    EXPECT_TRUE(runtime->start().ok());
    runtimes.push_back(runtime);
    return runtime;
  }
  void serve(const std::string& name, std::int64_t version, BatchSettings settings = {}) {
    models.publish(name, {{version, {start_model(name, version, std::move(settings)), ""}}}, version);
  }

  std::future<Outcome> infer(Protocol protocol, std::string message, TimePoint deadline = kNever,
                             InferCall* call = nullptr) {
    const std::string& bytes = messages_.emplace_back(std::move(message));
    std::promise<Outcome> promise;
    std::future<Outcome> future = promise.get_future();
    InferCall made = service.infer(protocol, std::as_bytes(std::span(bytes)), clock.now(), deadline,
                                   std::make_unique<Promised>(std::move(promise)));
    if (call != nullptr) *call = made;
    return future;
  }

  Gate gate;
  SteadyClock clock;
  HostAllocator allocator;
  std::shared_ptr<BufferPool> pool = BufferPool::create(allocator);
  ModelTable models;
  InferService service;
  std::vector<std::shared_ptr<ModelRuntime>> runtimes;

 private:
  const GatedEngine::Takes takes_;
  std::deque<std::string> messages_;
};

}  // namespace pyserver::test
