// An engine whose executions wait at a gate, so that a test decides what happens while a batch runs.
//
// Its model doubles one FP32 input "x" [2] into "y". It fails any batch that holds a negative number. It takes its
// batches in one piece, or in parts.
#pragma once

#include <condition_variable>
#include <cstring>
#include <mutex>
#include <vector>

#include "inference/engine.h"

namespace pyserver::test {

class Gate {
 public:
  void open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void close() {
    std::lock_guard lock(mutex_);
    open_ = false;
  }
  // Called by the engine; blocks while the gate is closed.
  void pass(std::int64_t rows) {
    std::unique_lock lock(mutex_);
    executed_rows_.push_back(rows);
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  // Returns once `count` executions have reached the gate.
  void await(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return executed_rows_.size() >= count; });
  }
  std::vector<std::int64_t> executed_rows() {
    std::lock_guard lock(mutex_);
    return executed_rows_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;
  std::vector<std::int64_t> executed_rows_;
};

class GatedEngine final : public Engine {
 public:
  enum class Takes { kOnePiece, kParts };

  explicit GatedEngine(Gate& gate, std::int64_t max_batch_size = 4, Takes takes = Takes::kOnePiece)
      : gate_(gate), takes_(takes) {
    signature_.inputs = {{"x", Datatype::kFp32, {2}}};
    signature_.outputs = {{"y", Datatype::kFp32, {2}}};
    signature_.max_batch_size = max_batch_size;
  }
  std::string_view name() const noexcept override { return "gated"; }
  std::string_view device() const noexcept override { return "CPU"; }
  const ModelSignature& signature() const noexcept override { return signature_; }
  std::vector<InstanceGroup> instance_groups() const override { return {{1, 1}}; }
  Result<std::unique_ptr<EngineInstance>> create_instance(std::size_t) override {
    return std::unique_ptr<EngineInstance>(std::make_unique<Instance>(gate_, takes_));
  }

 private:
  class Instance final : public EngineInstance {
   public:
    Instance(Gate& gate, Takes takes) : gate_(gate), takes_(takes) {}
    bool gathers() const noexcept override { return takes_ == Takes::kParts; }
    Status execute(std::span<const TensorView> inputs, std::vector<TensorView>& outputs) override {
      const TensorView& x = inputs[0];
      return execute_parts(x.shape, {&x.bytes, 1}, outputs);
    }
    Status execute_scattered(std::span<const ScatteredTensor> inputs, std::vector<TensorView>& outputs) override {
      return execute_parts(inputs[0].whole.shape, inputs[0].parts, outputs);
    }

   private:
    Status execute_parts(const Shape& shape, std::span<const std::span<const std::byte>> parts,
                         std::vector<TensorView>& outputs) {
      gate_.pass(shape[0]);
      values_.clear();
      for (const auto part : parts) {
        const std::size_t before = values_.size();
        values_.resize(before + part.size() / sizeof(float));
        std::memcpy(values_.data() + before, part.data(), part.size());
      }
      for (float& value : values_) {
        if (value < 0) return internal_error("a negative number");
        value *= 2;
      }
      outputs.push_back({"y", Datatype::kFp32, shape, std::as_bytes(std::span(values_))});
      return {};
    }

    Gate& gate_;
    const Takes takes_;
    std::vector<float> values_;
  };

  Gate& gate_;
  const Takes takes_;
  ModelSignature signature_;
};

}  // namespace pyserver::test
