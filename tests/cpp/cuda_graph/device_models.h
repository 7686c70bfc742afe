// Models on the double of the driver: y = 2x on rows of three floats, in one kernel; and what the tests of this folder
// need to make engines of them and to execute batches.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cuda/copy.h"
#include "engines/cuda_graph/cuda_graph_builder.h"
#include "fake_cuda.h"

namespace pyserver::test {

inline constexpr std::size_t kColumns = 3;

inline CudaGraphOptions scale_options(std::int64_t max_batch_size = 8) {
  CudaGraphOptions options;
  options.engine = "test";
  options.signature = {.inputs = {{"x", Datatype::kFp32, {kColumns}}},
                       .outputs = {{"y", Datatype::kFp32, {kColumns}}},
                       .max_batch_size = max_batch_size};
  return options;
}

// What the kernels are told of rows that they read and write.
inline std::array<FakeAccess, 2> accesses_of(const Lane& lane, std::int64_t rows, std::size_t columns = kColumns) {
  const std::size_t bytes = static_cast<std::size_t>(rows) * columns * sizeof(float);
  return {{{lane.buffers.input(0), bytes, FAKE_READ}, {lane.buffers.output(0), bytes, FAKE_WRITE}}};
}

inline Status launched(CUresult result) {
  return result == CUDA_SUCCESS ? Status() : internal_error("the double did not take the kernel");
}

// y = 2x
inline Status enqueue_scale(const Lane& lane, std::int64_t rows, std::size_t columns = kColumns) {
  const float factor = 2;
  const auto accesses = accesses_of(lane, rows, columns);
  return launched(fakeLaunchNamed(lane.streams->compute.get(), "scale_f32", &factor, sizeof factor, accesses.data(),
                                  accesses.size()));
}

// Rows that mix: every element of y is the sum of all elements of x, padding included.
inline Status enqueue_sum_of_all(const Lane& lane, std::int64_t rows) {
  const auto elements = static_cast<std::uint64_t>(rows) * kColumns;
  const auto accesses = accesses_of(lane, rows);
  const FakeKernelFunction sum = [](const void* arguments, void* const* pointers) {
    std::uint64_t count = 0;
    std::memcpy(&count, arguments, sizeof count);
    const auto* x = static_cast<const float*>(pointers[0]);
    auto* y = static_cast<float*>(pointers[1]);
    float total = 0;
    for (std::uint64_t index = 0; index < count; ++index) total += x[index];
    for (std::uint64_t index = 0; index < count; ++index) y[index] = total;
  };
  return launched(
      fakeLaunch(lane.streams->compute.get(), sum, &elements, sizeof elements, accesses.data(), accesses.size()));
}

class DeviceTest : public testing::Test {
 protected:
  // The device that the double gives has not failed in any test, unless the test takes one of its own.
  explicit DeviceTest(int ordinal = 0) {
    setenv("FAKE_CUDA_DEVICES", "3", /*overwrite=*/1);  // heeded the first time
    auto opened = cuda::Driver::open();
    EXPECT_TRUE(opened.ok()) << opened.status().message();
    driver = *opened;
    device = open(ordinal);
    EXPECT_TRUE(allocator->use_device(device).ok());
  }
  ~DeviceTest() override {
    // In the order in which a server lets go; then nothing is left on the device.
    instances.clear();
    engine.reset();
    builder.reset();
    pool.reset();
    allocator.reset();
    device.reset();
    EXPECT_EQ(fakeReportLeaks(), 0u);
  }

  std::shared_ptr<const cuda::Device> open(int ordinal) const {
    auto opened = cuda::Device::open(driver, ordinal);
    EXPECT_TRUE(opened.ok()) << opened.status().message();
    return *opened;
  }

