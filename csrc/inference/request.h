// Request: one inference on its way through the core, with all that must live as long as it does.
//
// It is owned by exactly one party at a time (a unique_ptr that is handed on: service → batcher → instance), and ended
// exactly once, by finish(). Thread-compatible; only `cancellation` is shared.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <span>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "memory/buffer_pool.h"
#include "shared_memory/region.h"
#include "tensor/tensor_view.h"

namespace pyserver {

// Set once, by whoever learns that the caller has gone. Thread-safe.
class Cancellation {
 public:
  void cancel() noexcept { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const noexcept { return cancelled_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> cancelled_{false};
};

// The moments at which a request passed from one stage to the next.
struct Timeline {
  TimePoint received;       // the transport saw it
  TimePoint decode_began;   // receive is over
  TimePoint queued;         // decoded, checked and waiting
  TimePoint batch_began;    // an instance took it
  TimePoint execute_began;  // the batch is assembled
  TimePoint execute_ended;
  Duration preprocess{};         // a part of the time between batch_began and execute_began
  Duration postprocess{};        // a part of the time after execute_ended
  std::uint32_t batch_size = 0;  // rows executed together
};

class Request;

// How a request is answered. The one object that travels from the transport to the engine and back.
class Completion {
 public:
  virtual ~Completion() = default;
  // Called exactly once, on any thread; must not block or throw. `outputs` is empty unless `status` is OK; then it has
  // the model's outputs in the signature's order. Their memory is valid during the call, and as long as anyone holds
  // `memory` where that is not null.
  virtual void complete(const Request& request, const Status& status, std::span<const TensorView> outputs,
                        const std::shared_ptr<const void>& memory) = 0;
};

class Request {
 public:
  Request() = default;
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  // Declared first, so that it is destroyed last: the containers below live in it.
  std::array<std::byte, 2048> arena_block;
  std::pmr::monotonic_buffer_resource arena{arena_block.data(), arena_block.size()};

  // What the caller asked for. Names and tensor bytes are views into the caller's bytes or into `owned`.
  std::string_view model;
  std::int64_t version = 0;  // 0: the default version
  std::string_view id;
  std::uint32_t priority = 0;  // 1 is first; 0: the model's default
  bool wants_ledger = false;
  // Open Inference Protocol: answer in typed contents, as the request came.
  bool wants_typed_contents = false;
  // As sent, until ModelRuntime arranges them in the signature's order.
  std::pmr::vector<TensorView> inputs{&arena};
  // What the caller sent where pre-processing makes `inputs` of it; otherwise empty.
  std::pmr::vector<TensorView> sources{&arena};
  std::pmr::vector<std::string_view> wanted_outputs{&arena};  // none: all
  // One for each wanted output, where it is to be answered as texts of its so many highest classes; 0: as it is.
  std::pmr::vector<std::uint32_t> wanted_classes{&arena};
  // One for each wanted output, where it goes into shared memory instead of the answer; one without a region: it does
  // not. Empty: none does.
  std::pmr::vector<SharedPlace> output_places{&arena};
  // Contents that could not be used where they lay: typed fields, BYTES elements.
  std::pmr::vector<Buffer> owned{&arena};
  // Of the inputs that lie on a GPU.
  std::pmr::vector<std::shared_ptr<const Region>> regions{&arena};

  // Rows along the batch dimension; 1 where the model does not batch.
  std::int64_t rows = 1;
  TimePoint deadline = kNever;
  std::shared_ptr<const Cancellation> cancellation;  // may be null
  Timeline timeline;
  std::unique_ptr<Completion> completion;
};

// Ends the request: completes it and frees it.
inline void finish(std::unique_ptr<Request> request, const Status& status, std::span<const TensorView> outputs = {},
                   const std::shared_ptr<const void>& memory = nullptr) {
  const std::unique_ptr<Completion> completion = std::move(request->completion);
  completion->complete(*request, status, outputs, memory);
}

}  // namespace pyserver
