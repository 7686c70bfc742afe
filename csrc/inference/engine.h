// The engine contract: all that the core knows of OpenVINO, TensorRT and their like.
//
// An Engine is one loaded model version. It makes instances; an instance executes one batch at a time. Copies that
// should overlap with execution overlap by having two instances.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "inference/model_signature.h"
#include "inference/scattered_tensor.h"
#include "tensor/tensor_view.h"

namespace pyserver {

// Alike instances. Instances of one group may run at the same time; instances of different groups compete for the same
// cores, and the batcher keeps them from running together.
struct InstanceGroup {
  int count = 1;
  // CPU threads of each instance; 0 where the engine does not say.
  int threads = 0;
};

// Something that an engine counts or measures beyond what all engines do, such as "graph_hits".
struct EngineCounter {
  std::string name;
  std::uint64_t value = 0;
};

// Not thread-safe: one thread at a time, though not always the same.
class EngineInstance {
 public:
  virtual ~EngineInstance() = default;

  // Executes one batch and returns when it is done.
  //
  // `inputs` has one tensor for each input of the signature, in its order, its shape with the batch dimension where the
  // model batches; an absent optional input has no bytes and a default-made (scalar, nameless) view. They are checked
  // against the signature, and stay valid until the next call. Their bytes begin at a multiple of the element's size.
  //
  // On success `outputs` (empty on entry) gets one tensor for each output of the signature, in its order. Their memory
  // is valid until the next execute(), or the end of this instance or of `inputs`, whichever comes first.
  // A failure is the model's: it fails the whole batch, with a message that need not name the model.
  virtual Status execute(std::span<const TensorView> inputs, std::vector<TensorView>& outputs) = 0;

  // Whether the instance puts the rows of a batch together itself (a GPU, by one copy a request). Then
  // execute_scattered() is called instead of execute(), and nothing is gathered before.
  virtual bool gathers() const noexcept { return false; }
  // Like execute(), with the rows of the requests where they lie.
  virtual Status execute_scattered(std::span<const ScatteredTensor> /*inputs*/, std::vector<TensorView>& /*outputs*/) {
    return unimplemented("this engine takes batches in one piece only");
  }

  // What keeps the memory of the last execute()'s outputs as it is, whatever is executed next and even when this
  // instance has gone: large answers are sent from there. Null where they must be copied.
  virtual std::shared_ptr<const void> share_outputs() { return nullptr; }
};

// Thread-safe. Must outlive its instances.
class Engine {
 public:
  virtual ~Engine() = default;

  // Such as "openvino"; and where it runs, such as "CPU".
  virtual std::string_view name() const noexcept = 0;
  virtual std::string_view device() const noexcept = 0;
  // Whether inputs may lie in the memory of this GPU, where clients put them (TensorView::device_address). Where not,
  // such requests are refused before they get here.
  virtual bool reads_device_memory(int /*device*/) const noexcept { return false; }

  // Complete: what the model's files say, with the configuration applied.
  virtual const ModelSignature& signature() const noexcept = 0;

  // At least one; from the one that answers a lone request soonest to the one that answers the most requests.
  virtual std::vector<InstanceGroup> instance_groups() const = 0;

  // Whether requests may be executed on the threads that decode, where that is worthwhile; those must not wait for a
  // device.
  virtual bool may_run_inline() const noexcept { return true; }

  // `group` is an index of instance_groups(). Called `count` times for each group, and perhaps once more for group 0
  // where may_run_inline().
  virtual Result<std::unique_ptr<EngineInstance>> create_instance(std::size_t group) = 0;

  // In the order in which they are shown; names in snake_case, units in suffixes.
  virtual std::vector<EngineCounter> counters() const { return {}; }
};

}  // namespace pyserver