  Status begin(const CudaGraphOptions& options) {
    auto made = CudaGraphBuilder::create({device, pool, allocator.get()}, options);
    if (!made.ok()) return made.status();
    builder.emplace(*std::move(made));
    return {};
  }
  using Enqueue = Status (*)(const Lane& lane, std::int64_t rows);
  void record_all(Enqueue enqueue) {
    for (std::size_t lane = 0; lane < builder->lane_count(); ++lane) {
      for (const std::int64_t rows : builder->model().buckets().buckets()) {
        const auto call = [&] { return enqueue(builder->lane(lane), rows); };
        const Status status = builder->record({lane, rows, 0}, call, {}, nullptr);
        ASSERT_TRUE(status.ok()) << status.message();
      }
    }
  }
  static Status scale(const Lane& lane, std::int64_t rows) { return enqueue_scale(lane, rows); }
  void finish() {
    auto built = builder->build();
    ASSERT_TRUE(built.ok()) << built.status().message();
    engine = *std::move(built);
    for (int lane = 0; lane < engine->instance_groups()[0].count; ++lane) {
      auto made = engine->create_instance(0);
      ASSERT_TRUE(made.ok()) << made.status().message();
      instances.push_back(*std::move(made));
    }
  }
  void serve(const CudaGraphOptions& options, Enqueue enqueue = &scale) {
    const Status begun = begin(options);
    ASSERT_TRUE(begun.ok()) << begun.message();
    record_all(enqueue);
    finish();
  }

  // Rows of three floats in memory of the pool, as a request brings them.
  Buffer rows_of(const std::vector<float>& values) const {
    auto buffer = pool->take(values.size() * sizeof(float));
    EXPECT_TRUE(buffer.ok());
    std::memcpy(buffer->data(), values.data(), buffer->size());
    return *std::move(buffer);
  }
  // 1, 2, 3 …
  static std::vector<float> counted(std::int64_t rows, float first = 1) {
    std::vector<float> values(static_cast<std::size_t>(rows) * kColumns);
    for (float& value : values) value = first++;
    return values;
  }

  // One batch of "x" in one piece; the values of "y".
  Status execute(const std::vector<float>& x, std::vector<float>& y, std::size_t lane = 0,
                 std::size_t columns = kColumns) {
    const Buffer bytes = rows_of(x);
    const std::span<const std::byte> part = bytes.bytes();
    return execute_parts({&part, 1}, y, lane, columns);
  }
  Status execute_parts(std::span<const std::span<const std::byte>> parts, std::vector<float>& y, std::size_t lane = 0,
                       std::size_t columns = kColumns, std::span<const std::uint64_t> device_parts = {}) {
    std::size_t size = 0;
    for (const auto part : parts) size += part.size();
    const auto width = static_cast<std::int64_t>(columns);
    Shape shape{width};
    if (engine->signature().batches()) {
      shape = shape.with_front(static_cast<std::int64_t>(size / sizeof(float)) / width);
    }
    const ScatteredTensor input{{"x", Datatype::kFp32, shape, {}}, parts, device_parts};
    std::vector<TensorView> outputs;
    PYSERVER_RETURN_IF_ERROR(instances[lane]->execute_scattered({&input, 1}, outputs));
    EXPECT_EQ(outputs.size(), 1u);
    EXPECT_EQ(outputs[0].name, "y");
    EXPECT_EQ(outputs[0].shape, shape);
    EXPECT_EQ(outputs[0].bytes.size(), size);
    y.resize(outputs[0].bytes.size() / sizeof(float));
    std::memcpy(y.data(), outputs[0].bytes.data(), outputs[0].bytes.size());
    return {};
  }

  std::uint64_t counter(std::string_view name) const {
    for (const EngineCounter& counter : engine->counters()) {
      if (counter.name == name) return counter.value;
    }
    ADD_FAILURE() << "no counter " << name;
    return 0;
  }
  static std::vector<float> doubled(std::vector<float> values) {
    for (float& value : values) value *= 2;
    return values;
  }

  std::shared_ptr<const cuda::Driver> driver;
  std::shared_ptr<const cuda::Device> device;
  std::unique_ptr<cuda::PinnedAllocator> allocator = std::make_unique<cuda::PinnedAllocator>();
  std::shared_ptr<BufferPool> pool = BufferPool::create(*allocator);
  std::optional<CudaGraphBuilder> builder;
  std::unique_ptr<Engine> engine;
  std::vector<std::unique_ptr<EngineInstance>> instances;
};

}  // namespace pyserver::test
