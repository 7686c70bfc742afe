#include "engines/identity/identity_engine.h"

#include <utility>

#include "base/text.h"

namespace pyserver {
namespace {

class IdentityInstance final : public EngineInstance {
 public:
  // Both must outlive the instance.
  IdentityInstance(const ModelSignature& signature, std::chrono::microseconds delay, Clock& clock)
      : signature_(signature), delay_(delay), clock_(clock) {}

  Status execute(std::span<const TensorView> inputs, std::vector<TensorView>& outputs) override {
    if (inputs.size() != signature_.inputs.size()) {
      return internal_error(concat("expected ", signature_.inputs.size(), " inputs, got ", inputs.size()));
    }
    wait();
    for (std::size_t index = 0; index < inputs.size(); ++index) {
      TensorView& output = outputs.emplace_back(inputs[index]);
      output.name = signature_.outputs[index].name;
    }
    return {};
  }

 private:
  void wait() {
    if (delay_.count() == 0) return;
    const TimePoint end = clock_.now() + delay_;
    std::unique_lock lock(mutex_);
    while (clock_.now() < end) clock_.wait_until(lock, never_notified_, end);
  }

  const ModelSignature& signature_;
  const std::chrono::microseconds delay_;
  Clock& clock_;
  std::mutex mutex_;
  std::condition_variable never_notified_;
};

class IdentityEngine final : public Engine {
 public:
  IdentityEngine(ModelSignature signature, IdentityOptions options, std::shared_ptr<Clock> clock)
      : signature_(std::move(signature)), options_(options), clock_(std::move(clock)) {}

  std::string_view name() const noexcept override { return "identity"; }
  std::string_view device() const noexcept override { return "CPU"; }
  const ModelSignature& signature() const noexcept override { return signature_; }
  std::vector<InstanceGroup> instance_groups() const override { return {{.count = options_.instances, .threads = 1}}; }

  Result<std::unique_ptr<EngineInstance>> create_instance(std::size_t group) override {
    if (group != 0) return invalid_argument(concat("there is one instance group, and group ", group, " is not it"));
    return std::unique_ptr<EngineInstance>(std::make_unique<IdentityInstance>(signature_, options_.delay, *clock_));
  }

 private:
  const ModelSignature signature_;
  const IdentityOptions options_;
  const std::shared_ptr<Clock> clock_;
};

Status check_pair(const TensorSpec& input, const TensorSpec& output) {
  if (input.optional) {
    return invalid_argument(
        concat("input ", quoted(input.name), " cannot be optional: its output would have no bytes"));
  }
  if (input.datatype != output.datatype || input.shape != output.shape) {
    return invalid_argument(concat("output ", quoted(output.name), " must be like input ", quoted(input.name),
                                   ": expected ", name_of(input.datatype), " ", to_string(input.shape), ", got ",
                                   name_of(output.datatype), " ", to_string(output.shape)));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Engine>> make_identity_engine(ModelSignature signature, IdentityOptions options,
                                                     std::shared_ptr<Clock> clock) {
  if (options.instances < 1) {
    return invalid_argument(concat("an identity model needs at least 1 instance, got ", options.instances));
  }
  if (options.delay.count() < 0) {
    return invalid_argument(concat("the delay must not be negative, got ", options.delay.count(), " us"));
  }
  if (signature.inputs.size() != signature.outputs.size()) {
    return invalid_argument(concat("an identity model needs an output for each input: expected ",
                                   signature.inputs.size(), ", got ", signature.outputs.size()));
  }
  for (std::size_t index = 0; index < signature.inputs.size(); ++index) {
    PYSERVER_RETURN_IF_ERROR(check_pair(signature.inputs[index], signature.outputs[index]));
  }
  return std::unique_ptr<Engine>(std::make_unique<IdentityEngine>(std::move(signature), options, std::move(clock)));
}

}  // namespace pyserver
