// The batcher under real threads and the real clock: whatever the order of events, every request ends exactly once.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "batching/batch_assembler.h"
#include "batching/dynamic_batcher.h"

namespace pyserver {
namespace {

using std::chrono::microseconds;

struct Tally {
  std::atomic<int> ok{0}, expired{0}, cancelled{0}, refused{0}, wrong{0}, twice{0};
};

// Knows the number that the request carried, which its answer must carry too.
class Check final : public Completion {
 public:
  Check(Tally& tally, std::atomic<int>& completions, std::int32_t number)
      : tally_(tally), completions_(completions), number_(number) {}

  void complete(const Request& request, const Status& status, std::span<const TensorView> outputs,
                const std::shared_ptr<const void>&) override {
    if (completions_.fetch_add(1) != 0) tally_.twice += 1;
    switch (status.code()) {
      case StatusCode::kOk: tally_.ok += 1; break;
      case StatusCode::kDeadlineExceeded: tally_.expired += 1; return;
      case StatusCode::kCancelled: tally_.cancelled += 1; return;
      default: tally_.wrong += 1; return;
    }
    const std::span<const std::byte> bytes = outputs[0].bytes;
    bool right = outputs[0].shape[0] == request.rows &&
                 bytes.size() == static_cast<std::size_t>(outputs[0].shape.element_count().value_or(0)) * 4;
    for (std::size_t at = 0; right && at < bytes.size(); at += 4) {
      std::int32_t value = 0;
      std::memcpy(&value, bytes.data() + at, 4);
      right = value == number_;
    }
    if (!right) tally_.wrong += 1;
  }

 private:
  Tally& tally_;
  std::atomic<int>& completions_;
  const std::int32_t number_;
};

struct Scenario {
  const char* name;
  BatchSettings settings;
  std::int64_t max_batch_size;
  std::vector<InstanceGroup> groups;
};

void PrintTo(const Scenario& scenario, std::ostream* out) { *out << scenario.name; }

class BatcherStress : public testing::TestWithParam<Scenario> {
 protected:
  static constexpr int kProducers = 4;
  static constexpr int kEach = 2000;

  // One instance: an engine that answers with its input.
  void execute_batches(std::size_t group) {
    BatchAssembler assembler(signature, *pool, metrics);
    Batch batch;
    while (batcher->next_batch(group, batch)) {
      executing[group] += 1;
      for (std::size_t other = 0; other < executing.size(); ++other) {
        if (other != group && executing[other] != 0) tally.wrong += 1;
      }
      if (batch.rows > std::max<std::int64_t>(1, GetParam().max_batch_size)) tally.wrong += 1;
      const auto inputs = assembler.gather(batch);
      ASSERT_TRUE(inputs.ok());
      if (!assembler.check_outputs(batch, *inputs).ok()) tally.wrong += 1;
      std::int64_t row = 0;
      for (auto& request : batch.requests) {
        const std::int64_t rows = request->rows;
        const auto outputs = assembler.slice(batch, *request, row, *inputs);
        finish(std::move(request), {}, outputs);
        row += rows;
      }
      if (row != batch.rows) tally.wrong += 1;
      batch = {};
      executing[group] -= 1;
      batcher->batch_done(group);
    }
  }

  void produce(int producer) {
    std::minstd_rand random(static_cast<unsigned>(producer + 1));
    std::vector<std::shared_ptr<Cancellation>> cancellations;
    for (int index = 0; index < kEach; ++index) {
      const auto number = static_cast<std::size_t>(producer * kEach + index);
      std::unique_ptr<Request> request = make(number, random);
      const auto cancellation = std::make_shared<Cancellation>();
      request->cancellation = cancellation;
      if (random() % 8 == 0) cancellations.push_back(cancellation);
      const Status status = batcher->enqueue(request);
      if (!status.ok()) {
        if (status.code() != StatusCode::kResourceExhausted) tally.wrong += 1;
        completions[number] += 1;
        tally.refused += 1;
      }
      if (random() % 16 == 0 && !cancellations.empty()) {
        for (const auto& one : cancellations) one->cancel();
        cancellations.clear();
        batcher->drop_cancelled();
      }
    }
  }

