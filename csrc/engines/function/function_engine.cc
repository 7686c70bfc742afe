#include "engines/function/function_engine.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "base/text.h"

namespace pyserver {
namespace {

class FunctionEngine final : public Engine {
 public:
  FunctionEngine(FunctionEngineOptions options, ModelSignature signature,
                 std::vector<std::unique_ptr<BatchFunction>> functions)
      : options_(std::move(options)),
        signature_(std::move(signature)),
        functions_(std::move(functions)),
        taken_(functions_.size()) {}

  std::string_view name() const noexcept override { return options_.name; }
  std::string_view device() const noexcept override { return options_.device; }
  const ModelSignature& signature() const noexcept override { return signature_; }
  std::vector<InstanceGroup> instance_groups() const override {
    return {{.count = static_cast<int>(functions_.size()), .threads = options_.threads_each}};
  }
  Result<std::unique_ptr<EngineInstance>> create_instance(std::size_t group) override;
  std::vector<EngineCounter> counters() const override;

  BatchFunction& function(std::size_t index) noexcept { return *functions_[index]; }
  void give_back(std::size_t index) {
    const std::lock_guard lock(mutex_);
    taken_[index] = false;
  }

 private:
  const FunctionEngineOptions options_;
  const ModelSignature signature_;
  const std::vector<std::unique_ptr<BatchFunction>> functions_;
  std::mutex mutex_;
  std::vector<bool> taken_;  // guarded by mutex_; one a function
};

class FunctionInstance final : public EngineInstance {
 public:
  // `engine` must outlive the instance; its function `index` is this instance's alone.
  FunctionInstance(FunctionEngine& engine, std::size_t index) : engine_(engine), index_(index) {}
  ~FunctionInstance() override { engine_.give_back(index_); }

  Status execute(std::span<const TensorView> inputs, std::vector<TensorView>& outputs) override {
    const std::size_t expected = engine_.signature().inputs.size();
    if (inputs.size() != expected) {
      return internal_error(concat("expected ", expected, " inputs, got ", inputs.size()));
    }
    Status status = engine_.function(index_).execute(inputs, outputs);
    if (!status.ok()) outputs.clear();
    return status;
  }
  std::shared_ptr<const void> share_outputs() override { return engine_.function(index_).share_outputs(); }

 private:
  FunctionEngine& engine_;
  const std::size_t index_;
};

Result<std::unique_ptr<EngineInstance>> FunctionEngine::create_instance(std::size_t group) {
  if (group != 0) return invalid_argument(concat("there is one instance group, and group ", group, " is not it"));
  const std::lock_guard lock(mutex_);
  const auto idle = std::ranges::find(taken_, false);
  if (idle == taken_.end()) {
    return failed_precondition(concat("all ", taken_.size(), " functions of this engine have an instance"));
  }
  *idle = true;
  const auto index = static_cast<std::size_t>(idle - taken_.begin());
  return std::unique_ptr<EngineInstance>(std::make_unique<FunctionInstance>(*this, index));
}

std::vector<EngineCounter> FunctionEngine::counters() const {
  std::vector<EngineCounter> sums = functions_.front()->counters();
  for (std::size_t function = 1; function < functions_.size(); ++function) {
    const std::vector<EngineCounter> counted = functions_[function]->counters();
    for (std::size_t index = 0; index < sums.size(); ++index) sums[index].value += counted[index].value;
  }
  return sums;
}

}  // namespace

Result<std::unique_ptr<Engine>> make_function_engine(FunctionEngineOptions options, ModelSignature signature,
                                                     std::vector<std::unique_ptr<BatchFunction>> functions) {
  if (functions.empty()) return invalid_argument("a function engine needs at least 1 function, got 0");
  return std::unique_ptr<Engine>(
      std::make_unique<FunctionEngine>(std::move(options), std::move(signature), std::move(functions)));
}

}  // namespace pyserver
