#include "server/infer_service.h"

#include <algorithm>
#include <array>
#include <memory_resource>
#include <optional>

#include "base/text.h"
#include "codec/open_inference_codec.h"
#include "codec/predict_codec.h"
#include "ops/classification.h"
#include "server/shared_outputs.h"

namespace pyserver {
namespace {

bool is_stream(Protocol protocol) {
  return protocol == Protocol::kPredictStream || protocol == Protocol::kModelStreamInfer;
}

Status decode(Protocol protocol, std::span<const std::byte> bytes, TimePoint now, BufferPool& pool,
              const RegionTable* regions, Request& request) {
  switch (protocol) {
    case Protocol::kPredict: return decode_predict_request(bytes, pool, request);
    case Protocol::kPredictStream: return decode_predict_stream_request(bytes, pool, request);
    case Protocol::kModelInfer:
    case Protocol::kModelStreamInfer: return decode_model_infer_request(bytes, now, pool, request, regions);
  }
  return internal_error("unknown protocol");
}

Ledger ledger_of(const Timeline& at, TimePoint now) {
  Ledger ledger;
  ledger.receive_us = microseconds_between(at.received, at.decode_began);
  ledger.decode_us = microseconds_between(at.decode_began, at.queued);
  ledger.queue_us = microseconds_between(at.queued, at.batch_began);
  ledger.batch_us = microseconds_between(at.batch_began + at.preprocess, at.execute_began);
  ledger.preprocess_us = microseconds_between({}, TimePoint(at.preprocess));
  ledger.execute_us = microseconds_between(at.execute_began, at.execute_ended);
  ledger.postprocess_us = microseconds_between({}, TimePoint(at.postprocess));
  ledger.encode_us = microseconds_between(at.execute_ended + at.postprocess, now);
  ledger.batch_size = at.batch_size;
  return ledger;
}

Result<Message> encode(Protocol protocol, const Request& request, const ResponseHead& head,
                       std::span<const TensorView> outputs, const Loan& loan, BufferPool& pool, Clock& clock) {
  const auto measure = [&] { return ledger_of(request.timeline, clock.now()); };
  const std::function<Ledger()> ledger = request.wants_ledger ? measure : std::function<Ledger()>();
  switch (protocol) {
    case Protocol::kPredict: return encode_predict_response(head, outputs, ledger, loan, pool);
    case Protocol::kPredictStream: return encode_predict_stream_response(head, outputs, ledger, loan, pool);
    case Protocol::kModelInfer:
      return encode_model_infer_response(head, outputs, request.wants_typed_contents, loan, pool);
    case Protocol::kModelStreamInfer:
      return encode_model_stream_infer_response(head, outputs, request.wants_typed_contents, loan, pool);
  }
  return internal_error("unknown protocol");
}

// A stream goes on after a failed request: its failure is a message like any answer.
Buffer encode_stream_failure(Protocol protocol, const ResponseHead& head, const Status& status, BufferPool& pool) {
  Result<Buffer> message = protocol == Protocol::kPredictStream ? encode_predict_stream_error(head.id, status, pool)
                                                                : encode_model_stream_infer_error(head, status, pool);
  return message.ok() ? *std::move(message) : Buffer();
}

// The `count` highest of each row of `output` as texts, which go into `texts`: FP32 [rows, classes] becomes BYTES
// [rows, count].
Status to_classes(bool batches, std::uint32_t count, std::span<const std::string> labels, TensorView& output,
                  std::vector<std::byte>& texts) {
  const std::int64_t rows = batches ? output.shape[0] : 1;
  const std::int64_t classes = rows == 0 ? 0 : output.shape.element_count().value_or(0) / rows;
  const std::int64_t kept = std::min<std::int64_t>(count, classes);
  const std::size_t row_bytes = rows == 0 ? 0 : output.bytes.size() / static_cast<std::size_t>(rows);
  for (std::int64_t row = 0; row < rows; ++row) {
    PYSERVER_RETURN_IF_ERROR(append_top_k(output.bytes.subspan(static_cast<std::size_t>(row) * row_bytes, row_bytes),
                                          output.datatype, static_cast<std::size_t>(kept), labels, texts));
  }
  output.datatype = Datatype::kBytes;
  output.shape = batches ? Shape{rows, kept} : Shape{kept};
  output.bytes = texts;
  return {};
}

// Ends one call: encodes, counts, and tells the transport. Before a model was found there is no lease, and nothing to
// count for it.
class Call final : public Completion {
 public:
  Call(Protocol protocol, std::span<const std::byte> bytes, BufferPool& pool, Clock& clock,
       std::unique_ptr<InferCompletion> completion)
      : protocol_(protocol), bytes_(bytes), pool_(pool), clock_(clock), completion_(std::move(completion)) {}

  void set_lease(RuntimeLease lease) { lease_.emplace(std::move(lease)); }

  void complete(const Request& request, const Status& status, std::span<const TensorView> outputs,
                const std::shared_ptr<const void>& memory) override {
    InferResult result;
    result.status = status;
    result.request_id = request.id.substr(0, InferResult::kLoggedBytes);
    result.model = request.model.substr(0, InferResult::kLoggedBytes);
    if (status.ok()) {
      Result<Message> response = encode_outputs(request, outputs, memory);
      if (response.ok()) {
        result.response = *std::move(response);
      } else {
        result.status = std::move(response).status();
      }
    }
    if (!result.status.ok() && is_stream(protocol_)) {
      result.response = encode_stream_failure(protocol_, head_of(request), result.status, pool_);
    }
    count(request, result.status.code());
    completion_->done(std::move(result));
  }