  std::unique_ptr<Request> make(std::size_t number, std::minstd_rand& random) {
    auto request = std::make_unique<Request>();
    const bool batches = GetParam().max_batch_size > 0;
    request->model = "m";
    request->rows = batches ? 1 + random() % 3 : 1;
    const Shape shape{request->rows, random() % 4 == 0 ? 3 : 2};  // two batch signatures
    const std::size_t bytes = static_cast<std::size_t>(shape[0] * shape[1]) * 4;
    auto space = pool->take(bytes);
    for (std::size_t at = 0; at < bytes; at += 4) {
      const auto value = static_cast<std::int32_t>(number);
      std::memcpy(space->data() + at, &value, 4);
    }
    request->owned.push_back(*std::move(space));
    request->inputs.push_back({"x", Datatype::kInt32, shape, request->owned.back().bytes()});
    request->priority = static_cast<std::uint32_t>(random() % 3);
    request->timeline.queued = clock.now();
    if (random() % 8 == 0) request->deadline = clock.now() + microseconds(random() % 500);
    request->completion = std::make_unique<Check>(tally, completions[number], static_cast<std::int32_t>(number));
    return request;
  }

  SteadyClock clock;
  HostAllocator allocator;
  std::shared_ptr<BufferPool> pool = BufferPool::create(allocator);
  ModelMetrics metrics;
  ModelSignature signature;
  Tally tally;
  std::array<std::atomic<int>, kProducers * kEach> completions{};
  std::array<std::atomic<int>, 2> executing{};
  std::unique_ptr<DynamicBatcher> batcher;
};

TEST_P(BatcherStress, EndsEveryRequestOnceWithItsOwnRows) {
  const Scenario& scenario = GetParam();
  signature.inputs = {{"x", Datatype::kInt32, {kFreeDimension}}};
  signature.outputs = signature.inputs;
  signature.max_batch_size = scenario.max_batch_size;
  batcher =
      std::make_unique<DynamicBatcher>(scenario.settings, scenario.max_batch_size, scenario.groups, clock, metrics);

  std::vector<std::thread> instances, producers;
  for (std::size_t group = 0; group < scenario.groups.size(); ++group) {
    for (int count = 0; count < scenario.groups[group].count; ++count) {
      instances.emplace_back([this, group] { execute_batches(group); });
    }
  }
  for (int producer = 0; producer < kProducers; ++producer)
    producers.emplace_back([this, producer] { produce(producer); });
  for (std::thread& thread : producers) thread.join();
  batcher->stop(/*abandon=*/false);
  for (std::thread& thread : instances) thread.join();

  for (const std::atomic<int>& count : completions) ASSERT_EQ(count, 1);
  EXPECT_EQ(tally.wrong, 0);
  EXPECT_EQ(tally.twice, 0);
  EXPECT_EQ(tally.ok + tally.expired + tally.cancelled + tally.refused, kProducers * kEach);
  EXPECT_GT(tally.ok, 0);
  EXPECT_EQ(metrics.dropped_expired.value(), static_cast<std::uint64_t>(tally.expired));
  EXPECT_EQ(metrics.dropped_cancelled.value(), static_cast<std::uint64_t>(tally.cancelled));
  EXPECT_EQ(batcher->depth(), 0u);
}

BatchSettings settings_of(microseconds delay, std::vector<std::int64_t> preferred, std::size_t queue_size) {
  BatchSettings settings;
  settings.max_queue_delay = delay;
  settings.preferred_batch_sizes = std::move(preferred);
  settings.max_queue_size = queue_size;
  settings.priority_levels = 2;
  return settings;
}

INSTANTIATE_TEST_SUITE_P(
    Scenarios, BatcherStress,
    testing::Values(Scenario{"Immediate", settings_of({}, {}, 64), 8, {{2, 0}}},
                    Scenario{"Delayed", settings_of(microseconds(200), {4}, 1024), 16, {{3, 0}}},
                    Scenario{"Adaptive", settings_of({}, {}, 256), 8, {{1, 2}, {2, 1}}},
                    Scenario{"AdaptiveAndDelayed", settings_of(microseconds(100), {}, 256), 8, {{1, 2}, {2, 1}}},
                    Scenario{"WithoutBatching", settings_of({}, {}, 256), 0, {{1, 2}, {2, 1}}}),
    [](const auto& parameters) { return std::string(parameters.param.name); });

}  // namespace
}  // namespace pyserver
