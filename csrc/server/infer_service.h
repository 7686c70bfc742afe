// InferService: bytes in → completion(bytes out | status), for both protocols. No Python, no transport.
//
// Thread-safe. Requests of any number of threads are decoded on the calling thread, run on the threads of the model's
// instances, and encoded there.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "inference/request.h"
#include "memory/buffer_pool.h"
#include "memory/message.h"
#include "server/model_table.h"
#include "shared_memory/region_table.h"

namespace pyserver {

enum class Protocol { kPredict, kPredictStream, kModelInfer, kModelStreamInfer };

// The outcome of one call, as the transport needs it.
struct InferResult {
  Status status;
  // The encoded response message where the status is OK. The stream protocols answer a failed request with a message
  // too, so there it is set whenever the request could be told apart from the stream.
  Message response;
  // For the log: as the caller sent them (cut after kLoggedBytes), not yet safe to print.
  static constexpr std::size_t kLoggedBytes = 256;
  std::string request_id;
  std::string model;
};

// Called exactly once; owned by the service meanwhile. Whatever must live as long as the request's bytes belongs into
// it.
class InferCompletion {
 public:
  virtual ~InferCompletion() = default;
  // On the calling thread of infer() or on an instance's thread; must not block or throw.
  virtual void done(InferResult result) = 0;
  // What keeps the request's bytes after this object has gone, for an answer that is sent from there; null where
  // nothing can. At most once, before done().
  virtual std::shared_ptr<const void> share_request() { return nullptr; }
};

// Lets the transport give a call up. Copyable; may outlive the call.
class InferCall {
 public:
  InferCall() = default;
  InferCall(std::shared_ptr<Cancellation> cancellation, std::weak_ptr<ModelRuntime> runtime)
      : cancellation_(std::move(cancellation)), runtime_(std::move(runtime)) {}
  // The completion is still called: with CANCELLED where the request had not begun to execute.
  void cancel();

 private:
  std::shared_ptr<Cancellation> cancellation_;
  std::weak_ptr<ModelRuntime> runtime_;
};

class InferService {
 public:
  // All must outlive the service. `regions`: null where clients must not use shared memory.
  InferService(ModelTable& models, BufferPool& pool, Clock& clock, const RegionTable* regions = nullptr);

  // `bytes` (one message, without the gRPC prefix) must stay valid until `completion` is destroyed.
  // `received` is when the transport saw the request; `deadline` is kNever for none.
  InferCall infer(Protocol protocol, std::span<const std::byte> bytes, TimePoint received, TimePoint deadline,
                  std::unique_ptr<InferCompletion> completion);

 private:
  ModelTable& models_;
  BufferPool& pool_;
  Clock& clock_;
  const RegionTable* const regions_;
};

}  // namespace pyserver