 private:
  ResponseHead head_of(const Request& request) const {
    return {request.model, lease_ ? (*lease_)->version() : request.version, request.id, {}};
  }

  // The outputs that the request wants, in its order, under the signature's names.
  Result<Message> encode_outputs(const Request& request, std::span<const TensorView> outputs,
                                 const std::shared_ptr<const void>& memory) {
    const ModelSignature& signature = (*lease_)->signature();
    std::array<std::byte, 1024> block;
    std::pmr::monotonic_buffer_resource arena(block.data(), block.size());
    std::pmr::vector<TensorView> wanted(&arena);
    const auto add = [&](std::size_t index) {
      wanted.push_back(outputs[index]);
      wanted.back().name = signature.outputs[index].name;
    };
    if (request.wanted_outputs.empty()) {
      wanted.reserve(outputs.size());
      for (std::size_t index = 0; index < outputs.size(); ++index) add(index);
    } else {
      wanted.reserve(request.wanted_outputs.size());
      for (const std::string_view name : request.wanted_outputs) {
        add(static_cast<std::size_t>(signature.output_index(name)));
      }
    }
    std::vector<std::vector<std::byte>> texts;
    PYSERVER_RETURN_IF_ERROR(classify(request, wanted, texts));
    ResponseHead head = head_of(request);
    if (!request.output_places.empty()) {
      PYSERVER_RETURN_IF_ERROR(write_shared_outputs(request, wanted));
      head.places = request.output_places;
    }
    // Texts live no longer than this function.
    const Loan loan = texts.empty() ? loan_of(wanted, memory) : Loan{};
    return encode(protocol_, request, head, wanted, loan, pool_, clock_);
  }

  // Turns the outputs that are wanted as classes into texts, whose bytes lie in `texts`.
  Status classify(const Request& request, std::span<TensorView> wanted, std::vector<std::vector<std::byte>>& texts) {
    texts.reserve(request.wanted_classes.size());
    for (std::size_t index = 0; index < request.wanted_classes.size(); ++index) {
      if (request.wanted_classes[index] == 0) continue;
      TensorView& output = wanted[index];
      Status status = to_classes((*lease_)->engine().signature().batches(), request.wanted_classes[index],
                                 (*lease_)->labels(output.name), output, texts.emplace_back());
      if (status.ok()) continue;
      return {status.code(), concat("model ", quoted(request.model), ": output ", quoted(output.name),
                                    ": parameter 'classification': ", status.message())};
    }
    return {};
  }

  // What of the outputs need not be copied: what the engine shares, or what lies in the request itself, as all that an
  // identity model answers.
  Loan loan_of(std::span<const TensorView> outputs, const std::shared_ptr<const void>& memory) {
    if (memory != nullptr) return {memory, {}};
    const bool pays = std::ranges::any_of(outputs, [this](const TensorView& output) {
      return output.bytes.size() >= Loan::kSmallest && Loan::contains(bytes_, output.bytes);
    });
    return pays ? Loan{completion_->share_request(), bytes_} : Loan{};
  }

  void count(const Request& request, StatusCode code) {
    if (!lease_) return;
    const Timeline& at = request.timeline;
    const TimePoint now = clock_.now();
    const auto ns = [](TimePoint from, TimePoint to) {
      return to <= from ? 0 : static_cast<std::uint64_t>(std::chrono::nanoseconds(to - from).count());
    };
    const bool executed = at.batch_began != TimePoint();
    (*lease_)->metrics().record_request(
        {.code = code, .queue_ns = executed ? ns(at.queued, at.batch_began) : 0, .total_ns = ns(at.decode_began, now)});
  }

  const Protocol protocol_;
  const std::span<const std::byte> bytes_;
  BufferPool& pool_;
  Clock& clock_;
  // Declared before the lease, so destroyed after it: what keeps the request's bytes alive goes last.
  std::unique_ptr<InferCompletion> completion_;
  std::optional<RuntimeLease> lease_;
};

}  // namespace

void InferCall::cancel() {
  if (cancellation_ == nullptr) return;
  cancellation_->cancel();
  if (const std::shared_ptr<ModelRuntime> runtime = runtime_.lock()) runtime->drop_cancelled();
}

InferService::InferService(ModelTable& models, BufferPool& pool, Clock& clock, const RegionTable* regions)
    : models_(models), pool_(pool), clock_(clock), regions_(regions) {}

InferCall InferService::infer(Protocol protocol, std::span<const std::byte> bytes, TimePoint received,
                              TimePoint deadline, std::unique_ptr<InferCompletion> completion) {
  auto request = std::make_unique<Request>();
  auto call = std::make_unique<Call>(protocol, bytes, pool_, clock_, std::move(completion));
  Call& this_call = *call;
  request->completion = std::move(call);
  request->timeline.received = received;
  request->timeline.decode_began = clock_.now();
  request->deadline = deadline;
  auto cancellation = std::make_shared<Cancellation>();
  request->cancellation = cancellation;

  const Status status = decode(protocol, bytes, request->timeline.decode_began, pool_, regions_, *request);
  // A malformed request for a model that is there counts as that model's error.
  Result<RuntimeLease> lease = models_.find(request->model, request->version);
  if (!lease.ok()) {
    finish(std::move(request), status.ok() ? lease.status() : status);
    return {};
  }
  const std::shared_ptr<ModelRuntime> runtime = lease->runtime();
  this_call.set_lease(*std::move(lease));
  if (!status.ok()) {
    finish(std::move(request), status);
    return {};
  }
  runtime->submit(std::move(request));
  return {std::move(cancellation), runtime};
}

}  // namespace pyserver
